"""Every role by every method that people call, as docs/roles.md has it."""

from __future__ import annotations

import pytest
from maas.ratelimit.v1 import limits_pb2 as pb
from maas_common.auth.roles import TABLE
from maas_common.testing.role_matrix import SETTINGS, Case, caller, cells, expected, methods_of_people, outcomes
from maas_ratelimit.app import ACCESS

PACKAGE = "maas.ratelimit.v1"
CASES = {
    "Peek": Case(pb.PeekRequest(plan="1;calls:requests:9:1h:user", user="https://issuer.example|ann")),
    "ListCounters": Case(pb.ListCountersRequest()),
    "ResetCounters": Case(pb.ResetCountersRequest(limit_id="calls")),
    "ListEstimates": Case(pb.ListEstimatesRequest()),
}
NEVER = 4_000_000_000


@pytest.mark.parametrize("cell", cells(PACKAGE), ids=str)
def test_a_role_reaches_as_far_as_the_table_says(run, cell):
    method = cell.method.partition("/")[2]

    async def scenario(world):
        async def call(request):
            return await getattr(world.limits, method)(request, metadata=caller(world.people, cell.column, exp=NEVER))

        assert await outcomes(CASES[method], call) == expected(cell, CASES[method])

    run(scenario, **SETTINGS)


def test_the_table_has_every_method_that_people_may_call():
    assert methods_of_people(ACCESS) == {method for method in TABLE if method.startswith(PACKAGE)}
