"""Keys as people manage them, through the running service."""

from __future__ import annotations

import asyncio

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from maas.keys.v1.api_keys_pb2 import CreateApiKeyRequest, GetApiKeyRequest, ListApiKeysRequest, RevokeApiKeyRequest
from maas.keys.v1.lookup_pb2 import LookupApiKeyRequest
from maas.keys.v1.teams_pb2 import CreateTeamRequest
from maas.keys.v1.users_pb2 import GetMeRequest
from maas_common.apikey import Peppers, key_id_of
from maas_common.paging import page_token
from maas_common.testing import WORKLOAD

DAY_S = 86_400


def test_a_key_is_made_for_its_caller_and_shown_once(keys_service):
    async def scenario():
        async with keys_service() as world:
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop", description="mine"), metadata=world.alice)
            assert key_id_of(made.key) == made.id
            assert made.key_prefix == f"sk-maas-{made.id}"
            assert (made.name, made.username, made.note) == ("laptop", "alice", "")
            assert made.created_at == Timestamp(seconds=int(world.clock.now()))
            assert made.expires_at.seconds - made.created_at.seconds == 90 * DAY_S
            assert (made.enforcement.enforced, made.enforcement.revision) == (True, 1)

            shown = await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.alice)
            assert (shown.id, shown.name, shown.description, shown.username) == (made.id, "laptop", "mine", "alice")
            assert list(shown.groups) == ["staff", "system:authenticated"]
            assert (shown.creation_date, shown.expiration_date) == (made.created_at, made.expires_at)
            assert (shown.status, shown.key_prefix) == ("active", made.key_prefix)
            assert not shown.HasField("enforcement")

            record = (await world.lookup.LookupApiKey(LookupApiKeyRequest(id=made.id), metadata=WORKLOAD)).record
            assert (record.tenant, record.username, record.name) == ("default", "alice", "laptop")
            assert record.user == f"{world.settings.oidc_issuer}|alice"
            peppers = Peppers.parse(world.settings.pepper_file.read_text())
            assert [peppers.matches(made.key, h.pepper_id, h.hmac_sha256) for h in record.hashes] == [True]

    asyncio.run(scenario())


def test_creation_is_a_201_over_rest_and_a_refusal_is_not(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            call = world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            assert ("x-http-code", "201") in list(await call.initial_metadata())
            call = world.keys.CreateApiKey(CreateApiKeyRequest(name=" "), metadata=world.alice)
            await refused(call)
            assert "x-http-code" not in dict(await call.initial_metadata())

    asyncio.run(scenario())


def test_settings_decide_prefix_and_lifetimes(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service(key_prefix="sk-acme-", default_expiry="12h", max_expiry="2d") as world:
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            assert key_id_of(made.key, "sk-acme-") == made.id
            assert made.expires_at.seconds - made.created_at.seconds == 43_200
            asked = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop", expires_in="2d"), metadata=world.alice)
            assert asked.expires_at.seconds - asked.created_at.seconds == 2 * DAY_S
            error = await refused(world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop", expires_in="49h"), metadata=world.alice))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["expires_in"])
            assert "at most 2d" in error.details()

    asyncio.run(scenario())


LIMIT = {"metric": "requests", "amount": 5, "window": "1m"}


BAD_ORDERS = [
    ({}, ["name"]),
    ({"name": "   "}, ["name"]),
    ({"name": "n" * 129}, ["name"]),
    ({"name": "a\x07"}, ["name"]),
    ({"name": "a", "description": "d" * 1025}, ["description"]),
    ({"name": "a", "description": "d\x00"}, ["description"]),
    ({"name": "a", "expires_in": "forever"}, ["expires_in"]),
    ({"name": "a", "expires_in": "91d"}, ["expires_in"]),
    ({"name": "a", "expires_in": "2001-01-01"}, ["expires_in"]),
    ({"name": "a", "ephemeral": True, "expires_in": "61m"}, ["expires_in"]),
    ({"name": "a", "groups": ["g"]}, ["username"]),
    ({"name": "a", "username": " u"}, ["username"]),
    ({"name": "a", "username": "u", "groups": [""]}, ["groups[0]"]),
    ({"name": "a", "username": "u", "groups": ["g\n"]}, ["groups[0]"]),
    ({"name": "a", "username": "g", "owner_kind": "group", "groups": ["g"]}, ["groups"]),
    ({"name": "a", "owner_kind": "robot"}, ["owner_kind"]),
    ({"name": "a", "kind": "personal"}, ["kind"]),
    ({"name": "a", "kind": "playground", "team": "ds"}, ["team"]),
    ({"name": "a", "kind": "playground", "limits": [LIMIT], "budget": {"amount": 1}}, ["limits", "budget"]),
    ({"name": "a", "request_id": "r" * 129}, ["request_id"]),
    ({"name": "a", "request_id": "r\x00"}, ["request_id"]),
    ({"name": "a", "labels": {"-": "x"}}, ["labels"]),
    ({"name": "a", "labels": {"a": "x" * 129}}, ["labels.a"]),
    ({"name": "a", "labels": {f"l{n}": "" for n in range(65)}}, ["labels"]),
    ({"name": "a", "scope": {"models": ["m", "m"]}}, ["scope.models"]),
    ({"name": "a", "scope": {"models": ["llama-*"]}}, ["scope.models[0]"]),
    ({"name": "a", "scope": {"mcp_servers": ["x\x00"]}}, ["scope.mcp_servers[0]"]),
    ({"name": "a", "limits": [LIMIT | {"metric": "miles"}]}, ["limits[0].metric"]),
    ({"name": "a", "limits": [LIMIT | {"amount": 0}]}, ["limits[0].amount"]),
    ({"name": "a", "limits": [LIMIT | {"window": "soon"}]}, ["limits[0].window"]),
    ({"name": "a", "limits": [LIMIT | {"per": "planet"}]}, ["limits[0].per"]),
    ({"name": "a", "limits": [LIMIT | {"over": "the top"}]}, ["limits[0].over"]),
    ({"name": "a", "limits": [LIMIT | {"id": "A"}]}, ["limits[0].id"]),
    ({"name": "a", "limits": [LIMIT, LIMIT]}, ["limits[1].id"]),
    ({"name": "a", "limits": [LIMIT | {"id": "budget"}]}, ["limits[0].id"]),
    ({"name": "a", "budget": {"amount": 0}}, ["budget.amount"]),
    ({"name": "a", "budget": {"amount": 1, "period": "sliding 1m"}}, ["budget.period"]),
    ({"name": "a", "budget": {"amount": 1, "period": "fortnight"}}, ["budget.period"]),
    ({"name": "a", "allowed_ips": ["10.0.0.1/8"]}, ["allowed_ips[0]"]),
    ({"name": "a", "allowed_ips": ["::/0", "here"]}, ["allowed_ips[1]"]),
    ({"name": " ", "expires_in": "x", "labels": {"": ""}, "allowed_ips": ["x"]}, ["name", "expires_in", "labels", "allowed_ips[0]"]),
]


def test_bad_orders_are_refused_by_field_and_make_nothing(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            for order, fields in BAD_ORDERS:
                error = await refused(world.keys.CreateApiKey(CreateApiKeyRequest(**order), metadata=world.admin))
                assert (order, error.code(), fields_of(error)) == (order, grpc.StatusCode.INVALID_ARGUMENT, fields)
            assert not (await world.keys.ListApiKeys(ListApiKeysRequest(), metadata=world.admin)).api_keys

    asyncio.run(scenario())


def test_an_administrator_makes_a_key_for_somebody_who_then_owns_it(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            order = CreateApiKeyRequest(name="laptop", username="alice", groups=["vip"])
            made = await world.keys.CreateApiKey(order, metadata=world.admin)
            assert made.username == "alice"
            seen = await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.admin)
            assert list(seen.groups) == ["vip", "system:authenticated"]
            assert (seen.owner.kind, seen.owner.issuer, seen.owner.subject) == ("user", world.settings.oidc_issuer, "alice")
            hers = await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.alice)
            assert list(hers.groups) == ["staff", "system:authenticated"]  # her token is as new as the administrator's word
            assert [k.id for k in (await world.keys.ListApiKeys(ListApiKeysRequest(), metadata=world.alice)).api_keys] == [made.id]
            error = await refused(world.keys.CreateApiKey(order, metadata=world.bob))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
            error = await refused(world.keys.CreateApiKey(CreateApiKeyRequest(name="a", groups=["vip"]), metadata=world.alice))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED

    asyncio.run(scenario())


def test_one_who_is_known_is_found_by_name_email_id_or_identity(keys_service):
    async def scenario():
        async with keys_service() as world:
            alice = await world.users.GetMe(GetMeRequest(), metadata=world.alice)
            for name in ("alice", "Alice@Example.org", alice.id, f"{alice.issuer}|{alice.subject}"):
                made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="x", username=name), metadata=world.admin)
                assert (await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.alice)).owner.subject == "alice"

    asyncio.run(scenario())


def test_groups_and_service_accounts_own_keys_and_no_person_does(keys_service):
    async def scenario():
        async with keys_service() as world:
            for kind, groups, shown in (("group", [], ["ci"]), ("service_account", ["robots"], ["robots"])):
                order = CreateApiKeyRequest(name="build", username="ci", owner_kind=kind, groups=groups)
                made = await world.keys.CreateApiKey(order, metadata=world.admin)
                key = await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.admin)
                assert (key.owner.kind, key.owner.issuer, key.owner.subject, key.username) == (kind, "", "ci", "ci")
                assert list(key.groups) == [*shown, "system:authenticated"]
            account = CreateApiKeyRequest(name="deploy", username="ci", owner_kind="service_account")
            made = await world.keys.CreateApiKey(account, metadata=world.admin)
            key = await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.admin)
            assert list(key.groups) == ["robots", "system:authenticated"]
            assert not (await world.keys.ListApiKeys(ListApiKeysRequest(), metadata=world.person("ci", "ci"))).api_keys

    asyncio.run(scenario())


def test_everything_that_is_ordered_is_there(keys_service):
    async def scenario():
        async with keys_service() as world:
            await world.users.GetMe(GetMeRequest(), metadata=world.alice)
            await world.teams.CreateTeam(CreateTeamRequest(name="ds", owner_email="alice@example.org"), metadata=world.admin)
            order = CreateApiKeyRequest(
                name="laptop",
                team="ds",
                labels={"cost-center": "42"},
                scope={"models": ["m"], "agents": ["a"]},
                limits=[LIMIT, {"metric": "total_tokens", "amount": 9, "window": "day", "per": "user"}],
                budget={"amount": 5_000_000, "period": "month"},
                allowed_ips=["10.0.0.0/8", "2001:db8::1"],
                ephemeral=True,
            )
            made = await world.keys.CreateApiKey(order, metadata=world.alice)
            assert (made.team, made.ephemeral, made.kind, made.status) == ("ds", True, "standard", "active")
            assert made.expires_at.seconds - made.created_at.seconds == 3600
            key = await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.alice)
            assert (key.team, key.ephemeral, key.kind, key.tenant) == ("ds", True, "standard", "default")
            assert (dict(key.labels), list(key.scope.models), list(key.scope.agents)) == ({"cost-center": "42"}, ["m"], ["a"])
            assert [(limit.id, limit.per) for limit in key.limits] == [("requests-1m", "key"), ("total-tokens-day", "user")]
            assert (key.budget.amount, key.budget.period) == (5_000_000, "month")
            assert list(key.allowed_ips) == ["10.0.0.0/8", "2001:db8::1/128"]
            assert (key.masked_key, key.created_by) == (f"sk-maas-{made.id[:3]}…", f"{world.settings.oidc_issuer}|alice")
            assert not key.HasField("last_used_at")
            assert not key.HasField("old_key_expires_at")

    asyncio.run(scenario())


def test_a_key_is_made_in_a_team_that_is_there(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            for who in (world.alice, world.admin):
                error = await refused(world.keys.CreateApiKey(CreateApiKeyRequest(name="a", team="ds"), metadata=who))
                assert (error.code(), error.details()) == (grpc.StatusCode.NOT_FOUND, 'team "ds" does not exist')
            await world.teams.CreateTeam(CreateTeamRequest(name="ds"), metadata=world.admin)
            error = await refused(world.keys.CreateApiKey(CreateApiKeyRequest(name="a", team="ds"), metadata=world.alice))
            assert error.code() is grpc.StatusCode.NOT_FOUND
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="a", team="ds", username="alice"), metadata=world.admin)
            assert (made.team, made.username) == ("ds", "alice")

    asyncio.run(scenario())


def test_anothers_key_reads_like_an_unknown_one(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            for method, request in ((world.keys.GetApiKey, GetApiKeyRequest), (world.keys.RevokeApiKey, RevokeApiKeyRequest)):
                anothers = await refused(method(request(id=made.id), metadata=world.bob))
                unknown = await refused(method(request(id="abcdefghijkl"), metadata=world.bob))
                assert anothers.code() is unknown.code() is grpc.StatusCode.NOT_FOUND
                assert anothers.details().replace(made.id, "abcdefghijkl") == unknown.details()
            assert (await world.keys.GetApiKey(GetApiKeyRequest(id=made.id), metadata=world.admin)).status == "active"

    asyncio.run(scenario())


def test_a_whole_key_given_for_an_id_is_not_shown_back(keys_service, refused, migrated_url):
    async def scenario():
        async with keys_service(database_url=migrated_url) as world:
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            error = await refused(world.keys.GetApiKey(GetApiKeyRequest(id=made.key), metadata=world.alice))
            assert error.code() is grpc.StatusCode.NOT_FOUND
            assert made.key not in error.details()
            error = await refused(world.keys.RevokeApiKey(RevokeApiKeyRequest(id="a\x00b"), metadata=world.admin))
            assert error.code() is grpc.StatusCode.NOT_FOUND

    asyncio.run(scenario())


def test_status_follows_the_clock_and_revocation_is_for_ever(keys_service):
    async def scenario():
        async with keys_service() as world:
            first = await world.keys.CreateApiKey(CreateApiKeyRequest(name="short", expires_in="90m"), metadata=world.alice)
            second = await world.keys.CreateApiKey(CreateApiKeyRequest(name="long"), metadata=world.alice)
            revoked = await world.keys.RevokeApiKey(RevokeApiKeyRequest(id=second.id), metadata=world.alice)
            assert (revoked.id, revoked.status, revoked.enforcement.revision) == (second.id, "revoked", 3)
            world.clock.advance(5399)
            listed = await world.keys.ListApiKeys(ListApiKeysRequest(), metadata=world.alice)
            assert [(k.name, k.status) for k in listed.api_keys] == [("long", "revoked"), ("short", "active")]
            world.clock.advance(1)
            assert (await world.keys.GetApiKey(GetApiKeyRequest(id=first.id), metadata=world.alice)).status == "expired"
            again = await world.keys.RevokeApiKey(RevokeApiKeyRequest(id=second.id), metadata=world.admin)
            assert (again.status, again.enforcement.revision) == ("revoked", 3)
            ended = await world.keys.RevokeApiKey(RevokeApiKeyRequest(id=first.id), metadata=world.admin)
            assert (ended.status, ended.enforcement.revision) == ("revoked", 4)

    asyncio.run(scenario())


def test_a_repeated_request_id_returns_the_key_without_its_secret_and_says_so(keys_service):
    async def scenario():
        async with keys_service() as world:
            order = CreateApiKeyRequest(name="laptop", request_id="r-1")
            first = await world.keys.CreateApiKey(order, metadata=world.alice)
            call = world.keys.CreateApiKey(CreateApiKeyRequest(name="other name", request_id="r-1"), metadata=world.alice)
            again = await call
            assert (again.id, again.key_prefix, again.name, again.expires_at) == (first.id, first.key_prefix, "laptop", first.expires_at)
            assert (again.key, again.enforcement.revision) == ("", first.enforcement.revision)
            assert "can't be shown again" in again.note
            others = await world.keys.CreateApiKey(order, metadata=world.bob)
            assert others.id != first.id
            assert others.key

    asyncio.run(scenario())


def test_a_request_id_sent_many_times_at_once_makes_one_key_and_shows_it_once(keys_service, migrated_url):
    async def scenario():
        async with keys_service(database_url=migrated_url) as world:
            order = CreateApiKeyRequest(name="laptop", request_id="r-1")
            answers = await asyncio.gather(*(world.keys.CreateApiKey(order, metadata=world.alice) for _ in range(12)))
            assert len({answer.id for answer in answers}) == 1
            assert [bool(answer.key) for answer in answers].count(True) == 1
            assert all(bool(answer.key) != bool(answer.note) for answer in answers)
            assert len((await world.keys.ListApiKeys(ListApiKeysRequest(), metadata=world.alice)).api_keys) == 1

    asyncio.run(scenario())


def test_lists_are_paged_newest_first_and_stable_under_inserts(keys_service):
    async def scenario():
        async with keys_service() as world:

            async def create(name, metadata):
                return (await world.keys.CreateApiKey(CreateApiKeyRequest(name=name), metadata=metadata)).id

            async def page(metadata, **request):
                answer = await world.keys.ListApiKeys(ListApiKeysRequest(**request), metadata=metadata)
                return [k.name for k in answer.api_keys], answer.next_page_token

            for number in range(1, 6):
                await create(f"a{number}", world.alice)
                await create(f"b{number}", world.bob)
            names, token = await page(world.alice, page_size=2)
            assert names == ["a5", "a4"]
            await create("a6", world.alice)
            names, token = await page(world.alice, page_size=2, page_token=token)
            assert names == ["a3", "a2"]
            assert await page(world.alice, page_size=2, page_token=token) == (["a1"], "")
            assert await page(world.bob, page_size=5) == (["b5", "b4", "b3", "b2", "b1"], "")
            names, _ = await page(world.admin, page_size=3)
            assert names == ["a6", "b5", "a5"]
            assert (await page(world.admin, username="bob"))[0] == ["b5", "b4", "b3", "b2", "b1"]
            assert await page(world.admin, username="nobody") == ([], "")

    asyncio.run(scenario())


def test_a_page_holds_fifty_unless_asked_for_up_to_a_hundred(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            for number in range(101):
                await world.keys.CreateApiKey(CreateApiKeyRequest(name=f"{number}"), metadata=world.alice)
            for asked, held in ((0, 50), (1, 1), (100, 100)):
                answer = await world.keys.ListApiKeys(ListApiKeysRequest(page_size=asked), metadata=world.alice)
                assert len(answer.api_keys) == held
                assert answer.next_page_token
            error = await refused(world.keys.ListApiKeys(ListApiKeysRequest(page_size=101), metadata=world.alice))
            assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_size"])

    asyncio.run(scenario())


NO_TOKENS = [
    *("junk", "!", "WyJhIl0", "WzEsMl0", "WzFd" * 9999),
    *(page_token("personal_first", "desc", value, 1) for value in ("", "x", "-1", "9" * 19, "9" * 5000, "٣")),
    *(page_token("personal_first", "desc", "0", made) for made in (0, -1, 2**63)),
    *(page_token("created_at", "desc", "0", 1), page_token("personal_first", "asc", "0", 1), page_token("x", "y", "0", 1)),
]


def test_a_token_that_no_list_in_this_order_returned_is_refused(keys_service, refused, fields_of):
    async def scenario():
        async with keys_service() as world:
            for token in NO_TOKENS:
                error = await refused(world.keys.ListApiKeys(ListApiKeysRequest(page_token=token), metadata=world.alice))
                assert (error.code(), fields_of(error)) == (grpc.StatusCode.INVALID_ARGUMENT, ["page_token"])
                assert "leave it out" in error.details()

    asyncio.run(scenario())


def test_only_administrators_list_the_keys_of_others(keys_service, refused):
    async def scenario():
        async with keys_service() as world:
            made = await world.keys.CreateApiKey(CreateApiKeyRequest(name="laptop"), metadata=world.alice)
            error = await refused(world.keys.ListApiKeys(ListApiKeysRequest(username="bob"), metadata=world.alice))
            assert error.code() is grpc.StatusCode.PERMISSION_DENIED
            own = await world.keys.ListApiKeys(ListApiKeysRequest(username="alice"), metadata=world.alice)
            assert [key.id for key in own.api_keys] == [made.id]

    asyncio.run(scenario())
