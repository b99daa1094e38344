"""Says before anything starts which ports are taken, by whom where that can be told, and which setting moves each."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from pathlib import Path

from maas_local.settings import HOST, PortInUse

_PROC = Path("/proc")
_LISTENING = "0A"
_LONGEST_COMMAND = 80


class PortsTakenError(Exception):
    """At least one port can't be listened on; the message has a line for each."""


def check_ports(ports: Iterable[PortInUse]) -> None:
    """PortsTakenError when one is taken, or when two of the suite's parts were given the same."""
    lines: list[str] = []
    seen: dict[int, PortInUse] = {}
    for port in ports:
        if (other := seen.setdefault(port.number, port)) is not port:
            lines.append(f"port {port.number}: {other.setting} and {port.setting} both name it; give one of them another")
        elif _is_taken(port.number):
            holder = _holder(port.number)
            lines.append(f"port {port.number} ({port.what}) is taken by {holder}; stop that, or set {port.setting} to another port")
    if lines:
        raise PortsTakenError("\n".join(lines))


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        # As servers do: a connection of the run before that still lingers does not count.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def _holder(port: int) -> str:
    inodes = set(_listening_inodes(port))
    for pid, inode in _open_sockets():
        if inode in inodes:
            return f"process {pid} ({_command(pid)})"
    return "a process of another user"


def _listening_inodes(port: int) -> Iterator[str]:
    """Socket inodes of /proc/net/tcp*: columns are slot, local address, remote address, state, …, inode."""
    for table in ("tcp", "tcp6"):
        for line in (_PROC / "net" / table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                yield columns[9]


def _open_sockets() -> Iterator[tuple[int, str]]:
    """Process id and inode of each socket that we may see: other users' processes hide theirs."""
    for descriptor in _PROC.glob("[0-9]*/fd/*"):
        try:
            target = descriptor.readlink().name
        except OSError:
            continue
        if target.startswith("socket:["):
            yield int(descriptor.parts[2]), target.removeprefix("socket:[").removesuffix("]")


def _command(pid: int) -> str:
    try:
        words = (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return "gone meanwhile"
    return words if len(words) <= _LONGEST_COMMAND else words[: _LONGEST_COMMAND - 1] + "…"
