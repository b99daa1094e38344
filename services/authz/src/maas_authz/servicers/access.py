"""ListAccess of maas.authz.v1.AuthzService: who may use what."""

from __future__ import annotations

from collections.abc import Sequence

from maas.authz.v1 import authz_pb2
from maas_common.auth.principal import Principal
from maas_common.auth.roles import Reach, reach
from maas_common.errors import InvalidArgumentError, NotFoundError, PermissionDeniedError, UnavailableError

from maas_authz.core.access import Access, Person, access_of
from maas_authz.core.catalogue import Catalogue, Model
from maas_authz.core.refusals import CATALOGUE_STALE, MODEL_NOT_FOUND
from maas_authz.ports import People, PeoplePage

METHOD = "maas.authz.v1.AuthzService/ListAccess"
_PAGE_SIZE = 100
_SEARCHED_AT_ONCE = 1000
_SEARCHED_PAGES = 20
"""Of people in one call, when somebody is looked for."""


async def list_access(
    request: authz_pb2.ListAccessRequest, principal: Principal, people: People, catalogue: Catalogue | None
) -> authz_pb2.ListAccessResponse:
    """Of everybody in the tenant for whom the table of roles lets see all, of oneself for others.

    Others see only models that they may use, unless they name one: what the catalogue holds beside is not shown to them.
    """
    if catalogue is None:
        raise UnavailableError(CATALOGUE_STALE.message)
    oneself = Person(principal.user, principal.username, principal.groups)
    sees_all = reach(METHOD, principal.roles) is Reach.ALL
    if not sees_all and request.user and not oneself.is_called(request.user):
        raise PermissionDeniedError(f"{principal.username} may list their own access only; leave the user out")
    if sees_all and not (request.model or request.user):
        raise InvalidArgumentError.of("model", "want a model, a user, or both: access to what, or whose?")
    models = _models(request.model, catalogue, sees_all=sees_all)
    if not sees_all or request.user == oneself.user:
        page = PeoplePage((oneself,), "")
    else:
        page = await _page(request, principal.tenant, people)
    found = [
        access_of(oneself if person.user == oneself.user else person, model, catalogue)  # a token knows better than what is remembered
        for person in page.people
        for model in models
    ]
    shown = [each for each in found if sees_all or request.model or each.allowed]
    return authz_pb2.ListAccessResponse(access=map(_pack, shown), next_page_token=page.next_token)


def _models(name: str, catalogue: Catalogue, *, sees_all: bool) -> Sequence[Model]:
    if not name:
        return sorted(catalogue.models.values(), key=lambda model: model.id)
    model = catalogue.models.get(name)
    if model is None or not (model.is_published or sees_all):
        raise NotFoundError(MODEL_NOT_FOUND.message)
    return (model,)


async def _page(request: authz_pb2.ListAccessRequest, tenant: str, people: People) -> PeoplePage:
    if not request.user:
        return await people.page(tenant, request.page_size or _PAGE_SIZE, request.page_token)
    found: list[Person] = []
    token = request.page_token
    for _ in range(_SEARCHED_PAGES):
        page = await people.page(tenant, _SEARCHED_AT_ONCE, token)
        found += [person for person in page.people if person.is_called(request.user)]
        token = page.next_token
        if not token or any(person.user == request.user for person in found):
            token = ""
            break
    if not (found or token or request.page_token):
        raise NotFoundError(
            f'user "{request.user}" is not known; want the name, or <issuer>|<subject>, of somebody who signed in or was imported'
        )
    return PeoplePage(tuple(found), token)


def _pack(access: Access) -> authz_pb2.Access:
    return authz_pb2.Access(
        user=access.person.user,
        username=access.person.username,
        model=access.model,
        allowed=access.allowed,
        tier=access.tier,
        group=access.group,
        reason=access.reason,
    )
