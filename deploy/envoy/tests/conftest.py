"""The gateway's Lua on the Lua that Envoy has (LuaJIT 2.1). Strings are bytes there; here they are latin-1, byte for byte."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from lupa.luajit21 import LuaRuntime
from maas_local.gateway import lua_program

HANDLE = (Path(__file__).parent / "handle.lua").read_text()
LUA = Path(__file__).parents[1] / "lua"
SPACES = {"decided": "envoy.filters.http.ext_authz", "ratelimit": "envoy.filters.http.ratelimit", "read": "maas.request"}
Facts: TypeAlias = Mapping[str, str] | None


@dataclass(frozen=True)
class Passed:
    """What came out of a filter."""

    headers: dict[str, str]
    body: bytes
    metadata: dict[str, dict[str, str]]
    reply: tuple[str, str] | None
    """Status and body of the answer that the filter gave itself."""


class LuaFilter:
    """One of the gateway's Lua filters."""

    def __init__(self, name: str) -> None:
        self.lua = LuaRuntime(encoding="latin-1", unpack_returned_tuples=True)
        self.lua.execute(lua_program(name))
        self._handle = self.lua.execute(HANDLE)

    def request(self, headers: Mapping[str, str], body: bytes | None, decided: Facts = None, **spaces: Facts) -> Passed:
        """`decided` is what authz told, `ratelimit` and `read` what the others did."""
        return self._pass("envoy_on_request", {":method": "POST", **headers}, [] if body is None else [body], {"decided": decided} | spaces)

    def response(self, headers: Mapping[str, str], pieces: Sequence[bytes], decided: Facts = None, **spaces: Facts) -> Passed:
        return self._pass("envoy_on_response", {":status": "200", **headers}, pieces, {"decided": decided} | spaces)

    def _pass(self, entry: str, headers: Mapping[str, str], pieces: Sequence[bytes], spaces: Mapping[str, Facts]) -> Passed:
        table = self.lua.table_from
        passing = table(dict(headers))
        metadata = table({SPACES[space]: table(dict(facts)) for space, facts in spaces.items() if facts is not None})
        handle, body, reply = self._handle(passing, table([piece.decode("latin-1") for piece in pieces]), metadata)
        getattr(self.lua.globals(), entry)(handle)
        told = {space: dict(values) for space, values in metadata.items()}
        return Passed(dict(passing), body().encode("latin-1"), told, reply())


@pytest.fixture(scope="session")
def request_filter() -> LuaFilter:
    return LuaFilter("request")


@pytest.fixture(scope="session")
def upstream_filter() -> LuaFilter:
    return LuaFilter("upstream")


@pytest.fixture(scope="session")
def models_filter() -> LuaFilter:
    return LuaFilter("models")


@pytest.fixture(scope="session")
def management_filter() -> LuaFilter:
    return LuaFilter("management")


class LuaJson:
    """json.lua, spoken to in bytes."""

    def __init__(self) -> None:
        self._lua = LuaRuntime(encoding="latin-1", unpack_returned_tuples=True)
        self._json = self._lua.execute((LUA / "json.lua").read_text() + "\nreturn json")

    def members(self, text: bytes) -> dict[str, bytes] | str:
        """Name -> raw value, or the reason why not."""
        members, more = self._json.members(text.decode("latin-1"))
        if members is None:
            return str(more)
        return {name: text[at[1] - 1 : at[2]] for name, at in members.items()}

    def set(self, text: bytes, name: str, value: bytes) -> bytes | None:
        made = self._json.set(text.decode("latin-1"), self._lua.table_from({name: lambda _: value.decode("latin-1")}))
        return None if made is None else made.encode("latin-1")

    def count_others(self, text: bytes) -> int:
        return int(self._json.count_others(text.decode("latin-1")))

    def quote(self, text: str) -> str:
        return str(self._json.quote(text))

    def text(self, raw: bytes) -> Any:
        return self._json.text(raw.decode("latin-1"))


@pytest.fixture(scope="session")
def lua_json() -> LuaJson:
    return LuaJson()


class LuaUsage:
    """usage.lua, spoken to in bytes."""

    def __init__(self) -> None:
        self._lua = LuaRuntime(encoding="latin-1", unpack_returned_tuples=True)
        self._usage = self._lua.execute("\n".join((LUA / f"{part}.lua").read_text() for part in ("json", "usage")) + "\nreturn usage")

    def read(self, pieces: Iterable[bytes], *, stream: bool) -> dict[str, str]:
        """Every count that was reported, the latest of each."""
        feed = self._usage.reader(stream)
        told: dict[str, str] = {}
        for piece in pieces:
            told |= dict(feed(piece.decode("latin-1")))
        return told

    def without_report(self, pieces: Iterable[bytes]) -> list[bytes]:
        """What is let through for each piece, and for the empty one that ends a stream."""
        feed = self._usage.without_report()
        return [feed(piece.decode("latin-1")).encode("latin-1") for piece in [*pieces, b""]]


@pytest.fixture(scope="session")
def lua_usage() -> LuaUsage:
    return LuaUsage()
