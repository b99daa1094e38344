"""TLS before a Redis that was built without: ends it, wants a client's certificate, and hands on what is inside."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from threading import Thread

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from services.ratelimit.tests.redis_servers import HOST, Server

_CHUNK = 65536


@dataclass(frozen=True)
class Tls:
    """Where it is, and what a client has to have."""

    url: str
    ca_file: Path
    cert_file: Path
    key_file: Path


@contextmanager
def tls_before(server: Server, folder: Path) -> Iterator[Tls]:
    """In front of that server, for as long as the context is open. Files go into the folder."""
    ca, cert, key = _certificates(folder)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(ca))
    context.load_cert_chain(cert, key)
    context.verify_mode = ssl.CERT_REQUIRED
    with socket.create_server((HOST, 0)) as listener:
        Thread(target=_accept, args=(listener, context, server.port), daemon=True).start()
        yield Tls(f"rediss://{HOST}:{listener.getsockname()[1]}/0", ca, cert, key)
        with suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    with suppress(OSError):
        while True:
            client, _ = listener.accept()
            Thread(target=_serve, args=(client, context, port), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext, port: int) -> None:
    """One exchange after another: a client that waits for answers before it goes on, as ours does, needs no more."""
    with (
        suppress(OSError),
        client,
        context.wrap_socket(client, server_side=True) as inside,
        socket.create_connection((HOST, port)) as server,
    ):
        Thread(target=_copy, args=(server, inside), daemon=True).start()
        _copy(inside, server)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError, ValueError):
        while data := source.recv(_CHUNK):
            target.sendall(data)


def _certificates(folder: Path) -> tuple[Path, Path, Path]:
    """An authority's certificate; and one by it, for this address and for clients, with its key."""
    ca_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name("Test authority")
    ca = _signed(issuer, issuer, ca_key.public_key(), ca_key, x509.BasicConstraints(ca=True, path_length=None))
    alternative = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
    leaf = _signed(_name("redis"), issuer, key.public_key(), ca_key, x509.BasicConstraints(ca=False, path_length=None), alternative)
    files = folder / "ca.pem", folder / "redis.pem", folder / "redis.key"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for file, data in zip(files, (ca.public_bytes(pem), leaf.public_bytes(pem), private), strict=True):
        file.write_bytes(data)
    return files


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _signed(name, issuer, public_key, ca_key, *extensions) -> x509.Certificate:
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(issuer).public_key(public_key)
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(now - timedelta(hours=1))
    builder = builder.not_valid_after(now + timedelta(days=1))
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(ca_key, hashes.SHA256())
