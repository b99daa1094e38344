"""The sample people: who can sign in locally, and in which groups they are."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError


class Person(BaseModel):
    """Somebody who can sign in. `sample_model` asks for a sample API key, and names the model that its example calls."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = Field(pattern="^[a-z][a-z0-9-]{0,31}$")
    email: str
    groups: tuple[str, ...] = ()
    sample_model: str = ""


def read_people(config: Path) -> list[Person]:
    """The people of people.yaml; ValueError names the file and what is wrong in it."""
    path = config / "people.yaml"
    try:
        people = TypeAdapter(list[Person]).validate_python(yaml.safe_load(path.read_text()))
    except (yaml.YAMLError, ValidationError) as error:
        raise ValueError(f"{path}: {error}") from None
    names = [person.name for person in people]
    if twice := {name for name in names if names.count(name) > 1}:
        raise ValueError(f"{path}: {', '.join(sorted(twice))} is there twice; want each name once")
    return people
