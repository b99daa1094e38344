"""What /metrics shows of authz. Children are bound here, once: looking a label up costs more than counting."""

from __future__ import annotations

from maas_common.clock import Clock
from prometheus_client import Counter, Gauge

from maas_authz.core.confirmation import Confirmation

_DECISIONS = Counter("maas_authz_decisions_total", "Requests decided, by the HTTP status they were given.", ["code"])
DECISIONS = {code: _DECISIONS.labels(str(code)) for code in (200, 400, 401, 403, 404, 405, 415, 503)}

_KEY_CACHE = Counter("maas_authz_key_cache_total", "Keys wanted of the cache, by what was there.", ["result"])
CACHE_HIT, CACHE_NEGATIVE, CACHE_MISS = (_KEY_CACHE.labels(result) for result in ("hit", "negative", "miss"))

_LOOKUPS = Counter("maas_authz_key_lookups_total", "Look-ups at the keys service, by outcome.", ["outcome"])
LOOKUP_FOUND, LOOKUP_UNKNOWN, LOOKUP_FAILED, LOOKUP_OUTDATED = (
    _LOOKUPS.labels(outcome) for outcome in ("found", "unknown", "failed", "outdated")
)
LOOKUPS_OVER_BUDGET = Counter("maas_authz_key_lookups_over_budget_total", "Requests refused because too many unknown keys were tried.")

_REVISION = Gauge("maas_authz_watch_revision", "Last revision applied.", ["watch"])
_STALENESS = Gauge("maas_authz_watch_staleness_seconds", "Since the other side last confirmed what is known.", ["watch"])
WATCH_INTERRUPTIONS = Counter("maas_authz_watch_interruptions_total", "Times that a watch broke off.", ["watch"])
CATALOGUE_MODELS = Gauge("maas_authz_catalogue_models", "Models in the catalogue.")
CATALOGUE_TIERS = Gauge("maas_authz_catalogue_tiers", "Tiers in the catalogue.")


def show_watch(watch: str, confirmation: Confirmation, clock: Clock) -> None:
    """Have /metrics read a watch's state when it is asked."""
    _REVISION.labels(watch).set_function(lambda: confirmation.revision)
    _STALENESS.labels(watch).set_function(lambda: clock.now() - confirmation.at)
