"""Creating, changing and deleting tiers."""

from __future__ import annotations

import pytest
from maas_common.errors import AlreadyExistsError, ConflictError, DomainError, FailedPreconditionError, InvalidArgumentError, NotFoundError
from maas_common.limit_drafts import LimitDraft
from maas_common.limits import PER_USER, SHADOW, Limit, Metric, OverLimit, Per
from maas_common.windows import Window
from maas_registry.core.tier_changes import TierDraft, TierPatch, create_tier, delete_tier, models_withdrawn, slug, update_tier

MINUTE = Window.parse("1m")


def created(catalogue, **fields):
    return create_tier(catalogue, TierDraft(**fields), revision=7, now=1000).tiers[0]


def updated(catalogue, name, **fields):
    return update_tier(catalogue, name, TierPatch(**fields), revision=7, now=1000).tiers[0]


def refusal(kind: type[DomainError], act, *arguments, **fields) -> DomainError:
    with pytest.raises(kind) as caught:
        act(*arguments, **fields)
    return caught.value


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Gold Plus", "gold-plus"),
        ("  Größe & Güte!  ", "groe-gute"),
        ("--a--b--", "a-b"),
        ("Ünïcödé", "unicode"),
        ("x" * 70, "x" * 63),
        ("x" * 62 + " y", "x" * 62),
        ("日本", ""),
        ("---", ""),
    ],
)
def test_a_name_is_made_of_what_a_display_name_has_for_it(text, name):
    assert slug(text) == name


def test_a_tier_without_a_name_is_named_after_its_display_name(standard):
    tier = created(standard, display_name="Gold Plus", level=3)
    assert (tier.name, tier.display_name, tier.created, tier.updated, tier.etag) == ("gold-plus", "Gold Plus", 1000, 1000, "7")


def test_a_tier_without_a_display_name_shows_its_name(standard):
    assert created(standard, name="gold", level=3).display_name == "gold"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({}, "name: is missing; give a name, or a display name to make it from"),
        ({"display_name": "日本"}, 'name: can\'t be made from display name "日本": no letter a-z or digit is in it; give a name'),
        ({"name": "gold", "display_name": "a\x00b"}, "display_name: has control characters; leave them out"),
        ({"name": "gold", "description": "a\x1b[2Jb"}, "description: has control characters; leave them out"),
        ({"name": "gold", "groups": ("ok", "a\nb")}, "groups[1]: has control characters; leave them out"),
    ],
)
def test_what_no_tier_can_have_is_refused(standard, fields, message):
    assert refusal(InvalidArgumentError, created, standard, level=3, **fields).message == message


@pytest.mark.parametrize(
    ("fields", "message", "reason"),
    [
        ({"name": "free", "level": 3}, 'tier "free" already exists; update it, or pick another name', "ALREADY_EXISTS"),
        ({"display_name": "Free", "level": 3}, 'tier "free" already exists; give a name, or another display name', "ALREADY_EXISTS"),
        ({"name": "gold", "level": 2}, 'tier "gold": level 2 is taken by "enterprise"; pick another', "LEVEL_TAKEN"),
    ],
)
def test_names_and_levels_are_unique(standard, fields, message, reason):
    error = refusal(AlreadyExistsError, created, standard, **fields)
    assert (error.message, error.reason) == (message, reason)


def test_limits_are_named_after_metric_and_window_unless_they_have_an_id(standard):
    limits = (
        LimitDraft("requests", 5, "1m"),
        LimitDraft("total_tokens", 9, "1d", over="soft 20", notify=(50, 100)),
        LimitDraft("requests", 50, "1m", id="burst", per="user+model", over="shadow"),
        LimitDraft("concurrency", 3),
    )
    assert created(standard, name="gold", level=3, limits=limits).limits == (
        Limit("requests-1m", Metric.REQUESTS, 5, MINUTE),
        Limit("total-tokens-1d", Metric.TOTAL_TOKENS, 9, Window.parse("1d"), PER_USER, OverLimit.parse("soft 20"), (50, 100)),
        Limit("burst", Metric.REQUESTS, 50, MINUTE, Per.parse("user+model"), SHADOW),
        Limit("concurrency", Metric.CONCURRENCY, 3, Window.parse("-")),
    )


@pytest.mark.parametrize(
    ("limits", "field", "message"),
    [
        ((LimitDraft("requests", 1, "1m"), LimitDraft("requests", 1, "1w")), "limits[1].window", 'window "1w"'),
        ((LimitDraft("requests", 1, "400d"),), "limits[0].window", "longer than 366 days"),
        ((LimitDraft("requests", 1, "1m"), LimitDraft("requests", 2, "1m")), "limits[1].id", '"requests-1m" is taken by limits[0]'),
        ((LimitDraft("requests", 1, "1m", id="a"), LimitDraft("requests", 1, "1h", id="a")), "limits[1].id", '"a" is taken by limits[0]'),
        ((LimitDraft("smiles", 1, "1m"),), "limits[0].metric", "smiles"),
        ((LimitDraft("requests", 1, "day in Etc/GMT+5"), LimitDraft("requests", 1, "day in Etc/GMT-5")), "limits[1].id", "another id"),
        ((LimitDraft("requests", 1, "1m"), LimitDraft("requests", 1)), "limits[1].window", 'window "-": only concurrency has none'),
        ((LimitDraft("concurrency", 1, "1m"),), "limits[0].window", "concurrency has none; leave it out"),
        ((LimitDraft("requests", 0, "1m"),), "limits[0].amount", "amount 0: want a whole number from 1"),
        ((LimitDraft("requests", 10_001, "sliding-log 1m"),), "limits[0].amount", "a sliding log holds at most 10000"),
        ((LimitDraft("requests", 10**12, "gcra 1d"),), "limits[0].amount", "counts exactly up to"),
        ((LimitDraft("requests", 1, "1m", per="model+user"),), "limits[0].per", 'write it as "user+model"'),
        ((LimitDraft("requests", 1, "1m", over="soft"),), "limits[0].over", "soft 20"),
        ((LimitDraft("requests", 1, "1m", notify=(80, 50)),), "limits[0].notify", "notify 80/50: want percentages"),
        ((LimitDraft("requests", 1, "sliding 1m", notify=(80,)),), "limits[0].notify", "want a fixed or calendar one"),
        ((LimitDraft("requests", 1, "1m", per="planet"),), "limits[0].per", "planet"),
    ],
)
def test_a_wrong_limit_is_refused_by_the_field_that_is_wrong(standard, limits, field, message):
    for error in (
        refusal(InvalidArgumentError, created, standard, name="gold", level=3, limits=limits),
        refusal(InvalidArgumentError, updated, standard, "free", limits=limits),
    ):
        assert [violation.field for violation in error.violations] == [field]
        assert message in error.message


def test_a_limit_id_leaves_room_for_its_tier_in_plans(standard):
    longest = LimitDraft("requests", 1, "1m", id="i" * 63)
    assert created(standard, name="n" * 59, level=3, limits=(longest,)).limits
    error = refusal(InvalidArgumentError, created, standard, name="n" * 60, level=3, limits=(longest,))
    assert "want at most 62 in tier" in error.message


def test_an_update_changes_what_it_names_and_nothing_else(standard):
    before = standard.tiers["enterprise"]
    after = updated(standard, "enterprise", description="For departments.")
    assert after.description == "For departments."
    assert (after.display_name, after.level, after.groups, after.limits) == (
        before.display_name,
        before.level,
        before.groups,
        before.limits,
    )
    assert (after.created, after.updated, after.etag) == (1, 1000, "7")


def test_an_update_can_change_everything_but_the_name(standard):
    limits = (LimitDraft("requests", 5, "1m"),)
    tier = updated(standard, "free", display_name="Open", description="For all.", level=9, groups=("all",), limits=limits, is_strict=True)
    assert (tier.name, tier.display_name, tier.description, tier.level, tier.groups) == ("free", "Open", "For all.", 9, ("all",))
    assert [limit.id for limit in tier.limits] == ["requests-1m"]
    assert tier.is_strict


def test_a_tier_is_strict_only_while_it_is_said_to_be(catalogue, standard):
    assert not created(standard, name="gold", level=3).is_strict
    strict = created(standard, name="gold", level=3, is_strict=True)
    assert strict.is_strict
    assert updated(catalogue(strict), "gold", level=4).is_strict
    assert not updated(catalogue(strict), "gold", is_strict=False).is_strict


def test_an_update_can_empty_lists_and_texts(standard):
    tier = updated(standard, "enterprise", groups=(), limits=(), description="", display_name="")
    assert (tier.groups, tier.limits, tier.description, tier.display_name) == ((), (), "", "enterprise")


def test_a_tier_may_keep_its_own_level_and_take_none_of_anothers(standard):
    assert updated(standard, "premium", level=1).level == 1
    error = refusal(AlreadyExistsError, updated, standard, "premium", level=2)
    assert error.message == 'tier "premium": level 2 is taken by "enterprise"; pick another'


def test_updates_and_deletions_refuse_what_is_not_there_or_was_changed_meanwhile(standard):
    def delete(name, etag=""):
        return delete_tier(standard, name, etag=etag, revision=7, now=1000)

    assert refusal(NotFoundError, updated, standard, "gold").message == 'tier "gold" does not exist'
    assert refusal(NotFoundError, delete, "gold").message == 'tier "gold" does not exist'
    for error in (refusal(ConflictError, updated, standard, "free", etag="0"), refusal(ConflictError, delete, "free", etag="0")):
        assert error.message == 'tier "free" was changed meanwhile: its etag is "1", not "0"; read it again'
    assert updated(standard, "free", etag="1")
    assert delete("free", etag="1")


def test_a_deleted_tier_leaves_every_list_and_names_the_models_withdrawn(standard):
    change = delete_tier(standard, "premium", etag="", revision=7, now=1000)
    assert change.deleted_tiers == ("premium",)
    assert {model.id: model.tiers for model in change.models} == {"for-nobody": (), "for-paying": ("enterprise",), "for-premium": ()}
    assert {(model.updated, model.revision) for model in change.models} == {(1000, 7)}
    assert models_withdrawn(change) == ["for-paying", "for-premium"]


def test_the_last_tier_stays(catalogue, a_tier):
    error = refusal(FailedPreconditionError, delete_tier, catalogue(a_tier("free", 0)), "free", etag="", revision=7, now=1000)
    assert (error.message, error.reason) == ('tier "free" is the last one and can\'t be deleted; create another first', "LAST_TIER")
