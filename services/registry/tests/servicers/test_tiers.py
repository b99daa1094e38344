"""TiersService as administrators meet it."""

from __future__ import annotations

import grpc
import pytest
from google.protobuf.json_format import MessageToDict
from maas.registry.v1 import tiers_pb2 as pb
from maas_common.testing import WORKLOAD

MINUTE = {"metric": "requests", "amount": 5, "window": "1m"}


def test_a_tier_is_created_read_changed_and_deleted(in_world):
    async def scenario(world):
        made = await world.tiers.CreateTier(
            pb.CreateTierRequest(display_name="Gold Plus", level=1, groups=["gold"], limits=[MINUTE]), metadata=world.admin
        )
        assert (made.name, made.level, list(made.groups)) == ("gold-plus", 1, ["gold"])
        assert [(limit.id, limit.metric, limit.amount, limit.window, limit.per) for limit in made.limits] == [
            ("requests-1m", "requests", 5, "1m", "user")
        ]
        assert (made.created, made.updated) == (int(world.clock.now()), int(world.clock.now()))
        assert (made.enforcement.enforced, made.etag) == (True, str(made.enforcement.revision))

        read = await world.tiers.GetTier(pb.GetTierRequest(name="gold-plus"), metadata=world.admin)
        assert not read.HasField("enforcement")
        made.ClearField("enforcement")
        assert read == made

        world.clock.advance(60)
        changed = await world.tiers.UpdateTier(pb.UpdateTierRequest(name="gold-plus", level=0, etag=made.etag), metadata=world.admin)
        assert (changed.level, changed.display_name, changed.updated - changed.created) == (0, "Gold Plus", 60)
        assert int(changed.etag) > int(made.etag)

        await world.add_tier("free", 7)
        assert list((await world.tiers.DeleteTier(pb.DeleteTierRequest(name="gold-plus"), metadata=world.admin)).affected_models) == []
        assert [tier.name for tier in (await world.tiers.ListTiers(pb.ListTiersRequest(), metadata=world.admin)).tiers] == ["free"]

    in_world(scenario)


def test_every_kind_of_limit_is_kept_as_it_was_asked_for(in_world):
    async def scenario(world):
        limits = [
            {"metric": "cost", "amount": 50_000_000, "window": "month from 15 in Europe/Berlin", "per": "team", "notify": [50, 80, 100]},
            {"metric": "total_tokens", "amount": 10_000, "window": "sliding 1m", "per": "user+model", "over": "soft 20"},
            {"metric": "requests", "amount": 60, "window": "gcra 1m burst 20", "per": "key", "over": "shadow"},
            {"metric": "concurrency", "amount": 4, "id": "at-once"},
        ]
        made = await world.add_tier("gold", 1, limits=limits, strict=True)
        assert made.strict
        assert [MessageToDict(limit, preserving_proto_field_name=True) for limit in made.limits] == [
            limits[0] | {"id": "cost-month-from-15-in-europe-berlin", "amount": "50000000", "over": "hard"},
            limits[1] | {"id": "total-tokens-sliding-1m", "amount": "10000"},
            limits[2] | {"id": "requests-gcra-1m", "amount": "60"},
            {"id": "at-once", "metric": "concurrency", "amount": "4", "window": "-", "per": "user", "over": "hard"},
        ]
        again = await world.tiers.UpdateTier(pb.UpdateTierRequest(name="gold", limits=made.limits), metadata=world.admin)
        assert (again.limits, again.strict) == (made.limits, True)
        lax = await world.tiers.UpdateTier(pb.UpdateTierRequest(name="gold", strict=False), metadata=world.admin)
        assert (lax.limits, lax.strict) == (made.limits, False)
        watch = await world.watch()
        (tier,) = (await watch.take()).snapshot.tiers
        assert tier.limits == made.limits

    in_world(scenario)


def test_creation_asks_for_201(in_world):
    async def scenario(world):
        call = world.tiers.CreateTier(pb.CreateTierRequest(name="free"), metadata=world.admin)
        await call
        assert dict(await call.initial_metadata())["x-http-code"] == "201"

    in_world(scenario)


def test_present_fields_change_absent_ones_stay_and_the_mask_empties(in_world):
    async def scenario(world):
        await world.add_tier("free", 3, display_name="Free", description="For all.", groups=["a"], limits=[MINUTE])

        async def update(**fields):
            return await world.tiers.UpdateTier(pb.UpdateTierRequest(name="free", **fields), metadata=world.admin)

        tier = await update(description="")
        assert (tier.description, tier.display_name, tier.level, list(tier.groups), len(tier.limits)) == ("", "Free", 3, ["a"], 1)
        tier = await update(groups=["b", "c"], update_mask={"paths": ["limits"]})
        assert (list(tier.groups), len(tier.limits)) == (["b", "c"], 0)
        tier = await update(update_mask={"paths": ["groups", "level", "display_name"]})
        assert (list(tier.groups), tier.level, tier.display_name) == ([], 0, "free")

    in_world(scenario)


REFUSALS = [
    (
        "CreateTier",
        pb.CreateTierRequest(name="gold", level=0),
        grpc.StatusCode.ALREADY_EXISTS,
        'tier "gold": level 0 is taken by "free"; pick another',
        [],
    ),
    ("CreateTier", pb.CreateTierRequest(display_name="!", level=1), grpc.StatusCode.INVALID_ARGUMENT, "no letter a-z or digit", ["name"]),
    ("CreateTier", pb.CreateTierRequest(name="Gold", level=1), grpc.StatusCode.INVALID_ARGUMENT, "name", ["name"]),
    (
        "CreateTier",
        pb.CreateTierRequest(name="gold", level=1, limits=[MINUTE, MINUTE]),
        grpc.StatusCode.INVALID_ARGUMENT,
        '"requests-1m" is taken by limits[0]',
        ["limits[1].id"],
    ),
    (
        "CreateTier",
        pb.CreateTierRequest(name="gold", level=1, limits=[MINUTE, MINUTE | {"window": "1w"}]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "limits[1].window",
        ["limits[1].window"],
    ),
    (
        "CreateTier",
        pb.CreateTierRequest(name="gold", level=1, limits=[MINUTE | {"window": "9999d"}]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "longer than 366 days",
        ["limits[0].window"],
    ),
    (
        "UpdateTier",
        pb.UpdateTierRequest(name="free", limits=[MINUTE, {"metric": "concurrency", "amount": 1, "window": "1m"}]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "concurrency has none",
        ["limits[1].window"],
    ),
    (
        "CreateTier",
        pb.CreateTierRequest(name="gold", level=1, limits=[MINUTE | {"window": "sliding-log 1h", "amount": 10_001}]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "for more use sliding",
        ["limits[0].amount"],
    ),
    (
        "CreateTier",
        pb.CreateTierRequest(name="gold", level=1, limits=[MINUTE | {"per": "usr"}]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "want one of key, user, team",
        ["limits[0].per"],
    ),
    (
        "CreateTier",
        pb.CreateTierRequest(name="gold", level=1, limits=[MINUTE | {"over": "soft 101"}]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "want hard, shadow, or soft",
        ["limits[0].over"],
    ),
    (
        "CreateTier",
        pb.CreateTierRequest(name="gold", level=1, limits=[MINUTE | {"notify": [100, 50]}]),
        grpc.StatusCode.INVALID_ARGUMENT,
        "want percentages from 1 to 100, ascending",
        ["limits[0].notify"],
    ),
    ("GetTier", pb.GetTierRequest(name="gold"), grpc.StatusCode.NOT_FOUND, 'tier "gold" does not exist', []),
    ("UpdateTier", pb.UpdateTierRequest(name="gold"), grpc.StatusCode.NOT_FOUND, 'tier "gold" does not exist', []),
    ("UpdateTier", pb.UpdateTierRequest(name="free", etag="1"), grpc.StatusCode.ABORTED, "was changed meanwhile", []),
    (
        "UpdateTier",
        pb.UpdateTierRequest(name="free", update_mask={"paths": ["name"]}),
        grpc.StatusCode.INVALID_ARGUMENT,
        '"name" is no field that can be changed; those are display_name, description, level, groups, limits, strict',
        ["update_mask"],
    ),
    ("DeleteTier", pb.DeleteTierRequest(name="free"), grpc.StatusCode.FAILED_PRECONDITION, "is the last one", []),
    ("DeleteTier", pb.DeleteTierRequest(name="free", etag="1"), grpc.StatusCode.ABORTED, "was changed meanwhile", []),
    ("ListTiers", pb.ListTiersRequest(page_token="junk"), grpc.StatusCode.INVALID_ARGUMENT, "page_token", ["page_token"]),
    ("LookupTier", pb.LookupTierRequest(groups=["strangers"]), grpc.StatusCode.NOT_FOUND, "no tier has any of these groups: strangers", []),
]


def test_refusals_say_what_is_wrong_and_where(in_world, refused):
    async def scenario(world):
        await world.add_tier("free", 0)
        for method, request, code, message, fields in REFUSALS:
            refusal = await refused(getattr(world.tiers, method)(request, metadata=world.admin))
            assert (refusal.code, refusal.fields) == (code, fields), refusal
            assert message in refusal.message

    in_world(scenario)


def test_a_deleted_tier_names_the_models_it_had_and_leaves_their_lists(in_world):
    async def scenario(world):
        await world.add_tier("free", 0)
        await world.add_tier("gold", 1)
        await world.add_model("both", tiers=["free", "gold"])
        await world.add_model("only", tiers=["gold"])
        await world.add_model("open", published_to="all")
        deleted = await world.tiers.DeleteTier(pb.DeleteTierRequest(name="gold"), metadata=world.admin)
        assert list(deleted.affected_models) == ["both", "only"]
        assert {model_id: list((await world.model(model_id)).tiers) for model_id in ("both", "only")} == {"both": ["free"], "only": []}

    in_world(scenario)


@pytest.mark.parametrize("groups", [["premium-users"], ["system:authenticated", "premium-users"], ["premium-users", "strangers"]])
def test_the_tier_of_somebody_is_the_highest_of_their_groups(in_world, groups):
    async def scenario(world):
        await world.add_tier("premium", 1, display_name="Premium", groups=["premium-users"])
        await world.add_tier("free", 0, groups=["system:authenticated"])
        for metadata in (world.people.bearer("alice"), WORKLOAD):
            found = await world.tiers.LookupTier(pb.LookupTierRequest(groups=groups), metadata=metadata)
            assert (found.tier, found.display_name) == ("premium", "Premium")
            assert list(found.tiers) == ["premium", "free"][: len(set(groups) & {"premium-users", "system:authenticated"})]

    in_world(scenario)


@pytest.mark.parametrize(("groups", "shown"), [([], "none"), (["strangers", "guests"], "strangers, guests")])
def test_groups_without_a_tier_are_named(in_world, refused, groups, shown):
    async def scenario(world):
        await world.add_tier("premium", 1, groups=["premium-users"])
        refusal = await refused(world.tiers.LookupTier(pb.LookupTierRequest(groups=groups), metadata=WORKLOAD))
        assert (refusal.code, refusal.reason) == (grpc.StatusCode.NOT_FOUND, "NO_TIER")
        assert refusal.message == f"no tier has any of these groups: {shown}"

    in_world(scenario)


def test_tiers_are_listed_by_level_a_page_at_a_time(in_world):
    async def scenario(world):
        for name, level in (("c", 5), ("a", 10), ("b", 0)):
            await world.add_tier(name, level)
        request, seen = pb.ListTiersRequest(page_size=2), []
        while True:
            answer = await world.tiers.ListTiers(request, metadata=world.admin)
            seen.append([tier.name for tier in answer.tiers])
            if not answer.next_page_token:
                break
            request.page_token = answer.next_page_token
        assert seen == [["b", "c"], ["a"]]

    in_world(scenario)
