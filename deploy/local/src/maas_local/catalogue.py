"""Reads the sample catalogue, tiers.yaml and models.yaml, as requests to the registry."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from string import Template
from typing import Any, TypeVar

import yaml
from google.protobuf.json_format import ParseDict, ParseError
from google.protobuf.message import Message
from maas.registry.v1.models_pb2 import CreateModelRequest
from maas.registry.v1.tiers_pb2 import CreateTierRequest

_M = TypeVar("_M", bound=Message)


@dataclass(frozen=True, slots=True)
class Catalogue:
    """What a local run starts out with."""

    tiers: tuple[CreateTierRequest, ...]
    models: tuple[CreateModelRequest, ...]


def read_catalogue(config: Path, model_url: str) -> Catalogue:
    """The sample catalogue; ${model_url} in a model's url is the local model server.

    ValueError names the file, the entry and what is wrong with it.
    """
    tiers, models = config / "tiers.yaml", config / "models.yaml"
    return Catalogue(
        tiers=tuple(_request(tiers, entry, CreateTierRequest()) for entry in entries(tiers)),
        models=tuple(_request(models, _with_model_url(entry, model_url), CreateModelRequest()) for entry in entries(models)),
    )


def entries(path: Path) -> list[dict[str, Any]]:
    """What a file lists; ValueError names it when it is no list of entries with fields."""
    try:
        entries = yaml.safe_load(path.read_text())
    except yaml.YAMLError as error:
        raise ValueError(f"{path}: {error}") from None
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ValueError(f"{path}: want a list of entries with fields")
    return entries


def _with_model_url(entry: dict[str, Any], model_url: str) -> dict[str, Any]:
    return entry | {"url": Template(str(entry.get("url", ""))).safe_substitute(model_url=model_url)}


def _request(path: Path, entry: dict[str, Any], request: _M) -> _M:
    try:
        return ParseDict(entry, request)
    except ParseError as error:
        name = entry.get("name") or entry.get("id") or "an entry"
        raise ValueError(f"{path}: {name}: {error}") from None
