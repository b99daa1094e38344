"""Where a model's server is: a base URL as OpenAI clients take it, taken apart and checked."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from maas_common.errors import InvalidArgumentError

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

_DEFAULT_PORT = {"http": 80, "https": 443}
_HOST_LENGTH = 253
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]+")
_PATH = re.compile(r"(/([A-Za-z0-9._~!$&'()*+,;=:@-]|%[0-9A-Fa-f]{2})*)*")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A checked base URL. `host` is lower-case, IPv6 without brackets; `path` is empty or begins with a slash and ends without."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def parse(cls, url: str) -> Endpoint:
        """Read `http(s)://host[:port][/path]`; InvalidArgumentError for `url` says what is wrong."""
        parts = _split(url)
        if parts.scheme not in _DEFAULT_PORT:
            raise _wrong(f'scheme is "{parts.scheme}"; want http or https, like https://models.example.org/v1')
        if "@" in parts.netloc:
            raise _wrong("has credentials in it; a URL is no place for secrets, leave them out")
        if "?" in url or "#" in url:
            raise _wrong("has a query or a fragment; want only scheme, host, port and path")
        return cls(parts.scheme, _host(parts), _port(parts), _path(parts.path))

    @property
    def is_tls(self) -> bool:
        """Whether the server is spoken to by TLS."""
        return self.scheme == "https"

    @property
    def address(self) -> IpAddress | None:
        """The IP address, when the host is one and not a name."""
        try:
            return ipaddress.ip_address(self.host)
        except ValueError:
            return None

    @property
    def url(self) -> str:
        """The base URL in its one form: lower-case host, no default port, no slash at the end."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _DEFAULT_PORT[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def _split(url: str) -> SplitResult:
    if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
        raise _wrong("has characters that no URL has; write international host names as xn--… and escape others as %XX")
    try:
        return urlsplit(url)
    except ValueError as error:
        raise _wrong(f"is no URL: {error}") from None


def _host(parts: SplitResult) -> str:
    host = (parts.hostname or "").lower()
    if not host:
        raise _wrong("has no host; want something like https://models.example.org/v1")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        labels = host.split(".")
        # A last label that is a number makes resolvers read the whole as an address: 0x7f.1 is 127.0.0.1.
        if len(host) > _HOST_LENGTH or not all(map(_LABEL.fullmatch, labels)) or _NUMBER.fullmatch(labels[-1]):
            raise _wrong(f'host "{host}" is neither a host name nor an IP address') from None
        return host
    if "%" in host:
        raise _wrong(f'host "{host}" has a zone; those mean something on one machine only')
    return str(address)


def _port(parts: SplitResult) -> int:
    try:
        port = parts.port
    except ValueError:
        port = 0
    if port == 0:
        raise _wrong("has a port that is none; want 1 to 65535")
    return port or _DEFAULT_PORT[parts.scheme]


def _path(path: str) -> str:
    if not _PATH.fullmatch(path):
        raise _wrong(f'path "{path}" has characters that no path has; escape them as %XX')
    if {".", ".."} & set(path.lower().replace("%2e", ".").split("/")):
        raise _wrong(f'path "{path}" has . or .. in it; write the path that they lead to')
    return path.rstrip("/")


def _wrong(description: str) -> InvalidArgumentError:
    return InvalidArgumentError.of("url", description)
