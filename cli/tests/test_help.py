import re
from collections.abc import Iterator

import pytest
import typer
from maas_cli.app import app
from maas_cli.errors import EXIT_CODE_MEANINGS
from typer.core import TyperGroup

from cli.tests.conftest import World


def commands(group: TyperGroup, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


def root() -> TyperGroup:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def test_the_commands_are_those_promised() -> None:
    assert {" ".join(path) for path in commands(root())} == {
        *("login", "logout", "whoami", "token", "quota", "explain", "chat", "estimates"),
        *(f"counters {name}" for name in ("list", "reset")),
        "access",
        *(f"keys {name}" for name in ("create", "personal", "list", "show", "search", "config", "import")),
        *(f"keys {name}" for name in ("update", "rotate", "disable", "enable", "revoke", "delete", "bulk-revoke", "approve", "reject")),
        *(f"teams {name}" for name in ("list", "create", "show", "update", "delete")),
        *(f"teams {name}" for name in ("add-member", "remove-member", "keys", "create-key")),
        *(f"users {name}" for name in ("me", "show", "list", "import", "delete")),
        *(f"roles {name}" for name in ("assign", "list", "unassign")),
        *(f"tenants {name}" for name in ("list", "create", "show", "update", "delete")),
        *(f"models {name}" for name in ("list", "add", "show", "update", "remove")),
        *(f"tiers {name}" for name in ("list", "create", "show", "update", "delete", "lookup")),
    }


@pytest.mark.parametrize("path", list(commands(root())), ids=" ".join)
def test_every_command_has_examples_of_itself(world: World, path: tuple[str, ...]) -> None:
    result = world.run(*path, "--help")
    assert result.exit_code == 0
    _, _, examples = result.stdout.partition("Examples:")
    assert f"maas {' '.join(path)}" in examples


def test_every_exit_code_is_explained(world: World) -> None:
    text = re.sub(r"\s+", " ", world.run("--help").stdout)
    for code, meaning in EXIT_CODE_MEANINGS.items():
        assert f" {code.value} {meaning}" in text


def test_the_version_is_told(world: World) -> None:
    assert re.fullmatch(r"maas \d+\.\d+\.\d+\n", world.run("--version").stdout)


@pytest.mark.parametrize(
    "arguments", [["keys", "lst"], ["keys", "list", "--limit", "0"], ["keys", "list", "-o", "xml"], ["--url", "ftp://x", "whoami"]]
)
def test_a_command_line_that_is_wrong_is_exit_2(world: World, arguments: list[str]) -> None:
    assert world.run(*arguments).exit_code == 2


def test_a_shell_can_complete_formats_and_commands(world: World) -> None:
    words = world.run(_MAAS_COMPLETE="complete_bash", COMP_WORDS="maas keys list -o ", COMP_CWORD="4")
    assert words.stdout.split() == ["table", "json", "yaml"]
    words = world.run(_MAAS_COMPLETE="complete_bash", COMP_WORDS="maas ti", COMP_CWORD="1")
    assert words.stdout.split() == ["tiers"]
