"""Counters and estimates, in memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from maas.ratelimit.v1 import limits_pb2 as pb

from cli.tests.fakes.transcoder import RefusalError
from cli.tests.fakes.web import Request


@dataclass(slots=True)
class Limits:
    """`page_max` is the most that a page holds."""

    counters: list[pb.Counter] = field(default_factory=list)
    estimates: list[pb.ModelEstimate] = field(default_factory=list)
    page_max: int = 2
    resets: list[pb.ResetCountersRequest] = field(default_factory=list)
    is_closed: bool = False
    """Whoever asks is no administrator."""

    def ListCounters(self, asked: pb.ListCountersRequest, request: Request) -> Any:
        if self.is_closed:
            raise RefusalError(403, "alice is not an administrator")
        page, following = self._page(self._found(asked), asked)
        return pb.ListCountersResponse(counters=page, next_page_token=following)

    def ResetCounters(self, asked: pb.ResetCountersRequest, request: Request) -> Any:
        if not (asked.limit_id or asked.subject):
            raise RefusalError(400, "name a limit, a subject or both")
        self.resets.append(asked)
        found = self._found(asked)
        for counter in found:
            counter.used = 0
        return pb.ResetCountersResponse(counters=len(found))

    def ListEstimates(self, asked: pb.ListEstimatesRequest, request: Request) -> Any:
        page, following = self._page(self.estimates, asked)
        return pb.ListEstimatesResponse(estimates=page, next_page_token=following)

    def _found(self, asked: Any) -> list[pb.Counter]:
        return [each for each in self.counters if asked.limit_id in {"", each.limit_id} and asked.subject in {"", each.subject}]

    def _page(self, items: list[Any], asked: Any) -> tuple[list[Any], str]:
        start = int(asked.page_token or 0)
        end = start + min(asked.page_size or self.page_max, self.page_max)
        return items[start:end], str(end) if end < len(items) else ""
