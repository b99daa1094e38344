"""Limits as people write them: `requests=20/1m per user+model, soft 20`."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import typer
from maas_common.limits import Limit, Metric, default_id

from maas_cli.budget import USD
from maas_cli.errors import UsageError
from maas_cli.money import dollars, micro_dollars
from maas_cli.output import Item

LimitOptions = Annotated[
    list[str] | None,
    typer.Option(
        "--limit",
        metavar="LIMIT",
        help="How much may be used, like requests=20/1m; maas tiers create --help has all of it. Repeat for more.",
        show_default=False,
    ),
]
NoLimits = Annotated[bool, typer.Option("--no-limits", help="Take every limit away.")]
_ID = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_GROUPED = re.compile(r"[^,]*=[0-9]{1,3}(,[0-9]{3})+\b")


def parse_limits(texts: Iterable[str] | None) -> list[dict[str, Any]]:
    """maas.common.v1.Limit as JSON, in the order given. UsageError names the limit that is wrong and what would be right."""
    taken: dict[str, str] = {}
    limits: list[dict[str, Any]] = []
    for text in texts or ():
        limit = parse_limit(text)
        name = limit.get("id") or default_id(limit["metric"], limit.get("window", ""))
        if name in taken:
            raise UsageError(f'limit "{text}": "{taken[name]}" has the id "{name}" too; give one of them another: ", id {name}-2"')
        taken[name] = text
        limits.append(limit)
    return limits


def parse_limit(text: str) -> dict[str, Any]:
    """One limit, with the parts that were given."""
    if _GROUPED.match(text):
        raise UsageError(f'limit "{text}": want its amount without commas, like 1000000')
    head, *options = map(str.strip, text.split(","))
    metric, equals, rest = head.partition("=")
    what, _, per = rest.partition(" per ")
    amount, _, window = what.partition("/")
    if not (equals and amount):
        raise UsageError(f'limit "{text}": want metric=amount/window, like requests=20/1m')
    given = {"metric": metric, "amount": amount, "window": window, "per": per}
    for option in options:
        name, value = _option(text, option)
        if name in given:
            raise UsageError(f'limit "{text}": give one of "{_written(name, given[name])}" and "{option}"')
        given[name] = value
    try:
        return _checked({name: value for name, value in given.items() if value})
    except ValueError as error:
        raise UsageError(f'limit "{text}": {error}') from None


def _written(name: str, value: str) -> str:
    return value if name == "over" else f"{name} {value}"


def _option(text: str, option: str) -> tuple[str, str]:
    name, _, value = option.partition(" ")
    if name in {"id", "notify"} and value:
        return name, value
    if name in {"hard", "soft", "shadow"}:
        return "over", option
    raise UsageError(f'limit "{text}": "{option}": want soft 20, shadow, notify 50/80/100 or id NAME')


def _checked(given: dict[str, str]) -> dict[str, Any]:
    """ValueError when it is no limit."""
    limit: dict[str, Any] = given | {"amount": str(_amount(given["metric"], given["amount"]))}
    if "notify" in limit:
        limit["notify"] = _percentages(limit["notify"])
    if "id" in limit and not _ID.fullmatch(limit["id"]):
        raise ValueError(f'id "{limit["id"]}": want 1 to 63 of a-z 0-9 -, a letter or digit first and last')
    Limit.parse(**{"id": ""} | limit | {"amount": int(limit["amount"]), "notify": tuple(limit.get("notify", ()))})
    return limit


def _amount(metric: str, text: str) -> int:
    if metric == Metric.COST and text.endswith(USD):
        try:
            return micro_dollars(text.removesuffix(USD))
        except ValueError as error:
            raise ValueError(f"amount {error}") from None
    if not re.fullmatch(r"[0-9]{1,100}", text, re.ASCII):
        raise ValueError(f'amount "{text}": want a whole number' + (", or dollars like 50usd" if metric == Metric.COST else ""))
    return int(text)


def _percentages(text: str) -> list[int]:
    if not re.fullmatch(r"[0-9]{1,3}(/[0-9]{1,3})*", text, re.ASCII):
        raise ValueError(f'notify "{text}": want percentages like 50/80/100')
    return [int(percent) for percent in text.split("/")]


def limits_text(limits: Sequence[Item] | None, *, per: str = "user") -> str:
    """Limits as they would be given where `per` is what they are counted by when nobody says."""
    return "; ".join(_limit_text(limit, per) for limit in limits or ()) or "none"


def _limit_text(limit: Item, per: str) -> str:
    metric, window = str(limit.get("metric")), str(limit.get("window") or "-")
    name = str(limit.get("id", "")).rpartition("/")[2]  # in plans the tier comes before it
    amount = f"{dollars(int(limit['amount']))}{USD}" if metric == Metric.COST else str(limit.get("amount"))
    text = f"{metric}={amount}" + (f"/{window}" if window != "-" else "")
    if limit.get("per", per) not in {per, ""}:
        text += f" per {limit['per']}"
    if limit.get("over", "hard") not in {"hard", ""}:
        text += f", {limit['over']}"
    if limit.get("notify"):
        text += f", notify {'/'.join(map(str, limit['notify']))}"
    return f"{text}, id {name}" if name and name != default_id(metric, window) else text
