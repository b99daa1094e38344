from __future__ import annotations

import io
import re
import shlex
from pathlib import Path

import pytest
from maas_local.board import Phase, State
from maas_local.keeper import Died, Ready
from maas_local.people import Person
from maas_local.progress import Progress
from maas_local.sample_keys import SampleKey
from maas_local.settings import LocalSettings
from maas_local.stack import Sample
from maas_local.summary import print_summary, sign_in
from rich.console import Console

KEY = "sk-maas-abcdefghijkl_" + "x" * 49


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(out) -> Console:
    return Console(file=out, width=80)


def test_a_ready_process_is_one_line(console, out):
    Progress(console).report(Ready("keys", 1.26))
    assert out.getvalue() == "keys: ready after 1.3 s\n"


def test_a_death_shows_how_when_it_is_retried_and_its_last_lines_as_they_are(console, out):
    long = "[bold]value[/bold] " * 10
    Progress(console).report(Died("keys", "signal SIGKILL", 0.5, (long, "second"), Path("keys.log")))
    assert out.getvalue().splitlines() == [
        "keys: died with signal SIGKILL; starts again in 0.5 s. Its last lines (keys.log):",
        f"  │ {long}",
        "  │ second",
    ]


def test_a_death_without_a_word_says_so(console, out):
    Progress(console).report(Died("keys", "exit code 1", 1.0, (), Path("keys.log")))
    assert out.getvalue().endswith("  │ (it printed nothing)\n")


def test_without_a_terminal_nothing_is_drawn(console, out):
    with Progress(console).watching(lambda: {"keys": State(Phase.STARTING)}):
        pass
    assert out.getvalue() == ""


def test_on_a_terminal_every_process_is_shown_with_what_it_waits_for(out):
    states = {"keys": State(Phase.READY), "authz": State(Phase.WAITING, "for keys")}
    with Progress(Console(file=out, width=80, force_terminal=True)).watching(lambda: states):
        pass
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", out.getvalue())
    assert re.search(r"✓ keys +ready", shown)
    assert re.search(r"authz +waiting for keys", shown)


def test_the_summary_says_where_everything_is_and_gives_a_request_to_paste(console, out):
    settings = LocalSettings(gateway_port=1234)
    states = dict.fromkeys(("issuer", "model", "keys", "registry", "authz", "ratelimit", "envoy"), State(Phase.READY))
    person = Person(name="bob", email="bob@example.org", sample_model="smollm2-pro")
    print_summary(console, settings, states, [Sample(person, "premium", SampleKey("abcdefghijkl", KEY))])
    shown = out.getvalue()
    assert "http://127.0.0.1:1234" in shown
    (command,) = (line for line in shown.splitlines() if line.startswith("curl"))
    words = shlex.split(command)
    assert words[1] == "http://127.0.0.1:1234/v1/chat/completions"
    assert f"Authorization: Bearer {KEY}" in words
    assert '"model": "smollm2-pro"' in words[-1]


def test_signing_in_takes_the_addresses_that_were_moved():
    assert sign_in(LocalSettings(gateway_port=8080, rest_port=8081, issuer_port=8082)) == ".venv/bin/maas login <name>"
    moved = LocalSettings(gateway_port=28080, rest_port=8081, issuer_port=28082)
    assert sign_in(moved) == (
        "export MAAS_GATEWAY_URL=http://127.0.0.1:28080 MAAS_ISSUER=http://127.0.0.1:28082 && .venv/bin/maas login <name>"
    )


def test_the_summary_shows_a_process_that_is_not_ready_as_it_is(console, out):
    names = ("issuer", "model", "keys", "registry", "authz", "ratelimit", "envoy")
    states = dict.fromkeys(names, State(Phase.READY)) | {"keys": State(Phase.BACKING_OFF, "exit code 1")}
    print_summary(console, LocalSettings(), states, [])
    (row,) = (line for line in out.getvalue().splitlines() if "keys (gRPC)" in line)
    assert "restarting" in row
