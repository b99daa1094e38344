"""Where the services are: command line, else environment, else the profile in the configuration file, else this machine."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import typer

from maas_cli.errors import UsageError

CONFIG_FILE = "config.toml"
DEFAULT_PROFILE = "default"


@dataclass(frozen=True, slots=True)
class Settings:
    """Base URLs, without a slash at the end."""

    url: str = "http://127.0.0.1:8081"
    gateway_url: str = "http://127.0.0.1:8080"
    issuer: str = "http://127.0.0.1:8082"


def config_folder(environ: Mapping[str, str] = os.environ) -> Path:
    """`maas` under XDG_CONFIG_HOME when that is set, else where the platform keeps such.

    A relative XDG_CONFIG_HOME counts as not set (XDG Base Directory Specification).
    """
    home = environ.get("XDG_CONFIG_HOME", "")
    return Path(home, "maas") if Path(home).is_absolute() else Path(typer.get_app_dir("maas"))


def load(folder: Path, profile: str | None, given: Mapping[str, str | None]) -> Settings:
    """`given` (command line and environment) over the profile over the defaults. UsageError names what is wrong and where."""
    chosen = _profile(folder / CONFIG_FILE, profile) | {name: value for name, value in given.items() if value}
    return Settings(**{name: base_url(value, name) for name, value in chosen.items()})


def base_url(text: str, name: str) -> str:
    """The URL without a slash at its end; UsageError unless it is http or https, with a host and without a password."""
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
    if not usable:
        raise UsageError(f'{name} "{text}": want http://HOST:PORT or https://HOST')
    if "@" in parts.netloc:
        raise UsageError(f"{name}: want no name or password in the URL; sign in with `maas login`")
    return text.rstrip("/")


def is_loopback(url: str) -> bool:
    """Whether the URL stays on this machine."""
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _profile(path: Path, wanted: str | None) -> dict[str, str]:
    document = _read(path)
    name = wanted or document.get("profile", DEFAULT_PROFILE)
    profiles = document.get("profiles", {})
    if name not in profiles:
        if name == DEFAULT_PROFILE:
            return {}
        known = ", ".join(sorted(profiles)) or "none"
        raise UsageError(f'profile "{name}" is not in {path}; it has {known}')
    profile: dict[str, str] = profiles[name]
    allowed = {field.name for field in fields(Settings)}
    for key, value in profile.items():
        if key not in allowed or not isinstance(value, str):
            raise UsageError(f'{path}: profile "{name}": {key}: want only {", ".join(sorted(allowed))}, each a string')
    return dict(profile)


def _read(path: Path) -> dict[str, Any]:
    try:
        document = tomllib.loads(path.read_text())
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path} can't be read: {error}") from None
    if not isinstance(document.get("profile", ""), str):
        raise UsageError(f"{path}: profile: want the name of a profile")
    profiles = document.get("profiles", {})
    if not isinstance(profiles, dict) or not all(isinstance(profile, dict) for profile in profiles.values()):
        raise UsageError(f"{path}: want tables named [profiles.NAME]")
    return document
