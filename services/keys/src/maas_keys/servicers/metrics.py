"""What an operator watches beyond the calls themselves."""

from __future__ import annotations

from prometheus_client import Counter, Gauge

CREATED = Counter("maas_keys_created_total", "API keys made by this process.")
REVOKED = Counter("maas_keys_revoked_total", "API keys revoked by this process.")
WATCHERS = Gauge("maas_keys_watchers", "Streams that follow this process's keys.")
REVISION = Gauge("maas_keys_revision", "Newest revision of the change log that this process knows.")
UNCONFIRMED = Counter("maas_keys_unconfirmed_changes_total", "Changes that returned before every watcher had confirmed them.")
USAGE_RECORDED = Counter("maas_keys_usage_records_total", "Usage records that came in and were new.")
USAGE_KNOWN = Counter("maas_keys_usage_records_known_total", "Usage records that came in again.")
