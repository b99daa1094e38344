"""The cases under `decisions/`, put through the real decision."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from maas_authz.core.address import Networks
from maas_authz.core.catalogue import NO_PRICE, Catalogue, Model, Tier, Upstream
from maas_authz.core.decision import Admitted, Listed, Request
from maas_authz.core.explanation import explain_key
from maas_authz.core.keys import FOREVER, NONE, Caller, KeyRecord
from maas_authz.core.own_limits import OwnLimits
from maas_authz.core.refusals import Refusal
from maas_common.limits import Limit

NOW = 1_800_000_000.0
FILES = sorted((Path(__file__).parent / "decisions").glob("*.yaml"))
DOCUMENTS = [yaml.safe_load(file.read_text()) for file in FILES]
LIMIT = re.compile(r"(\d+) (\w+) per (.+?)(?: for each ([a-z+]+))?(?:, (shadow|soft \d+))?")
CASES = [pytest.param(document["catalogue"], case, id=case["name"]) for document in DOCUMENTS for case in document["cases"]]


def limit(text: str) -> Limit:
    match = LIMIT.fullmatch(text)
    assert match, text
    amount, metric, window, per, over = match.groups(default="")
    limit_id = re.sub("[^a-z0-9]+", "-", f"{metric}-{window}".lower()).strip("-")
    return Limit.parse(id=limit_id, metric=metric, amount=int(amount), window=window, per=per, over=over)


def upstream(url: str) -> Upstream | None:
    try:
        return Upstream.parse(url)
    except ValueError:
        return None


def catalogue(given: dict) -> Catalogue:
    models = []
    for model in given["models"]:
        to = model["published to"]
        tiers = frozenset(to) if isinstance(to, list) else None
        name, price = model.get("upstream", model["id"]), model.get("price", NO_PRICE)
        models.append(Model(model["id"], name, upstream(model["url"]), to != "nobody", tiers, price))
    return Catalogue.compile(models, map(tier_of, given["tiers"]))


def tier_of(given: dict) -> Tier:
    return Tier.compile(given["name"], given["level"], given["groups"], map(limit, given["limits"]), is_strict=given.get("strict", False))


def record(who: dict) -> KeyRecord:
    state = who.get("key", "good")
    assert state in {"good", "pending", "disabled", "revoked", "expired"}
    is_playground = who.get("playground", False)
    own = [replace(limit(text), id=limit_id) for limit_id, text in who.get("limits", {}).items()]
    caller = Caller(
        tenant="default",
        user="https://issuer|alice",
        groups=(*who.get("groups", ()), "system:authenticated"),
        key_id="kkkkkkkkkkkk",
        team=who.get("team", NONE),
        subscription=who.get("subscription", ""),
        models=frozenset(who["models"]) if "models" in who else None,
        networks=Networks.parse(who.get("from", ())),
        own=OwnLimits(own, replace_tiers=is_playground) if own else None,
        is_playground=is_playground,
        groups_until=NOW if who.get("groups are old") else FOREVER,
    )
    status = "active" if state in {"good", "expired"} else state
    return KeyRecord(caller, "alice", "laptop", status, int(NOW) + (0 if state == "expired" else 60), ())


def request(asks: dict) -> Request:
    body = asks.get("body", {})
    facts = {} if body is None else body if {"malformed", "content_type"} & body.keys() else {"bytes": "2"} | body
    return Request(asks.get("method", "POST"), asks.get("path", "/v1/chat/completions"), facts, asks.get("address", ""))


def outcome(decision: Admitted | Listed | Refusal) -> dict:
    if isinstance(decision, Refusal):
        return {"code": decision.code, "type": decision.type, "message": decision.message}
    got = {"code": 200, "tier": decision.tier.name, "group": decision.group, "limits": None}
    if isinstance(decision, Admitted):
        got |= {
            "model": decision.model.id,
            "path": decision.path,
            "authority": decision.upstream.authority,
            "set_model": decision.set_model,
            "max_out": decision.body.max_out,
            "add_usage": decision.body.add_usage,
            "plan": decision.plan,
            "price": decision.price,
            "limits": [f"{each.amount} {each.metric} per {each.window.text}" for each in decision.caller.limits(decision.tier)],
        }
    return got


@pytest.mark.parametrize(("given", "case"), CASES)
def test_decision(given, case):
    explained = explain_key(record(case.get("who", {})), request(case["asks"]), catalogue(given), NOW)
    got = outcome(explained.decision)
    last = explained.steps[-1]
    assert last.passed == (got["code"] == 200)
    if not last.passed:
        got["because"] = last.check
    assert {name: got.get(name, "(not there)") for name in case["gets"]} == case["gets"]
