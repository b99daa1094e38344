"""What only happens on a terminal: questions, a conversation, Ctrl-C."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from cli.tests.conftest import World
from cli.tests.fakes.gateway import delta, error, stream, streamed
from cli.tests.fakes.people import PASSWORDS
from cli.tests.fakes.terminal import Terminal
from cli.tests.fakes.web import Response

KEY = "Key000000000"


@pytest.fixture
def endless() -> Iterator[Response]:
    """An answer that begins and then hangs."""
    over = threading.Event()

    def events() -> Iterator[Any]:
        yield delta("Once upon")
        over.wait()

    yield stream(events())
    over.set()


def test_a_name_and_a_password_are_asked_for_and_the_password_is_not_shown(world: World) -> None:
    with Terminal(("login",), world.environment) as terminal:
        terminal.wait_for("Name: ")
        terminal.type("alice\n")
        terminal.wait_for("Password of alice: ")
        terminal.type(PASSWORDS["alice"] + "\n")
        assert terminal.ended() == 0
    assert "Signed in as alice" in terminal.screen
    assert PASSWORDS["alice"] not in terminal.screen


def test_a_list_of_keys_fits_a_terminal_of_80_columns(admin: World) -> None:
    admin.run("keys", "create", "nightly-indexing", "--team", "research", "-q")
    with Terminal(("keys", "list"), admin.environment | {"COLUMNS": "80"}) as terminal:
        assert terminal.ended() == 0
    header, row = terminal.screen.split("\r\n")[:2]
    assert header.split()[0] == "ID"
    assert row.split() == [KEY, "nightly-indexing", "admin", "research", "active", "2026-01-02", "-"]


def test_revoking_asks_for_the_id_and_obeys(admin: World) -> None:
    admin.run("keys", "create", "ci", "-q")
    with Terminal(("keys", "revoke", KEY), admin.environment) as terminal:
        terminal.wait_for(f"To revoke {KEY}, type its name again: ")
        terminal.type(f"{KEY}\n")
        assert terminal.ended() == 0
    assert admin.management.keys.kept[KEY].status == "revoked"


@pytest.mark.parametrize("typed", ["yes\n", "\n"])
def test_another_answer_revokes_nothing_and_is_exit_1(admin: World, typed: str) -> None:
    admin.run("keys", "create", "ci", "-q")
    with Terminal(("keys", "revoke", KEY), admin.environment) as terminal:
        terminal.wait_for("type its name again: ")
        terminal.type(typed)
        assert terminal.ended() == 1
    assert "not confirmed" in terminal.screen
    assert admin.management.keys.kept[KEY].status == "active"


def test_a_conversation_remembers_what_was_said_and_outlives_a_refusal(caller: World) -> None:
    caller.gateway.answers = [streamed("Hello Ann"), error(429, "Rate limit exceeded.", "rate_limit_error"), streamed("Ann\x1b[2J")]
    with Terminal(("chat", "smollm2", "--system", "be brief"), caller.environment) as terminal:
        for prompt, answer in (("I am Ann", "Hello Ann"), ("Lost?", "error: Rate limit exceeded."), ("Who am I?", "total")):
            terminal.wait_for("> ")
            terminal.type(f"{prompt}\n")
            terminal.wait_for(answer)
        terminal.wait_for("> ")
        terminal.type("\x04")
        assert terminal.ended() == 0
    assert [message["content"] for message in caller.gateway.requests[-1].json["messages"]] == [
        "be brief",
        "I am Ann",
        "Hello Ann",
        "Who am I?",
    ]
    assert "\x1b[2J" not in terminal.screen, "a model can't steer the terminal"


def test_a_conversation_ends_when_the_key_is_not_accepted(world: World) -> None:
    with Terminal(("chat", "smollm2"), world.environment | {"MAAS_API_KEY": "sk-maas-unknown"}) as terminal:
        terminal.wait_for("> ")
        terminal.type("hi\n")
        assert terminal.ended() == 3


def test_ctrl_c_stops_an_answer_and_the_conversation_goes_on(caller: World, endless: Response) -> None:
    caller.gateway.answers = [endless, streamed("Fine")]
    with Terminal(("chat", "smollm2"), caller.environment) as terminal:
        terminal.wait_for("> ")
        terminal.type("A tale?\n")
        terminal.wait_for("Once upon")
        terminal.interrupt()
        terminal.wait_for("stopped")
        terminal.wait_for("> ")
        terminal.type("How are you?\n")
        terminal.wait_for("Fine")
        terminal.wait_for("> ")
        terminal.type("\x04")
        assert terminal.ended() == 0
    assert "Traceback" not in terminal.screen


def test_ctrl_c_at_the_prompt_drops_the_line_and_nothing_else(caller: World) -> None:
    caller.gateway.answers = [streamed("Fine")]
    with Terminal(("chat", "smollm2"), caller.environment) as terminal:
        terminal.wait_for("> ")
        terminal.interrupt_at_prompt()
        terminal.wait_for("> ")
        terminal.type("How are you?\n")
        terminal.wait_for("Fine")
        terminal.wait_for("> ")
        terminal.type("\x04")
        assert terminal.ended() == 0


def test_ctrl_c_ends_a_single_answer_with_130(caller: World, endless: Response) -> None:
    caller.gateway.answers = [endless]
    with Terminal(("chat", "smollm2", "A tale?"), caller.environment) as terminal:
        terminal.wait_for("Once upon")
        terminal.interrupt()
        assert terminal.ended() == 130
    assert "stopped" in terminal.screen
    assert "Traceback" not in terminal.screen
