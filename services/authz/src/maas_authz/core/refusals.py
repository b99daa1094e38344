"""Every way to be refused, in the words that clients see (OpenAI's error shape)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Refusal:
    """An HTTP error: `code` is its status, `type` what programs branch on, `headers` come with it."""

    code: int
    type: str
    message: str
    headers: tuple[tuple[str, str], ...] = ()


def invalid_request(message: str, code: int = 400, *headers: tuple[str, str]) -> Refusal:
    """The request is wrong, whoever sends it."""
    return Refusal(code, "invalid_request_error", message, headers)


def unavailable(message: str) -> Refusal:
    """It can't be decided just now: refused rather than let through unchecked."""
    return Refusal(503, "server_error", message)


# One text for no key, junk, an unknown, a pending, a disabled, a revoked and an expired key: a prober learns nothing from it.
INVALID_KEY = Refusal(401, "authentication_error", "Invalid or expired token", (("www-authenticate", "Bearer"),))

NOT_CANONICAL = invalid_request(
    "The path must be written plainly: no percent-encoding, no empty or dot segments, no fragment, no control characters."
)
UNKNOWN_PATH = Refusal(
    404,
    "not_found_error",
    "No such path. Want /v1/chat/completions, /v1/completions, /v1/embeddings, /v1/responses (each also under /llm/<model>) or /v1/models.",
)
MODEL_NOT_FOUND = Refusal(404, "not_found_error", "Model not found")
NO_TIER = Refusal(403, "authorization_error", "Access denied. None of your groups has a tier.")
NO_SUBSCRIPTION = Refusal(403, "authorization_error", "Access denied. None of your groups has the tier that this API key is bound to.")
NO_ACCESS = Refusal(403, "authorization_error", "Access denied. Your tier does not have permission to access this model.")
OUT_OF_SCOPE = Refusal(403, "authorization_error", "Access denied. This API key may not be used for this model.")
WRONG_ADDRESS = Refusal(403, "authorization_error", "Access denied. This API key may not be used from your address.")

KEYS_STALE = unavailable("API keys can't be checked right now. Try again shortly.")
KEY_NOT_READ = unavailable("This API key can't be checked right now. Try again shortly.")
CATALOGUE_STALE = unavailable("The catalogue of models and tiers can't be read right now. Try again shortly.")
BODY_NOT_READ = unavailable("The gateway did not say what the request asks for.")
MODEL_UNUSABLE = unavailable("The model is registered with an address that can't be used.")
TIER_UNUSABLE = unavailable("The limits of your tier can't be applied.")
KEY_UNUSABLE = unavailable("The limits of this API key can't be applied.")
