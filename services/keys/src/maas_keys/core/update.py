"""Changing what people say about a key."""

from __future__ import annotations

from maas_keys.core.api_key import ApiKey
from maas_keys.core.details import Details, Ground, with_details
from maas_keys.core.key_states import check_changeable


def updated(key: ApiKey, said: Details, ground: Ground) -> ApiKey:
    """The key as it is said to be, waiting for an approver when that takes one.

    InvalidArgumentError with all that is wrong, FailedPreconditionError when the key is revoked.
    """
    check_changeable(key)
    after = with_details(key, said, ground)
    return after if ground.is_admin else ground.terms.approval.of_changed(key, after, ground.now)
