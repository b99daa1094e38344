"""The keys service's log of changes, followed: what changed is forgotten and looked up again when it is next used."""

from __future__ import annotations

from collections.abc import Callable

import grpc
from maas.keys.v1 import lookup_pb2, lookup_pb2_grpc
from maas_common.clock import Clock

from maas_authz.adapters.key_cache import Changed
from maas_authz.adapters.key_directory import KeyDirectory
from maas_authz.adapters.watching import Watch
from maas_authz.core.confirmation import Confirmation

KeysWatch = Watch[lookup_pb2.WatchKeysRequest, lookup_pb2.WatchKeysResponse]


def key_watch(  # noqa: PLR0913 - parts, by name
    channel: grpc.aio.Channel,
    *,
    watcher: str,
    directory: KeyDirectory,
    confirmation: Confirmation,
    clock: Clock,
    confirmed: Callable[[], None],
) -> KeysWatch:
    """Keeps a directory current; `confirmed` is told of every message applied."""

    def apply(message: lookup_pb2.WatchKeysResponse) -> None:
        kind = message.WhichOneof("message")
        if kind == "changed":
            directory.forget(_changed(message.changed), message.revision)
        elif kind != "heartbeat":  # a reset; and what a newer version may say, taken for the worst
            directory.forget_all()
        confirmation.confirm(message.revision, clock.now())
        confirmed()

    return Watch(
        name="keys",
        open=lookup_pb2_grpc.KeyLookupServiceStub(channel).WatchKeys,
        start=lambda revision: lookup_pb2.WatchKeysRequest(start={"watcher": watcher, "resume_after": revision}),
        ack=lambda revision: lookup_pb2.WatchKeysRequest(ack=revision),
        apply=apply,
        confirmation=confirmation,
    )


def _changed(message: lookup_pb2.KeysChanged) -> Changed:
    return Changed(
        key_ids=tuple(message.ids),
        users=tuple(message.users),
        teams=tuple((team.tenant, team.id) for team in message.teams),
        tenants=tuple(message.tenants),
    )
