"""Every command line that help and guides show is one that the program takes."""

import functools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from maas_cli.app import app
from typer.core import TyperGroup

ROOT = Path(__file__).parents[2]
_SHELL = {"|", "||", ">", "&&"}
_PLACEHOLDER = re.compile(r"…|\.\.\.")


@functools.cache
def root() -> TyperGroup:
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def lines_of(text: str) -> Iterator[str]:
    """The command lines in a text, without what a shell does with them."""
    for line in re.sub(r"\\\n\s*", "", text).splitlines():
        found = re.match(r"(?:    )?(?:\$ )?(?:export )?(?:\w+=\S*\s)*(?:\w+=\$\()?(?:printf .* \| |jq .* \| )?maas (?P<rest>.+)", line)
        if found and not _PLACEHOLDER.search(found["rest"]):
            yield found["rest"].rstrip()


def helps(group: TyperGroup) -> Iterator[str]:
    yield group.help or ""
    for command in group.commands.values():
        if isinstance(command, TyperGroup):
            yield from helps(command)
        else:
            yield command.help or ""


def examples() -> list[str]:
    guides = [(ROOT / "README.md").read_text(), *(path.read_text() for path in sorted((ROOT / "docs").glob("*.md")))]
    code = [line for guide in guides for line in guide.splitlines() if line.startswith("    ")]
    told = [text.partition("Examples:")[2] for text in helps(root())]
    return sorted({line for text in ["\n".join(code), *told] for line in lines_of(text)})


def test_there_are_examples_to_try() -> None:
    assert len(examples()) > 100


@pytest.mark.parametrize("line", examples())
def test_an_example_is_a_command_line(line: str) -> None:
    words = shlex.split(line, comments=True)
    end = next((place for place, word in enumerate(words) if word in _SHELL), len(words))
    words = [word.removesuffix(")") for word in words[:end]]
    group, path = root(), ["maas"]
    context = group.make_context("maas", list(words))
    rest = [*context._protected_args, *context.args]
    while isinstance(group, TyperGroup):
        name, command, rest = group.resolve_command(context, rest)
        assert command is not None
        context = command.make_context(name, rest, parent=context)
        path.append(str(name))
        if not isinstance(command, TyperGroup):
            return
        group, rest = command, [*context._protected_args, *context.args]
