"""Moments as people write them: `2027-01-31`, `2027-01-31T12:00:00Z`."""

from __future__ import annotations

from datetime import UTC, datetime

from maas_cli.errors import UsageError


def parse_time(option: str, text: str | None) -> str | None:
    """RFC 3339 in UTC; a day is its beginning in UTC, and a time without a zone is in UTC."""
    if text is None:
        return None
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f'{option} "{text}": want a day like 2027-01-31, or a time like 2027-01-31T12:00:00Z') from None
    when = when.astimezone(UTC) if when.tzinfo else when.replace(tzinfo=UTC)
    return when.isoformat(timespec="seconds").replace("+00:00", "Z")
