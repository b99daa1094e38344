"""What is compiled once per revision."""

from __future__ import annotations

import pytest
from maas_authz.core.catalogue import Catalogue, Model, Tier, Upstream
from maas_common.limits import Limit, Metric
from maas_common.plan import PlanError, parse_plan
from maas_common.windows import Window


def model(model_id: str) -> Model:
    return Model(model_id, model_id, Upstream.parse("http://h/v1"), is_published=True, tiers=None)


def tier(name: str, level: int, *groups: str) -> Tier:
    return Tier.compile(name, level, groups, [])


def limit(limit_id: str) -> Limit:
    return Limit(limit_id, Metric.REQUESTS, 5, Window.parse("1m"))


@pytest.mark.parametrize(
    ("url", "authority", "base_path"),
    [
        ("http://h", "h", ""),
        ("http://h/", "h", ""),
        ("https://models.example.org/v1", "models.example.org", "/v1"),
        ("https://models.example.org/v1/", "models.example.org", "/v1"),
        ("http://h//v1//", "h", "//v1"),
        ("http://127.0.0.1:8090/openai/v1", "127.0.0.1:8090", "/openai/v1"),
        ("http://[::1]:8090/v1", "[::1]:8090", "/v1"),
    ],
)
def test_an_upstream_is_read_from_its_base_url(url, authority, base_path):
    upstream = Upstream.parse(url)
    assert (upstream.authority, upstream.base_path) == (authority, base_path)


UNUSABLE = """
h/v1
ftp://h/v1
http:///v1
http://u:secret@h/v1
http://h/v1?k=secret
http://h/v1#x
http://h/a b
"""


@pytest.mark.parametrize("url", [*UNUSABLE.split("\n"), "http://h\r\nx: y/"])
def test_an_address_that_cannot_be_used_is_refused_without_repeating_it(url):
    with pytest.raises(ValueError, match="want http") as caught:
        Upstream.parse(url)
    assert "secret" not in str(caught.value)


def test_a_tiers_plan_names_the_tier_and_has_one_order():
    compiled = Tier.compile("gold", 1, ["g"], [limit("b"), limit("a")])
    assert compiled.plan == "1;tier/gold/a:requests:5:1m:user;tier/gold/b:requests:5:1m:user"
    assert compiled.limits == parse_plan(compiled.plan).limits
    assert Tier.compile("gold", 1, ["g"], [limit("a"), limit("b")]).plan == compiled.plan


def test_a_tier_without_limits_has_a_plan_without_limits():
    assert parse_plan(tier("gold", 1).plan or "") == ((), False)


def test_a_strict_tiers_plan_says_so():
    compiled = Tier.compile("gold", 1, ["g"], [limit("a")], is_strict=True)
    assert parse_plan(compiled.plan or "") == (compiled.limits, True)


def test_limits_that_make_no_plan_are_refused():
    with pytest.raises(PlanError):
        Tier.compile("gold", 1, ["g"], [limit("a"), limit("a")])


def test_the_highest_level_wins_whatever_the_order():
    catalogue = Catalogue.compile([], [tier("high", 2, "h"), tier("low", 0, "l"), tier("middle", 1, "m")])
    for groups in (("l", "h", "m"), ("h", "m", "l"), ("x", "m", "h")):
        found = catalogue.tier_of(groups)
        assert found is not None
        assert (found[0].name, found[1]) == ("high", "h")
    assert catalogue.tier_of(()) is None


def test_a_group_of_several_tiers_gives_the_highest():
    for tiers in ([tier("a", 0, "g"), tier("b", 1, "g")], [tier("b", 1, "g"), tier("a", 0, "g")]):
        found = Catalogue.compile([], tiers).tier_of(["g"])
        assert found is not None
        assert found[0].name == "b"


def test_a_change_replaces_adds_and_removes_and_leaves_the_old_catalogue_alone():
    old = Catalogue.compile([model("kept"), model("gone"), model("new")], [tier("kept", 0, "g"), tier("gone", 1, "g")])
    changed_model, added_tier = model("new"), tier("added", 5, "a")
    gone = ["gone", "never-there"]
    new = old.changed(models=[changed_model], deleted_models=gone, tiers=[added_tier], deleted_tiers=gone)
    assert set(new.models) == {"kept", "new"}
    assert new.models["new"] is changed_model
    assert new.models["kept"] is old.models["kept"]
    assert set(new.tiers) == {"kept", "added"}
    found = new.tier_of(["g"])
    assert found is not None
    assert found[0].name == "kept"
    assert set(old.models) == {"kept", "gone", "new"}
    assert set(old.tiers) == {"kept", "gone"}
