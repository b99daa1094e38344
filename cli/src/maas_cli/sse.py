"""Server-sent events (WHATWG HTML, 9.2), as far as model servers use them: the data of each event."""

from __future__ import annotations

from collections.abc import Iterable, Iterator


def data_of(chunks: Iterable[bytes]) -> Iterator[str]:
    """The data of each event; several data lines of one event are joined by newlines. An event cut off by the end is dropped."""
    data: list[str] = []
    for line in _lines(chunks):
        if not line and data:
            yield "\n".join(data)
            data = []
        elif line.startswith("data:"):
            data.append(line.removeprefix("data:").removeprefix(" "))


def _lines(chunks: Iterable[bytes]) -> Iterator[str]:
    """Lines that end in LF or CRLF. Not str.splitlines: a U+2028 inside an answer's text ends no line."""
    pending = b""
    for chunk in chunks:
        *whole, pending = (pending + chunk).split(b"\n")
        for line in whole:
            yield line.removesuffix(b"\r").decode(errors="replace")
