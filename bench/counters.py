"""What counting costs by itself, without a wire: a thousand against a million live counters, and the memory that a counter takes."""

from __future__ import annotations

import gc
import resource
import time
from itertools import count

from maas_ratelimit.adapters.memory.store import MemoryBounds, MemoryStore
from maas_ratelimit.core.counting import Account, Claim, Settlement
from maas_ratelimit.core.plans import Plan

_PLAN = Plan.parse("1;tier/gold/total-tokens-1d:total_tokens:1000000000:1d:user")
_TOGETHER = 16
_BATCHES = 4000
_NUMBER = count()


def main() -> None:
    print(f"{'live counters':>14} {'admit µs':>10} {'settle µs':>10} {'bytes a counter':>16}")
    few = _measure(1_000)
    many = _measure(1_000_000)
    print(f"{'ratio':>14} {many[0] / few[0]:10.2f} {many[1] / few[1]:10.2f}")


def _measure(counters: int) -> tuple[float, float]:
    store = MemoryStore(MemoryBounds(max_counters=2_000_000))
    now = time.time()
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for user in range(counters):
        claim = _claim(f"https://issuer.example/realms/people|{user:08d}")
        store.run([claim, _settlement(claim)], now=now)
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 / counters
    gc.collect()
    gc.freeze()
    admits, settles = [], []
    for batch in range(_BATCHES):
        users = [(batch * _TOGETHER + place) * 7919 % counters for place in range(_TOGETHER)]
        claims = [_claim(f"https://issuer.example/realms/people|{user:08d}") for user in users]
        settlements = [_settlement(claim) for claim in claims]
        admits.append(_timed(lambda claims=claims: store.run(claims, now=now)))
        settles.append(_timed(lambda settlements=settlements: store.run(settlements, now=now)))
    if store.live_counters != counters:
        raise RuntimeError(f"{store.live_counters} counters live, not {counters}")
    admit, settle = (sorted(times)[len(times) // 2] / _TOGETHER * 1e6 for times in (admits, settles))
    size = f"{grown:16.0f}" if counters >= 1_000_000 else ""
    print(f"{counters:14,d} {admit:10.2f} {settle:10.2f} {size}", flush=True)
    return admit, settle


def _timed(work: object) -> float:
    started = time.perf_counter()
    work()  # type: ignore[operator] # a lambda
    return time.perf_counter() - started


def _claim(user: str) -> Claim:
    return Claim(f"{next(_NUMBER):032x}", Account(_PLAN, "default", (user,)), (200,), (200,), "")


def _settlement(claim: Claim) -> Settlement:
    return Settlement(claim.rid, claim.account, (150,), "")


if __name__ == "__main__":
    main()
