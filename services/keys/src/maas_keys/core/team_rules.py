"""The rules of making and changing teams, and of who may do what with one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from maas_common.auth.roles import Reach
from maas_common.errors import NotFoundError, PermissionDeniedError
from maas_common.limit_drafts import LimitDraft
from maas_common.limits import Limit, Scope

from maas_keys.core.budget import Budget, BudgetPatch
from maas_keys.core.caller import Caller
from maas_keys.core.etag import check_etag
from maas_keys.core.limit_drafts import limits_of
from maas_keys.core.team import Team
from maas_keys.core.text import check_line, check_name, slug

SERVICE = "maas.keys.v1.TeamsService"


@dataclass(frozen=True, slots=True)
class TeamDraft:
    """A team as somebody asks for it; its id is made from the name when empty."""

    name: str
    id: str = ""
    description: str = ""
    limits: tuple[LimitDraft, ...] = ()
    budget: Budget | None = None


@dataclass(frozen=True, slots=True)
class TeamPatch:
    """What to change of a team; None leaves a field as it is."""

    name: str | None = None
    description: str | None = None
    limits: tuple[LimitDraft, ...] | None = None
    budget: BudgetPatch | None = None
    etag: str = ""


def team_for(caller: Caller, method: str, team_id: str, team: Team | None) -> Team:
    """The team, for a caller who may use that method of TeamsService on it.

    NotFoundError when they may not even see it, PermissionDeniedError when they may see it only.
    """
    if team is None or caller.reach(f"{SERVICE}/GetTeam", team_id) is Reach.NONE:
        raise NotFoundError(f'team "{team_id}" does not exist', metadata={"team": team_id})
    if caller.reach(f"{SERVICE}/{method}", team_id) is Reach.NONE:
        role = caller.teams.get(team_id)
        raise PermissionDeniedError(f'team "{team_id}": as its {role} you may not call {method}; docs/roles.md says who may')
    return team


def new_team(draft: TeamDraft, *, tenant: str, now: int) -> Team:
    """The team to store; InvalidArgumentError when it can't be."""
    _check_texts(draft.name, draft.description)
    return Team(
        tenant=tenant,
        id=draft.id or slug("id", draft.name),
        name=draft.name,
        description=draft.description,
        limits=_limits(draft.limits),
        budget=draft.budget,
        created_at=now,
        updated_at=now,
    )


def updated_team(team: Team, patch: TeamPatch, caller: Caller, *, now: int) -> Team:
    """The changed team; InvalidArgumentError, ConflictError, or PermissionDeniedError for what is the administrators' to change."""
    check_etag(f'team "{team.id}"', current=team.etag, given=patch.etag)
    if not caller.is_admin and not (patch.limits is None and patch.budget is None):
        raise PermissionDeniedError(f'team "{team.id}": only administrators change limits and budget; leave them out')
    if patch.name is not None:
        team = replace(team, name=patch.name)
    if patch.description is not None:
        team = replace(team, description=patch.description)
    _check_texts(team.name, team.description)
    if patch.limits is not None:
        team = replace(team, limits=_limits(patch.limits))
    if patch.budget is not None:
        team = replace(team, budget=patch.budget.of(team.budget))
    return replace(team, updated_at=now)


def _limits(drafts: Sequence[LimitDraft]) -> tuple[Limit, ...]:
    return limits_of("limits", drafts, per=Scope.TEAM)


def _check_texts(name: str, description: str) -> None:
    check_name("name", name)
    check_line("description", description, allowed="\t\r\n")
