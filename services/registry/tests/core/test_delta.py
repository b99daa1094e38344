"""The delta protocol with one client: what is sent, what is taken back, what is known of each resource."""

from __future__ import annotations

import pytest
from maas_registry.core.delta import Delta, Subscription
from maas_registry.core.route import PENDING, READY, RouteState, State


def everything(subscription, step, wanted):
    """All that is to be sent now."""
    sent = []
    while (delta := subscription.next(step, wanted)) is not None:
        sent.append(delta)
    return sent


def settled(step=1, **wanted):
    """A client of everything that has taken all of it."""
    subscription = Subscription((), {})
    for delta in everything(subscription, step, wanted):
        subscription.accept(delta.nonce)
    return subscription


@pytest.mark.parametrize("names", [(), ("*",)])
def test_a_client_of_everything_is_sent_everything_once(names):
    subscription = Subscription(names, {})
    assert everything(subscription, 1, {"a": "1", "b": "1"}) == [Delta("1", ("a", "b"))]
    assert everything(subscription, 1, {"a": "1", "b": "1"}) == []


def test_the_first_answer_comes_even_when_there_is_nothing():
    assert everything(Subscription((), {}), 1, {}) == [Delta("1")]


def test_only_differences_follow():
    subscription = settled(a="1", b="1", c="1")
    assert everything(subscription, 2, {"a": "2", "b": "1", "d": "1"}) == [Delta("2", ("a", "d"), ("c",))]
    assert everything(subscription, 3, {"a": "2", "b": "1", "c": "1", "d": "1"}) == [Delta("3", ("c",))]


def test_a_client_that_reconnects_is_sent_what_changed_meanwhile():
    subscription = Subscription((), {"same": "1", "old": "1", "gone": "1"})
    assert subscription.state("same", "1") == READY
    assert everything(subscription, 1, {"same": "1", "old": "2", "new": "1"}) == [Delta("1", ("new", "old"), ("gone",))]


def test_a_client_that_reconnects_to_no_news_is_answered_all_the_same():
    assert everything(Subscription((), {"a": "1"}), 1, {"a": "1"}) == [Delta("1")]


def test_a_client_of_some_names_is_sent_those_and_told_which_do_not_exist():
    subscription = Subscription(("a", "ghost"), {})
    assert everything(subscription, 1, {"a": "1", "b": "1"}) == [Delta("1", ("a",), ("ghost",))]
    assert everything(subscription, 2, {"a": "1", "b": "2"}) == []
    assert everything(subscription, 3, {"a": "1", "ghost": "1"}) == [Delta("2", ("ghost",))]
    assert everything(subscription, 4, {"a": "1"}) == [Delta("3", (), ("ghost",))]
    assert (subscription.covers("a"), subscription.covers("b")) == (True, False)


def test_a_name_asked_for_again_is_sent_again():
    subscription = settled(a="1", b="1")
    subscription.subscribe(("a",))
    assert everything(subscription, 1, {"a": "1", "b": "1"}) == [Delta("2", ("a",))]


def test_a_name_taken_away_is_not_sent_any_more():
    subscription = Subscription(("a", "b"), {})
    everything(subscription, 1, {"a": "1", "b": "1"})
    subscription.unsubscribe(("a",))
    assert everything(subscription, 2, {"a": "2", "b": "2"}) == [Delta("2", ("b",))]


def test_a_name_taken_away_that_the_wildcard_covers_is_sent_again():
    subscription = Subscription(("*", "a"), {})
    everything(subscription, 1, {"a": "1", "b": "1"})
    subscription.unsubscribe(("a",))
    assert everything(subscription, 1, {"a": "1", "b": "1"}) == [Delta("2", ("a",))]


def test_the_wildcard_comes_and_goes():
    subscription = Subscription(("a",), {})
    everything(subscription, 1, {"a": "1", "b": "1"})
    subscription.subscribe(("*",))
    assert everything(subscription, 1, {"a": "1", "b": "1"}) == [Delta("2", ("b",))]
    subscription.unsubscribe(("*",))
    assert everything(subscription, 2, {"a": "2", "b": "2"}) == [Delta("3", ("a",))]


def test_a_resource_is_pending_until_the_client_has_taken_that_version():
    subscription = Subscription((), {})
    (delta,) = everything(subscription, 1, {"a": "1"})
    assert subscription.state("a", "1") == PENDING
    subscription.accept(delta.nonce)
    assert (subscription.state("a", "1"), subscription.state("a", "2"), subscription.state("b", "1")) == (READY, PENDING, PENDING)


def test_a_refused_resource_is_known_by_the_clients_words_until_another_version_is_taken():
    subscription = settled(a="1", b="1")
    (delta,) = everything(subscription, 2, {"a": "2", "b": "1"})
    assert subscription.refuse(delta.nonce, "no such file") == "a"
    assert subscription.state("a", "2") == RouteState(State.REJECTED, "no such file")
    assert subscription.state("b", "1") == READY
    assert everything(subscription, 2, {"a": "2", "b": "1"}) == []
    (delta,) = everything(subscription, 3, {"a": "3", "b": "1"})
    assert subscription.state("a", "3") == PENDING
    subscription.accept(delta.nonce)
    assert subscription.state("a", "3") == READY


def test_of_several_resources_refused_together_the_ones_at_fault_are_found():
    subscription = Subscription((), {})
    wanted = dict.fromkeys("abcdefg", "1")
    bad, refusals, messages = {"c", "f"}, [], everything(subscription, 1, wanted)
    while messages:
        delta = messages.pop(0)
        if bad.isdisjoint(delta.changed):
            subscription.accept(delta.nonce)
        else:
            refusals.append(subscription.refuse(delta.nonce, " ".join(sorted(bad & set(delta.changed)))))
        messages += everything(subscription, 1, wanted)
    assert {name for name in refusals if name} == bad
    assert {name: subscription.state(name, "1").state.value for name in wanted} == {
        **dict.fromkeys("abdeg", "ready"),
        **dict.fromkeys("cf", "rejected"),
    }
    assert subscription.state("c", "1").reason == "c"


def test_what_changed_since_a_refusal_is_not_sent_again_as_it_was():
    subscription = Subscription((), {})
    (delta,) = everything(subscription, 1, {"a": "1", "b": "1"})
    assert subscription.refuse(delta.nonce, "one of them") is None
    assert everything(subscription, 2, {"b": "2"}) == [Delta("2", ("b",), ("a",))]


@pytest.mark.parametrize("removed", [{}, {"b": "1"}])
def test_a_removed_resource_is_forgotten(removed):
    subscription = settled(a="1", **removed)
    everything(subscription, 2, removed)
    assert subscription.state("a", "1") == PENDING


def test_a_refused_removal_and_an_unknown_nonce_are_no_ones_fault():
    subscription = settled(a="1")
    (delta,) = everything(subscription, 2, {})
    assert subscription.refuse(delta.nonce, "why ever") is None
    assert subscription.refuse("unknown", "why ever") is None
    subscription.accept("unknown")
    assert everything(subscription, 2, {}) == []
    assert subscription.applied == 2


def test_a_step_is_applied_when_everything_of_it_and_before_is_taken_or_refused():
    subscription = Subscription((), {})
    (first,) = everything(subscription, 3, {"a": "1"})
    assert subscription.applied == 2
    (second,) = everything(subscription, 4, {"a": "1", "b": "1"})
    subscription.accept(second.nonce)
    assert subscription.applied == 2
    subscription.accept(first.nonce)
    assert subscription.applied == 4
    everything(subscription, 5, {"a": "1", "b": "1"})
    assert subscription.applied == 5


def test_a_refused_step_counts_as_applied_only_when_the_ones_at_fault_are_found():
    subscription = Subscription((), {})
    (both,) = everything(subscription, 1, {"a": "1", "b": "1"})
    subscription.refuse(both.nonce, "one of them")
    assert subscription.applied == 0
    a, b = everything(subscription, 1, {"a": "1", "b": "1"})
    subscription.accept(a.nonce)
    assert subscription.applied == 0
    assert subscription.refuse(b.nonce, "me") == "b"
    assert subscription.applied == 1
