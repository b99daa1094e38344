"""Settings of what keys are made by."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Literal, Self

from maas_common.apikey import DEFAULT_PREFIX, Peppers
from maas_common.errors import InvalidArgumentError
from maas_common.limit_drafts import LimitDraft
from maas_common.limits import Limit, Scope, default_id
from maas_common.settings import WatchedServiceSettings, read_secret
from pydantic import BaseModel, Field, field_validator, model_validator

from maas_keys.core.approval import Approval
from maas_keys.core.lifetime import Lifetime, Lifetimes
from maas_keys.core.limit_drafts import limits_of
from maas_keys.core.money import micro_dollars
from maas_keys.core.terms import Terms

Column = Literal["admin", "model-owner", "model-consumer", "team-owner", "team-member"]


class PlaygroundLimit(BaseModel):
    """A limit as the REST API takes it."""

    metric: str
    amount: int
    window: str = ""
    id: str = ""
    per: str = ""
    over: str = ""

    def __repr__(self) -> str:
        """As it is given."""
        return json.dumps(self.model_dump(exclude_defaults=True))


class TermsSettings(WatchedServiceSettings):
    """What keys are made by."""

    pepper_file: Path = Field(
        description="File with the secrets that keys are hashed with, lines of <id>:<64 hex digits>; new keys get the first. "
        "A key whose pepper is taken out works no more."
    )
    key_prefix: str = Field(DEFAULT_PREFIX, description="What new keys begin with.", pattern="^[A-Za-z0-9][A-Za-z0-9_-]{0,31}$")
    default_expiry: str = Field("90d", description="How long a key lives when nobody says: <n>s, m, h or d.")
    max_expiry: str = Field("90d", description="How long a key may live at most.")
    ephemeral_expiry: str = Field("1h", description="How long an ephemeral key lives when nobody says, and at most.")
    rotation_grace: str = Field("24h", description="How long a key's old secret works after a rotation when nobody says; 0: not at all.")
    max_rotation_grace: str = Field("7d", description="How long a key's old secret may work after a rotation at most.")
    approval_budget_usd: float | None = Field(
        None,
        description="A key that its owner makes with a budget of more dollars than this, or with none, waits for an approver; "
        "unset: none does.",
    )
    approval_expiry: str = Field("", description="A key that its owner makes to live longer waits for an approver; empty: none does.")
    playground_limits: list[PlaygroundLimit] = Field(
        [PlaygroundLimit(metric="requests", amount=20, window="1m"), PlaygroundLimit(metric="total_tokens", amount=50_000, window="day")],
        description="The limits of playground keys, in place of the tier's, as the REST API takes limits; per user when nobody says.",
    )
    key_creation_roles: list[Column] = Field(
        ["admin", "model-consumer", "team-owner", "team-member"],
        description="Who may make API keys, of those that the table of roles lets. Team roles count in the team that the key is made in.",
    )
    groups_max_age: str = Field(
        "30d", description="How long groups that a token vouched for are relied on without a new sign-in; 1d at least."
    )

    @field_validator("default_expiry", "max_expiry", "ephemeral_expiry", "max_rotation_grace", "groups_max_age")
    @classmethod
    def _is_lifetime(cls, text: str) -> str:
        if not Lifetime.parse(text).seconds:
            raise ValueError("want a whole number from 1 and one of s, m, h, d, like 30d, 12h or 90m")
        return text

    @field_validator("groups_max_age")
    @classmethod
    def _is_a_day_at_least(cls, text: str) -> str:
        """That groups were vouched for again is told once a day."""
        if Lifetime.parse(text).seconds < Lifetime.parse("1d").seconds:
            raise ValueError(f"{text} is too short; want 1d or more")
        return text

    @field_validator("rotation_grace", "approval_expiry")
    @classmethod
    def _is_lifetime_or_none(cls, text: str) -> str:
        if text:
            Lifetime.parse(text)
        return text

    @field_validator("approval_budget_usd")
    @classmethod
    def _is_money(cls, dollars: float | None) -> float | None:
        if dollars is not None:
            _refused_as_value(lambda: micro_dollars("approval_budget_usd", dollars))
        return dollars

    @field_validator("playground_limits")
    @classmethod
    def _are_limits(cls, limits: list[PlaygroundLimit]) -> list[PlaygroundLimit]:
        _refused_as_value(lambda: _limits(limits))
        return limits

    @model_validator(mode="after")
    def _defaults_are_allowed(self) -> Self:
        for default, longest in (("default_expiry", "max_expiry"), ("rotation_grace", "max_rotation_grace")):
            given, most = getattr(self, default), getattr(self, longest)
            if Lifetime.parse(given).seconds > Lifetime.parse(most).seconds:
                raise ValueError(f"{default} {given} is longer than {longest} {most}")
        return self

    def terms(self) -> Terms:
        """What keys are made by; OSError or ValueError that names the pepper file when it can't be read."""
        try:
            peppers = Peppers.parse(read_secret(self.pepper_file).get_secret_value())
        except ValueError as error:
            raise ValueError(f"{self.pepper_file}: {error}") from None
        budget, ephemeral = self.approval_budget_usd, Lifetime.parse(self.ephemeral_expiry)
        return Terms(
            prefix=self.key_prefix,
            peppers=peppers,
            lifetimes=Lifetimes(Lifetime.parse(self.default_expiry), Lifetime.parse(self.max_expiry)),
            ephemeral=Lifetimes(ephemeral, ephemeral),
            grace=Lifetimes(Lifetime.parse(self.rotation_grace), Lifetime.parse(self.max_rotation_grace)),
            approval=Approval(
                None if budget is None else micro_dollars("approval_budget_usd", budget),
                Lifetime.parse(self.approval_expiry) if self.approval_expiry else None,
            ),
            playground_limits=_limits(self.playground_limits),
            creation_roles=frozenset(self.key_creation_roles),
            groups_max_age_s=Lifetime.parse(self.groups_max_age).seconds,
        )


def _limits(limits: list[PlaygroundLimit]) -> tuple[Limit, ...]:
    """Per user, not per key: a new key in the place of an ended one brings nothing back. Ids that no other key's limit has by default."""
    drafts = [LimitDraft(**limit.model_dump()) for limit in limits]
    named = [replace(draft, id=draft.id or f"playground-{default_id(draft.metric, draft.window)}") for draft in drafts]
    return limits_of("playground_limits", named, per=Scope.USER)


def _refused_as_value(rule: Callable[[], object]) -> None:
    """Run a rule of the core where pydantic wants a ValueError."""
    try:
        rule()
    except InvalidArgumentError as error:
        raise ValueError(error.message) from None
