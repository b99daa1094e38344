"""Shows people what the processes do: a live table on a terminal, lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from maas_local.board import Phase, States
from maas_local.keeper import Event, Ready

_REDRAWS_PER_SECOND = 8


class Progress:
    """Events as lines, at any time; the live table while the start is being watched."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def report(self, event: Event) -> None:
        """One event. Any thread may call it."""
        if isinstance(event, Ready):
            self.say(f"{event.name}: ready after {event.after_s:.1f} s", "green")
            return
        said = event.last_lines or ("(it printed nothing)",)
        head = f"{event.name}: died with {event.how}; starts again in {event.retry_in_s:g} s. Its last lines ({event.log}):"
        # In one piece, so that two processes that die together can be told apart.
        self._print(Text.assemble((head, "red"), *((f"\n  │ {line}", "dim") for line in said)))

    def say(self, line: str, style: str = "") -> None:
        """A line as it is: never wrapped, nothing in it taken for markup."""
        self._print(Text(line, style))

    def _print(self, text: Text) -> None:
        self._console.print(text, soft_wrap=True)

    @contextmanager
    def watching(self, states: Callable[[], States]) -> Iterator[None]:
        """Inside the block a terminal shows all processes."""
        if not self._console.is_terminal:
            yield
            return
        spinner = Spinner("dots")
        with Live(
            console=self._console,
            get_renderable=lambda: _table(states(), spinner),
            refresh_per_second=_REDRAWS_PER_SECOND,
            transient=True,
        ):
            yield


def _table(states: States, spinner: Spinner) -> Table:
    table = Table.grid(padding=(0, 1))
    for name, state in states.items():
        mark = Text("✓", "green") if state.phase is Phase.READY else spinner
        table.add_row(mark, name, Text(f"{state.phase} {state.detail}".rstrip(), "dim"))
    return table
