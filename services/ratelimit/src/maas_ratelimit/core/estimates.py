"""How many tokens a request will use, learned for each model from those that have ended."""

from __future__ import annotations

import math

_WEIGHT = 0.1
"""Of one more request in a moving average: about the last twenty count."""
_OUTLIER = 4.0
"""A sample further than this factor from the average counts as if it were this far: one odd request moves little."""


class ModelEstimate:
    """One model's averages. They begin as what is usual for English text and chat."""

    __slots__ = ("output_mean", "samples", "tokens_per_byte")

    def __init__(self) -> None:
        self.tokens_per_byte = 0.25
        self.output_mean = 256.0
        self.samples = 0
        """How many requests were learned from."""

    def input(self, body_bytes: int) -> int:
        """Input tokens of a request body."""
        return math.ceil(body_bytes * self.tokens_per_byte)

    def output(self, max_out: int | None) -> int:
        """Output tokens of a request that asks for at most `max_out`."""
        return math.ceil(self.output_mean) if max_out is None else max_out

    def learn(self, body_bytes: int, input_tokens: int | None, output_tokens: int | None) -> None:
        """Take in what a model reported."""
        if (body_bytes and input_tokens) or output_tokens:
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

    def listed(self, after: str, at_most: int) -> list[tuple[str, ModelEstimate]]:
        """The first of the models whose ids come after that one, by id. Any thread may ask."""
        models = self._models.copy()  # in one step: another thread may add to it
        return sorted((model, estimate) for model, estimate in models.items() if model > after)[:at_most]


def _moved(average: float, sample: float) -> float:
    if sample > (most := average * _OUTLIER):
        sample = most
    elif sample < (least := average / _OUTLIER):
        sample = least
    return average + _WEIGHT * (sample - average)
