"""A small HTTP/2 sender for unary gRPC calls whose bodies differ from one another. Plain text, loopback, no errors forgiven."""

from __future__ import annotations

import selectors
import socket
import struct
from collections.abc import Iterator, Sequence

CONNECTIONS = 4
STREAMS = 16
"""Calls in flight on each connection."""

_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_DATA, _HEADERS, _RST_STREAM, _SETTINGS, _PING, _GOAWAY, _WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 1, 4, 1
_INITIAL_WINDOW_SIZE = 4
_HEAD = struct.Struct(">HBBBI")
_WINDOW = 65_535
_LARGEST_WINDOW = 2**31 - 1
_POST, _HTTP, _AND_REMEMBER = b"\x83", b"\x86", b"\x40"
_POINTER, _FIRST_REMEMBERED = 0x80, 62


def send(port: int, path: str, metadata: Sequence[tuple[str, str]], bodies: Sequence[bytes]) -> None:
    """Send every body once and wait for its answer. RuntimeError when a call is refused."""
    heads = _header_blocks(path, metadata)
    left = iter(bodies)
    open_connections = [_Connection(port, heads, left) for _ in range(CONNECTIONS)]
    with selectors.DefaultSelector() as selector:
        for connection in open_connections:
            selector.register(connection.socket, selectors.EVENT_READ, connection)
            connection.fill()
        while any(connection.in_flight for connection in open_connections):
            for key, _ in selector.select():
                key.data.receive()
                key.data.fill()
    for connection in open_connections:
        connection.socket.close()
    if sum(connection.messages for connection in open_connections) != len(bodies):
        raise RuntimeError("not every call was answered with a message: the server refuses some")


class _Connection:
    """One connection that keeps `streams` calls in flight for as long as there are bodies."""

    def __init__(self, port: int, heads: tuple[bytes, bytes], bodies: Iterator[bytes]) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.in_flight = 0
        self.messages = 0
        self._head, self._next_head = heads
        self._bodies = bodies
        self._next_stream = 1
        self._window = _WINDOW
        self._waiting: bytes | None = None
        self._unread = b""
        settings = struct.pack(">HI", _INITIAL_WINDOW_SIZE, _LARGEST_WINDOW)
        wider = struct.pack(">I", _LARGEST_WINDOW - _WINDOW)
        self.socket.sendall(_PREFACE + _frame(_SETTINGS, 0, 0, settings) + _frame(_WINDOW_UPDATE, 0, 0, wider))

    def fill(self) -> None:
        """Send calls until enough are in flight, the server's window is full, or no body is left."""
        out = []
        while self.in_flight < STREAMS:
            body = self._waiting or next(self._bodies, None)
            if body is None:
                break
            message = struct.pack(">BI", 0, len(body)) + body
            self._waiting = body if len(message) > self._window else None
            if self._waiting is not None:
                break
            self._window -= len(message)
            out.append(_frame(_HEADERS, _END_HEADERS, self._next_stream, self._head))
            out.append(_frame(_DATA, _END_STREAM, self._next_stream, message))
            self._head = self._next_head
            self._next_stream += 2
            self.in_flight += 1
        self.socket.sendall(b"".join(out))

    def receive(self) -> None:
        """Read what has come: answers, and what the protocol wants answered."""
        received = self.socket.recv(1 << 18)
        if not received:
            raise RuntimeError("the server closed the connection")
        data = self._unread + received
        at = 0
        while len(data) - at >= _HEAD.size:
            high, low, kind, flags, stream = _HEAD.unpack_from(data, at)
            after = at + _HEAD.size + (high << 8 | low)
            if after > len(data):
                break
            self._take(kind, flags, stream, data[at + _HEAD.size : after])
            at = after
        self._unread = data[at:]

    def _take(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == _HEADERS:
            self.in_flight -= flags & _END_STREAM
        elif kind == _DATA:
            self.messages += 1  # no answer is so long that it needs two frames
        elif kind == _SETTINGS and not flags & _ACK:
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
