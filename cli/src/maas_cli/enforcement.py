"""How far a change has reached (maas.common.v1.Enforcement)."""

from __future__ import annotations

from maas_cli.output import Format, Item
from maas_cli.printing import note, printable, warn


def tell(answer: Item, output: Format, *, quiet: bool = False) -> None:
    """Say on standard error whether the next request obeys the change. One that lags is a warning always, quiet or not."""
    enforcement = answer.get("enforcement")
    if not enforcement:
        return
    if not enforcement.get("enforced"):
        lagging = printable(", ".join(enforcement.get("lagging", []))) or "a watcher"
        warn(f"done, but not yet enforced by {lagging}: requests there may still be decided the old way for a while")
    elif output is Format.TABLE and not quiet:
        note("enforced everywhere: the next request obeys it")
