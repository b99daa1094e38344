"""Limits between messages and values."""

from __future__ import annotations

from maas.common.v1 import limit_pb2

from maas_common.limits import Limit


def pack_limit(limit: Limit) -> limit_pb2.Limit:
    """A limit as a message."""
    return limit_pb2.Limit(
        id=limit.id,
        metric=limit.metric,
        amount=limit.amount,
        window=limit.window.text,
        per=limit.per.text,
        over=limit.over.text,
        notify=limit.notify,
    )


def read_limit(message: limit_pb2.Limit) -> Limit:
    """The limit of a message; ValueError says what is wrong with it. Empty `per`: user, `over`: hard, `window`: none."""
    return Limit.parse(
        id=message.id,
        metric=message.metric,
        amount=message.amount,
        window=message.window,
        per=message.per,
        over=message.over,
        notify=tuple(message.notify),
    )
