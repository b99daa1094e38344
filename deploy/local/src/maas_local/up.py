"""`maas-local up`: the whole suite in the foreground, until it is told to stop."""

from __future__ import annotations

import grpc
from rich.console import Console

from maas_local.progress import Progress
from maas_local.settings import LocalSettings
from maas_local.stack import Stack
from maas_local.state import AlreadyRunningError
from maas_local.summary import print_summary, sign_in
from maas_local.supervisor import StartError
from maas_local.taken_ports import PortsTakenError
from maas_local.told import Ear, ToldToStop


def run_up(settings: LocalSettings, console: Console) -> int:
    """Run until told to stop; the process's exit code."""
    progress = Progress(console)
    try:
        ear = Ear()
        stack = Stack(settings, progress.report)
        try:
            _bring_up(stack, progress, console)
            ear.wait()
        finally:
            ear.end_at_once_when_told_again()
            progress.say("stopping …", "dim")
            stack.stop()
    except ToldToStop:
        progress.say(f"stopped; its state stays in {settings.state}")
        return 0
    except (AlreadyRunningError, PortsTakenError, StartError, FileNotFoundError, PermissionError, ValueError) as error:
        progress.say(str(error), "red")
        return 1
    except grpc.RpcError as error:
        progress.say(f"the sample catalogue could not be created: {error.code().name}: {error.details()}", "red")
        return 1


def _bring_up(stack: Stack, progress: Progress, console: Console) -> None:
    stack.start()
    with progress.watching(stack.processes.board.states):
        stack.wait_ready()
    seeded = stack.seed()
    for name in seeded.created:
        progress.say(f"created {name}")
    for name in seeded.moved:
        progress.say(f"{name} follows its server to {stack.settings.model_url}")
    for refusal in seeded.refused:
        progress.say(f"not created: {refusal}", "yellow")
    print_summary(console, stack.settings, stack.processes.board.states(), stack.samples())
    people = ", ".join(stack.people)
    progress.say(f"\nSign in with `{sign_in(stack.settings)}`: {people}. Logs: {stack.state.logs}. Ctrl-C stops everything.")
