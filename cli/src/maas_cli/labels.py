"""Labels as people write them: `env=prod`."""

from __future__ import annotations

from collections.abc import Iterable

from maas_cli.errors import UsageError
from maas_cli.output import Item


def parse_labels(texts: Iterable[str] | None) -> dict[str, str]:
    """Values by name. UsageError for what is no label, and for a name that is there twice."""
    labels: dict[str, str] = {}
    for text in texts or ():
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise UsageError(f'label "{text}": want NAME=VALUE, like env=prod')
        if name in labels:
            raise UsageError(f'label "{text}": {name} is given as "{labels[name]}" too; a name has one value')
        labels[name] = value
    return labels


def labels_text(item: Item) -> str:
    """The labels of an item as they would be given; `-` for none."""
    return ", ".join(f"{name}={value}" for name, value in sorted((item.get("labels") or {}).items())) or "-"
