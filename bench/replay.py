"""A small HTTP/2 sender for unary gRPC calls whose bodies differ from one another. Plain text, loopback, no errors forgiven."""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Sequence
from typing import TypeAlias

CONNECTIONS = 4
STREAMS = 16
"""Calls in flight on each connection."""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_INITIAL_WINDOW_SIZE = 4
_HEAD = struct.Struct(">HBBBI")
_WINDOW = 65_535
_LARGEST_FRAME = 16_384
_LARGEST_WINDOW = 2**31 - 1
_POST, _HTTP, _AND_REMEMBER = b"\x83", b"\x86", b"\x40"
_POINTER, _FIRST_REMEMBERED = 0x80, 62


Calls: TypeAlias = list[tuple[bytes, int]]
"""Of one connection: frames, and how much of them counts against the server's window."""


def prepare(path: str, metadata: Sequence[tuple[str, str]], bodies: Sequence[bytes]) -> list[Calls]:
    """Every call, by connection. To be made before the clock starts: what sends shares the processor with what is measured."""
    first, other = _header_blocks(path, metadata)
    connections = []
    for connection in range(CONNECTIONS):
        calls: Calls = []
        for place, body in enumerate(bodies[connection::CONNECTIONS]):
            stream = 2 * place + 1
            headers = _frame(_HEADERS, _END_HEADERS, stream, other if place else first)
            message = struct.pack(">BI", 0, len(body)) + body
            if len(message) > _LARGEST_FRAME:
                raise ValueError(f"a body of {len(body)} bytes: one frame holds {_LARGEST_FRAME - 5}")
            calls.append((headers + _frame(_DATA, _END_STREAM, stream, message), len(message)))
        connections.append(calls)
    return connections


def send(port: int, prepared: Sequence[Calls]) -> None:
    """Send every call and wait for its answer. RuntimeError when one is refused."""
    connections = [_Connection(port, calls) for calls in prepared]
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.fill()
        while any(connection.in_flight for connection in connections):
            for key, _ in selector.select():
                key.data.receive()
                key.data.fill()
    for connection in connections:
        connection.socket.close()
    if sum(connection.messages for connection in connections) != sum(map(len, prepared)):
        raise RuntimeError("not every call was answered with a message: the server refuses some")


class _Connection:
    """One connection that keeps calls in flight for as long as there are any."""

    def __init__(self, port: int, calls: Calls) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.in_flight = 0
        self.messages = 0
        self._calls = calls
        self._next = 0
        self._window = _WINDOW
        self._unread = b""
        settings = struct.pack(">HI", _INITIAL_WINDOW_SIZE, _LARGEST_WINDOW)
        wider = struct.pack(">I", _LARGEST_WINDOW - _WINDOW)
        self.socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW_UPDATE, 0, 0, wider))

    def fill(self) -> None:
        """Send calls until enough are in flight, the server's window is full, or none is left."""
        calls = self._calls[self._next : self._next + STREAMS - self.in_flight]
        size = sum([length for _, length in calls])
        while size > self._window:
            size -= calls.pop()[1]
        if calls:
            self._next += len(calls)
            self.in_flight += len(calls)
            self._window -= size
            self.socket.sendall(b"".join([frames for frames, _ in calls]))

    def receive(self) -> None:
        """Read what has come: answers, and what the protocol wants answered."""
        received = self.socket.recv(1 << 18)
        if not received:
            raise RuntimeError("the server closed the connection")
        data = self._unread + received
        at, last = 0, len(data) - _HEAD.size
        unpack = _HEAD.unpack_from
        while at <= last:
            high, low, kind, flags, stream = unpack(data, at)
            after = at + _HEAD.size + (high << 8 | low)
            if after > len(data):
                break
            if kind == _HEADERS:
                self.in_flight -= flags & _END_STREAM
            elif kind == _DATA:
                self.messages += 1  # no answer is so long that it needs two frames
            else:
                self._obey(kind, flags, stream, data[at + _HEAD.size : after])
            at = after
        self._unread = data[at:]

    def _obey(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _SETTINGS and not flags & _ACK:
            self.socket.sendall(_frame(_SETTINGS, _ACK, 0, b""))
        elif kind == _PING and not flags & _ACK:
            self.socket.sendall(_frame(_PING, _ACK, 0, payload))
        elif kind == _WINDOW_UPDATE and stream == 0:
            self._window += int.from_bytes(payload)
        elif kind in {_RST_STREAM, _GOAWAY}:
            raise RuntimeError("the server reset a call or closed the connection")


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    length = len(payload)
    return _HEAD.pack(length >> 8, length & 255, kind, flags, stream) + payload


def _header_blocks(path: str, metadata: Sequence[tuple[str, str]]) -> tuple[bytes, bytes]:
    """Request headers in HPACK: of a connection's first call, which has the server remember them, and of all others, which point there."""
    headers = [(":path", path), (":authority", "localhost"), ("content-type", "application/grpc"), ("te", "trailers"), *metadata]
    literals = b"".join(_AND_REMEMBER + _string(name.encode()) + _string(value.encode()) for name, value in headers)
    pointers = bytes(_POINTER | _FIRST_REMEMBERED + place for place in reversed(range(len(headers))))
    return _POST + _HTTP + literals, _POST + _HTTP + pointers


def _string(text: bytes) -> bytes:
    if len(text) > 126:
        raise ValueError("a header longer than 126 bytes is not written here")
    return bytes((len(text),)) + text
