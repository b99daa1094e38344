"""Labels: names and values to find a key by."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

from maas_common.errors import InvalidArgumentError

from maas_keys.core.text import check_line

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?")
_VALUE_LENGTH = 128


def checked_labels(field: str, labels: Mapping[str, str]) -> Mapping[str, str]:
    """The labels, by name; InvalidArgumentError when one can't be kept."""
    for name, value in labels.items():
        check_line(field, name)
        if not _NAME.fullmatch(name):
            raise InvalidArgumentError.of(
                field, f'name "{name[:64]}": want 1-63 of A-Z a-z 0-9 . _ / -, a letter or digit first and last, like cost-center'
            )
        if len(value) > _VALUE_LENGTH:
            raise InvalidArgumentError.of(f"{field}.{name}", f"has {len(value)} characters; want at most {_VALUE_LENGTH}")
        check_line(f"{field}.{name}", value)
    return MappingProxyType(dict(sorted(labels.items())))
