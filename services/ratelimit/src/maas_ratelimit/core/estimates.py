"""How many tokens a request will use, learned for each model from those that have ended."""

from __future__ import annotations

import math
from typing import NamedTuple

_WEIGHT = 0.1
"""Of one more request in a moving average: about the last twenty count."""
_OUTLIER = 4.0
"""A sample further than this factor from the average counts as if it were this far: one odd request moves little."""


class EstimatedModel(NamedTuple):
    """One model's averages, for people."""

    model: str
    tokens_per_byte: float
    output_mean: float
    samples: int


class ModelEstimate:
    """One model's averages. They begin as what is usual for English text and chat."""

    __slots__ = ("output_mean", "samples", "tokens_per_byte")

    def __init__(self) -> None:
        self.tokens_per_byte = 0.25
        self.output_mean = 256.0
        self.samples = 0

    def input(self, body_bytes: int) -> int:
        """Input tokens of a request body."""
        return math.ceil(body_bytes * self.tokens_per_byte)

    def output(self, max_out: int | None) -> int:
        """Output tokens of a request that asks for at most `max_out`."""
        return math.ceil(self.output_mean) if max_out is None else max_out

    def learn(self, body_bytes: int, input_tokens: int | None, output_tokens: int | None) -> None:
        """Take in what a model reported."""
        self.samples += 1
        if body_bytes and input_tokens:
            self.tokens_per_byte = _moved(self.tokens_per_byte, input_tokens / body_bytes)
        if output_tokens:
            self.output_mean = _moved(self.output_mean, output_tokens)


class Estimates:
    """Every model's estimate; the model seen first is forgotten when there are too many."""

    def __init__(self, at_most: int = 1024) -> None:
        self._models: dict[str, ModelEstimate] = {}
        self._at_most = at_most

    def of(self, model: str) -> ModelEstimate:
        """The model's estimate, a fresh one when it is new."""
        estimate = self._models.get(model)
        if estimate is None:
            if len(self._models) >= self._at_most:
                self._models.pop(next(iter(self._models)), None)
            estimate = self._models[model] = ModelEstimate()
        return estimate

    def listed(self, after: str, at_most: int) -> list[EstimatedModel]:
        """Models by id, those past `after`, no more than so many."""
        known = sorted(list(self._models.items()))  # noqa: C414 - a copy: others add while this sorts
        found = [(model, each) for model, each in known if model > after][:at_most]
        return [EstimatedModel(model, each.tokens_per_byte, each.output_mean, each.samples) for model, each in found]


def _moved(average: float, sample: float) -> float:
    return average + _WEIGHT * (min(max(sample, average / _OUTLIER), average * _OUTLIER) - average)
