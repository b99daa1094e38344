from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from maas_local.board import Phase
from maas_local.keeper import Died, Ready
from maas_local.supervisor import StartError

FOREVER = "import signal; print('here'); signal.pause()"
STUBBORN = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('here')\nwhile True: signal.pause()"
WITH_CHILD = """
import signal, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
print(child.pid)
signal.pause()
"""
A_SUPERVISOR = """
import signal, sys
from pathlib import Path
from maas_local.keeper import ProcessSpec
from maas_local.supervisor import Supervisor
code = "import os, signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(os.getpid()); [signal.pause() for _ in iter(int, 1)]"
logs = [Path(sys.argv[1]) / name for name in ("one", "two")]
def spoken(log): return lambda: "" if log.exists() and log.stat().st_size else "its first line"
specs = [ProcessSpec(log.name, (sys.executable, "-u", "-c", code), {}, log, spoken(log)) for log in logs]
supervisor = Supervisor(specs, lambda event: None, stop_grace_s=1)
supervisor.start()
supervisor.wait_ready(60)
print("ready", flush=True)
signal.pause()
"""


def is_gone(pid: int) -> bool:
    """Whether nothing of it runs any more; what waits for its parent to notice does not run."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except FileNotFoundError:
        return True


def pid_of(supervisor, name: str) -> int:
    return supervisor.board.states()[name].pid


def test_a_process_that_dies_is_reported_with_its_last_lines_and_started_again(spec, supervise, events, tmp_path):
    first_time = tmp_path / "first time"
    code = f"""
import pathlib, signal, sys
first = pathlib.Path({str(first_time)!r})
if not first.exists():
    first.touch()
    print("the disk is full")
    sys.exit(3)
print("here")
signal.pause()
"""
    supervisor = supervise(
        spec("server", code, probe=lambda: "" if (tmp_path / "server.log").read_text().endswith("here\n") else "not yet")
    )

    died = events.next()

    assert isinstance(died, Died)
    assert (died.name, died.how, died.last_lines) == ("server", "exit code 3", ("the disk is full",))
    ready = events.next()
    assert isinstance(ready, Ready)
    supervisor.wait_ready(30)


def test_only_the_last_lines_of_the_life_that_ended_are_shown(spec, supervise, events):
    supervise(spec("server", "print(*range(20), sep='\\n')", probe=lambda: "never"))

    lives = [events.next(), events.next()]

    assert [life.last_lines for life in lives] == [tuple(str(n) for n in range(10, 20))] * 2


def test_deaths_in_a_row_are_further_and_further_apart(spec, supervise, events):
    supervise(spec("server", "raise SystemExit(1)", probe=lambda: "never"))
    assert [events.next().retry_in_s for _ in range(4)] == [0.01, 0.02, 0.04, 0.04]


def test_a_process_that_was_killed_comes_back_as_another(spec, supervise, events):
    supervisor = supervise(spec("server", FOREVER))
    supervisor.wait_ready(30)
    before = pid_of(supervisor, "server")
    events.next()

    supervisor.kill("server")

    assert is_gone(before)
    assert pid_of(supervisor, "server") != before
    assert events.next().how == "signal SIGKILL"
    assert isinstance(events.next(), Ready)
    assert pid_of(supervisor, "server") != before


def test_a_process_starts_only_once_what_it_needs_is_ready(spec, supervise, tmp_path):
    missing = ["the database"]
    needed = spec("needed", FOREVER, probe=lambda: missing[0])
    supervisor = supervise(spec("needing", FOREVER, after=("needed",)), needed)

    assert supervisor.board.wait_for(lambda states: states["needed"].detail == "the database", 30)
    assert supervisor.board.states()["needing"].phase is Phase.WAITING
    assert not (tmp_path / "needing.log").exists()
    missing[0] = ""

    supervisor.wait_ready(30)
    assert (tmp_path / "needing.log").read_text() == "here\n"


def test_waiting_ends_with_the_reason_when_a_process_dies_again_and_again(spec, supervise):
    supervisor = supervise(spec("good", FOREVER), spec("bad", "raise SystemExit('no such setting')", probe=lambda: "never"))
    with pytest.raises(StartError, match=r"\n  bad: restarting exit code 1: no such setting \(log: .*bad\.log\)$"):
        supervisor.wait_ready(30)


def test_waiting_ends_with_what_is_missing_when_the_time_is_over(spec, supervise):
    supervisor = supervise(spec("late", FOREVER, probe=lambda: "the catalogue"))
    supervisor.board.wait_for(lambda states: bool(states["late"].detail), 30)
    with pytest.raises(StartError, match=r"\n  late: starting the catalogue \(log: "):
        supervisor.wait_ready(0)


def test_stop_ends_the_processes_and_what_they_started(spec, supervise, tmp_path, wait_until_gone):
    supervisor = supervise(spec("parent", WITH_CHILD), spec("other", FOREVER))
    supervisor.wait_ready(30)
    pids = [pid_of(supervisor, "parent"), pid_of(supervisor, "other")]
    grandchild = int((tmp_path / "parent.log").read_text())

    supervisor.stop()

    assert all(is_gone(pid) for pid in pids)
    assert wait_until_gone(grandchild)
    assert {state.phase for state in supervisor.board.states().values()} == {Phase.STOPPED}


def test_a_process_that_does_not_listen_is_killed(spec, supervise):
    supervisor = supervise(spec("stubborn", STUBBORN), stop_grace_s=0.1)
    supervisor.wait_ready(30)
    pid = pid_of(supervisor, "stubborn")

    supervisor.stop()

    assert is_gone(pid)


def test_a_process_ends_before_what_it_needs(spec, supervise, tmp_path):
    order = tmp_path / "order"
    code = "import signal, sys; print('here'); signal.sigwait([signal.SIGTERM]); open({!r}, 'a').write({!r})"
    masked = "import signal; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]); " + code
    supervisor = supervise(
        spec("needed", masked.format(str(order), "needed ")),
        spec("needing", masked.format(str(order), "needing "), after=("needed",)),
    )
    supervisor.wait_ready(30)

    supervisor.stop()

    assert order.read_text() == "needing needed "


def test_a_stopped_process_stays_stopped_until_it_is_started(spec, supervise, events):
    supervisor = supervise(spec("server", FOREVER))
    supervisor.wait_ready(30)
    events.next()

    supervisor.stop_one("server")
    assert supervisor.board.states()["server"].phase is Phase.STOPPED
    supervisor.start_one("server")

    assert isinstance(events.next(), Ready)


def test_stop_ends_a_wait_for_what_never_becomes_ready(spec, supervise):
    supervisor = supervise(spec("needing", FOREVER, after=("needed",)), spec("needed", FOREVER, probe=lambda: "never"))
    supervisor.board.wait_for(lambda states: states["needing"].phase is Phase.WAITING and states["needed"].pid, 30)
    pid = pid_of(supervisor, "needed")

    supervisor.stop()

    assert is_gone(pid)
    assert {state.phase for state in supervisor.board.states().values()} == {Phase.STOPPED}


def test_nothing_outlives_a_supervisor_that_is_killed(tmp_path, wait_until_gone):
    with subprocess.Popen([sys.executable, "-c", A_SUPERVISOR, str(tmp_path)], stdout=subprocess.PIPE, text=True) as supervisor:
        assert supervisor.stdout.readline() == "ready\n"
        pids = [int((tmp_path / name).read_text()) for name in ("one", "two")]
        assert not any(is_gone(pid) for pid in pids)

        supervisor.kill()

        assert all(wait_until_gone(pid) for pid in pids)


def test_a_program_that_does_not_exist_is_named_in_the_last_lines(spec, supervise, events):
    missing = spec("server", "", probe=lambda: "never")
    supervise(type(missing)("server", ("/nowhere/envoy",), {}, missing.log, missing.probe))
    assert events.next().last_lines == ("/nowhere/envoy: No such file or directory",)
