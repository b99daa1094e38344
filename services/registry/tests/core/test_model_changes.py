"""Registering, changing and removing models."""

from __future__ import annotations

import pytest
from maas_common.errors import AlreadyExistsError, ConflictError, InvalidArgumentError, NotFoundError, PermissionDeniedError
from maas_registry.core.endpoint import Endpoint
from maas_registry.core.model import Audience, Pricing
from maas_registry.core.model_changes import ModelDraft, ModelPatch, create_model, delete_model, update_model

HERE = Endpoint.parse("https://models.example.org/v1/")


def created(catalogue, **fields):
    return create_model(catalogue, ModelDraft(**({"id": "new", "endpoint": HERE} | fields)), owner="iss|dana", revision=7, now=1000).models[
        0
    ]


def updated(catalogue, model_id, *, only_of=None, **fields):
    return update_model(catalogue, model_id, ModelPatch(**fields), only_of=only_of, revision=7, now=1000).models[0]


def deleted(catalogue, model_id, *, only_of=None, etag=""):
    return delete_model(catalogue, model_id, only_of=only_of, etag=etag).deleted_models


def test_what_a_new_model_does_not_say_is_filled_in(standard):
    model = created(standard)
    assert (model.display_name, model.upstream_name, model.owned_by, model.description) == ("new", "new", "maas", "")
    assert (model.url, model.created, model.updated, model.etag) == ("https://models.example.org/v1", 1000, 1000, "7")


def test_what_a_new_model_says_is_kept(standard):
    model = created(standard, display_name="New", upstream_name="org/New-7B", owned_by="org", description="One.\nTwo.")
    assert (model.display_name, model.upstream_name, model.owned_by, model.description) == ("New", "org/New-7B", "org", "One.\nTwo.")


@pytest.mark.parametrize(
    ("published_to", "tiers", "audience"),
    [
        ("", (), Audience.NOBODY),
        ("", ("free",), Audience.TIERS),
        ("all", (), Audience.ALL),
        ("nobody", (), Audience.NOBODY),
        ("tiers", ("free", "premium"), Audience.TIERS),
    ],
)
def test_a_model_is_published_as_asked_and_by_its_tiers_when_not_asked(standard, published_to, tiers, audience):
    model = created(standard, published_to=published_to, tiers=tiers)
    assert (model.published_to, model.tiers) == (audience, tiers)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"tiers": ("free", "gold")}, 'tiers[1]: tier "gold" does not exist; there are: free, premium, enterprise'),
        ({"published_to": "tiers"}, 'tiers: is empty; list the tiers that may use the model, or publish it to "nobody"'),
        (
            {"published_to": "all", "tiers": ("free",)},
            'tiers: contradicts published_to "all"; leave the tiers out, or publish to "tiers"',
        ),
        ({"published_to": "friends"}, 'published_to: is "friends"; want all, tiers or nobody'),
        ({"owned_by": "a\nb"}, "owned_by: has control characters; leave them out"),
        ({"display_name": "a\tb"}, "display_name: has control characters; leave them out"),
    ],
)
def test_what_no_model_can_be_is_refused_new_or_changed(standard, fields, message):
    for act in (lambda: created(standard, **fields), lambda: updated(standard, "for-all", **fields)):
        with pytest.raises(InvalidArgumentError) as caught:
            act()
        assert caught.value.message == message


def test_without_any_tier_the_refusal_says_so(catalogue):
    with pytest.raises(InvalidArgumentError, match="there are: none"):
        created(catalogue(), tiers=("free",))


def test_ids_are_unique(standard):
    with pytest.raises(AlreadyExistsError, match='model "for-all" is already registered; update it, or pick another id'):
        created(standard, id="for-all")


def test_an_update_changes_what_it_names_and_nothing_else(standard):
    before = standard.models["for-paying"]
    after = updated(standard, "for-paying", endpoint=HERE)
    assert (after.url, after.updated, after.etag) == ("https://models.example.org/v1", 1000, "7")
    assert (after.tiers, after.published_to, after.display_name, after.created) == (
        before.tiers,
        before.published_to,
        before.display_name,
        1,
    )


def test_an_update_can_change_everything_but_the_id(standard):
    model = updated(
        standard, "for-all", display_name="A", description="B", upstream_name="C", owned_by="D", published_to="tiers", tiers=("free",)
    )
    assert (model.display_name, model.description, model.upstream_name, model.owned_by) == ("A", "B", "C", "D")
    assert (model.id, model.published_to, model.tiers) == ("for-all", Audience.TIERS, ("free",))


def test_emptied_texts_are_filled_in_as_for_a_new_model(standard):
    model = updated(standard, "for-all", display_name="", upstream_name="", owned_by="", description="")
    assert (model.display_name, model.upstream_name, model.owned_by, model.description) == ("for-all", "for-all", "maas", "")


def test_a_price_stays_until_another_is_set_or_it_is_taken_away(catalogue, standard):
    assert created(standard).pricing is None
    priced = created(standard, pricing=Pricing(150_000, 600_000, 75_000))
    assert priced.pricing == Pricing(150_000, 600_000, 75_000)
    assert updated(catalogue(priced), "new", description="Cheap.").pricing == priced.pricing
    assert updated(catalogue(priced), "new", pricing=Pricing(1, 0)).pricing == Pricing(1, 0)
    assert updated(catalogue(priced), "new", is_free=True).pricing is None


def test_a_list_of_tiers_outlives_a_time_without_audience(standard):
    hidden = updated(standard, "for-paying", published_to="nobody")
    assert (hidden.published_to, hidden.tiers) == (Audience.NOBODY, ("premium", "enterprise"))
    assert updated(standard, "for-nobody", published_to="tiers").tiers == ("premium",)
    assert updated(standard, "for-nobody", tiers=("free",)).published_to is Audience.NOBODY


def test_a_list_is_not_emptied_under_an_audience_that_needs_it(standard):
    with pytest.raises(InvalidArgumentError, match="tiers: is empty"):
        updated(standard, "for-paying", tiers=())
    assert updated(standard, "for-paying", tiers=(), published_to="all").tiers == ()


def test_a_model_whose_tiers_were_deleted_can_still_be_changed_in_other_things(catalogue, a_model):
    assert updated(catalogue(a_model("m", "tiers")), "m", description="Orphaned.").description == "Orphaned."


def test_updates_and_removals_refuse_what_is_not_there_or_was_changed_meanwhile(standard):
    for act in (lambda: updated(standard, "other"), lambda: deleted(standard, "other")):
        with pytest.raises(NotFoundError, match='model "other" does not exist'):
            act()
    for act in (lambda: updated(standard, "for-all", etag="0"), lambda: deleted(standard, "for-all", etag="0")):
        with pytest.raises(ConflictError, match='model "for-all" was changed meanwhile: its etag is "1", not "0"; read it again'):
            act()
    assert updated(standard, "for-all", etag="1")
    assert deleted(standard, "for-all", etag="1") == ("for-all",)


def test_who_may_change_their_own_models_only_changes_no_others(catalogue, standard):
    mine = created(standard)
    assert mine.owner == "iss|dana"
    assert updated(catalogue(mine), "new", only_of="iss|dana", description="Mine.").owner == "iss|dana"
    assert deleted(catalogue(mine), "new", only_of="iss|dana") == ("new",)
    assert updated(catalogue(mine), "new", description="An administrator's words.").owner == "iss|dana"
    for model_id, others in (("new", catalogue(mine)), ("for-all", standard)):
        for act in (updated, deleted):
            with pytest.raises(
                PermissionDeniedError, match=f'model "{model_id}" was registered by somebody else; a model owner changes only'
            ):
                act(others, model_id, only_of="iss|eve")


def test_a_model_that_nobody_is_known_to_have_registered_is_nobodys_own(standard):
    with pytest.raises(PermissionDeniedError):
        updated(standard, "for-all", only_of="iss|dana")
