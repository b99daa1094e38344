"""Which keys a caller may see, and what they may do with them."""

from __future__ import annotations

from maas_common.auth.roles import TABLE, Reach
from maas_common.errors import NotFoundError, PermissionDeniedError

from maas_keys.core.api_key import ApiKey, is_key_id
from maas_keys.core.caller import Caller
from maas_keys.core.search import Visible

SERVICE = "maas.keys.v1.ApiKeysService"
TEAMS = "maas.keys.v1.TeamsService"
GET = f"{SERVICE}/GetApiKey"
_VERBS = {f"{SERVICE}/UpdateApiKey": "change", f"{TEAMS}/UpdateTeamKey": "change", f"{TEAMS}/DeleteTeamKey": "delete"}


def covers(caller: Caller, method: str, key: ApiKey) -> bool:
    """Whether the caller may use `package.Service/Method` with this key of their tenant."""
    match caller.reach(method, key.team):
        case Reach.ALL | Reach.TEAM:
            return True
        case Reach.OWN:
            return key.owner.user == caller.name
        case _:
            return False


def allowed(key: ApiKey | None, key_id: str, caller: Caller, method: str) -> ApiKey:
    """The key, for a caller who may use the method with it.

    NotFoundError that reads the same for a key that is unknown and one that they can't see; PermissionDeniedError otherwise.
    """
    if key is None or not covers(caller, GET, key):
        if not is_key_id(key_id):
            raise NotFoundError("no API key has that id; an id is the 12 letters and digits between a key's prefix and its secret")
        raise NotFoundError(f'API key "{key_id}" does not exist', metadata={"id": key_id})
    if not covers(caller, method, key):
        verb = _VERBS.get(method) or method.rpartition("/")[2].removesuffix("ApiKey").lower()
        raise PermissionDeniedError(f'you may see API key "{key_id}" but not {verb} it: that takes {_missing(key, caller, method)}')
    return key


def _missing(key: ApiKey, caller: Caller, method: str) -> str:
    """Which roles reach this key."""
    cells = {column: reach for column, reach in TABLE[method].items() if key.team or not column.startswith("team-")}
    ways = [column for column, reach in cells.items() if reach in {Reach.ALL, Reach.TEAM}]
    own = [column for column, reach in cells.items() if reach is Reach.OWN]
    if own and key.owner.user == caller.name:
        ways.append(f"{' or '.join(own)} for a key of your own")
    return ", or ".join(ways)


def seen_by(caller: Caller, method: str) -> Visible | None:
    """The keys that a method may show; None: all of the tenant."""
    if caller.reach(method) is Reach.ALL:
        return None
    return Visible(caller.name, tuple(sorted(team for team in caller.teams if caller.reach(method, team) is Reach.TEAM)))
