"""Which keys a caller may see, and what they may do with them."""

from __future__ import annotations

from maas_common.auth.roles import TABLE, Reach
from maas_common.errors import NotFoundError, PermissionDeniedError

from maas_keys.core.api_key import ApiKey, is_key_id
from maas_keys.core.caller import Caller
from maas_keys.core.search import Visible

SERVICE = "maas.keys.v1.ApiKeysService"
GET = f"{SERVICE}/GetApiKey"
_WITH = {Reach.ALL: "any key", Reach.TEAM: "keys of that team", Reach.OWN: "their own keys"}


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
        may = ", ".join(f"{column} with {_WITH[reach]}" for column, reach in TABLE[method].items() if reach is not Reach.NONE)
        raise PermissionDeniedError(f'API key "{key_id}": {method.rpartition("/")[2]} is for {may}')
    return key


def seen_by(caller: Caller, method: str) -> Visible | None:
    """The keys that a method may show; None: all of the tenant."""
    if caller.reach(method) is Reach.ALL:
        return None
    return Visible(caller.name, tuple(sorted(team for team in caller.teams if caller.reach(method, team) is Reach.TEAM)))
