"""What somebody over a limit is told: the error in OpenAI's shape. The window is the one that refused."""

from __future__ import annotations

import json

from maas_common.limits import Limit, Metric

STATUS = 429
_SAID = {
    Metric.REQUESTS: (
        "rate_limit_error",
        "Rate limit exceeded. You have exceeded the maximum number of requests per {window} for your tier.",
    ),
    Metric.TOTAL_TOKENS: (
        "quota_error",
        "Token quota exceeded. You have consumed the maximum number of tokens allowed per {window} for your tier.",
    ),
}


def refusal_body(limit: Limit) -> bytes:
    """The body of a 429 by this limit: `{"error": {"message", "type", "code"}}`."""
    kind, message = _SAID[limit.metric]
    return json.dumps({"error": {"message": message.format(window=limit.window.name), "type": kind, "code": STATUS}}).encode()
