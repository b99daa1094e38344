"""How far a change has reached, as a message."""

from __future__ import annotations

from maas.common.v1.enforcement_pb2 import Enforcement
from maas_common.watch import Enforced


def pack_enforcement(enforced: Enforced) -> Enforcement:
    """See the proto."""
    return Enforcement(enforced=enforced.enforced, revision=enforced.revision, lagging=enforced.lagging)
