"""What somebody over a limit is told: the error in OpenAI's shape. The window and scope are those of the limit that refused."""

from __future__ import annotations

import json

from maas_common.limits import Limit, Metric, Scope
from maas_common.windows import TotalWindow

STATUS = 429
TOO_LARGE_STATUS = 400
_REQUESTS = "Rate limit exceeded. You have exceeded the maximum number of requests {within}{scope}."
_SAID = {
    Metric.REQUESTS: ("rate_limit_error", _REQUESTS),
    Metric.CONCURRENCY: ("rate_limit_error", "Rate limit exceeded. You have reached the maximum number of concurrent requests{scope}."),
    Metric.TOTAL_TOKENS: (
        "quota_error",
        "Token quota exceeded. You have consumed the maximum number of tokens allowed {within}{scope}.",
    ),
    Metric.INPUT_TOKENS: (
        "quota_error",
        "Token quota exceeded. You have consumed the maximum number of input tokens allowed {within}{scope}.",
    ),
    Metric.OUTPUT_TOKENS: (
        "quota_error",
        "Token quota exceeded. You have consumed the maximum number of output tokens allowed {within}{scope}.",
    ),
    Metric.COST: ("quota_error", "Budget exceeded. You have spent the maximum amount allowed {within}{scope}."),
}
_SCOPE = {
    Scope.KEY: " for your API key",
    Scope.USER: " for your tier",
    Scope.TEAM: " for your team",
    Scope.TIER: " for all of your tier together",
    Scope.TENANT: " for all of your organization together",
    Scope.MODEL: " for this model",
    Scope.POLICY: " for all whom this limit applies to",
}
_PERSONAL = {"key": " for your API key", "team": " for each member of your team", "tenant": " for each person in your organization"}
"""Of limits per user that are not a tier's, by what their ids begin with."""


def refusal_body(limit: Limit) -> bytes:
    """The body of a 429 by this limit: `{"error": {"message", "type", "code"}}`."""
    kind, message = _SAID[limit.metric]
    return _error(kind, message.format(within=_within(limit), scope="".join(_whose(limit, scope) for scope in limit.per.scopes)), STATUS)


def too_large_body(limit: Limit, least: int) -> bytes:
    """The body of a 400: this limit can never hold the request."""
    unit = "micro-dollars" if limit.metric is Metric.COST else "tokens"
    message = f"The request is too large: it needs at least {least} {unit}, and your limit is {limit.amount} {_within(limit)}."
    return _error("invalid_request_error", message, TOO_LARGE_STATUS)


def _whose(limit: Limit, scope: Scope) -> str:
    return _PERSONAL.get(limit.id.partition("/")[0], _SCOPE[scope]) if scope is Scope.USER else _SCOPE[scope]


def _within(limit: Limit) -> str:
    return "in total" if isinstance(limit.window, TotalWindow) else f"per {limit.window.name}"


def _error(kind: str, message: str, code: int) -> bytes:
    return json.dumps({"error": {"message": message, "type": kind, "code": code}}).encode()
