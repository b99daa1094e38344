import pytest
from maas.ratelimit.v1.limits_pb2 import Counter, ModelEstimate

from cli.tests.conftest import World
from cli.tests.fakes.house import CREATED_S
from cli.tests.fakes.terminal import Terminal

ANN, BEN = "https://issuer.example|ann", "https://issuer.example|ben"
REQUESTS, TOKENS = "tier/free/requests-1m", "tier/free/total-tokens-1d"


@pytest.fixture
def counted(admin: World) -> World:
    """Two people have used some of two limits."""
    calls = Counter(limit_id=REQUESTS, metric="requests", window="1m", per="user", used=2, reset=CREATED_S)
    tokens = Counter(limit_id=TOKENS, metric="total_tokens", window="1d", per="user", used=70, reserved=400, reset=CREATED_S)
    admin.management.limits.counters = [of(subject, counter) for counter in (calls, tokens) for subject in (ANN, BEN)]
    return admin


def of(subject: str, counter: Counter) -> Counter:
    mine = Counter(subject=subject)
    mine.MergeFrom(counter)
    return mine


def used(world: World) -> list[int]:
    return [counter.used for counter in world.management.limits.counters]


def test_the_list_reads_every_page_and_shows_whose_counters_they_are(counted: World) -> None:
    header, *lines = counted.run("counters", "list").stdout.splitlines()
    assert header.split() == ["LIMIT", "METRIC", "WINDOW", "PER", "SUBJECT", "USED", "RESERVED", "RESETS"]
    assert [line.split()[4] for line in lines] == [ANN, BEN, ANN, BEN]
    assert lines[2].split() == [TOKENS, "total_tokens", "1d", "user", ANN, "70", "400", "2026-01-01", "00:00:00Z"]


def test_amounts_are_easy_to_read_for_people_and_plain_for_scripts(admin: World) -> None:
    cost = Counter(limit_id="c", metric="cost", window="month", per="team", subject="x", used=1_234_567, reserved=4_200)
    tokens = Counter(limit_id="t", metric="total_tokens", window="1d", per="user", subject="x", used=1_500_000)
    admin.management.limits.counters = [cost, tokens]
    assert [line.split()[5:7] for line in admin.run("counters", "list").stdout.splitlines()[1:]] == [
        ["$1.23", "$0.0042"],
        ["1,500,000", "0"],
    ]
    assert [counter["used"] for counter in admin.json("counters", "list")] == ["1234567", "1500000"]


def test_the_list_is_of_one_limit_and_one_subject_and_stops_in_time(counted: World) -> None:
    assert [counter["limitId"] for counter in counted.json("counters", "list", "--subject", BEN)] == [REQUESTS, TOKENS]
    assert [counter["subject"] for counter in counted.json("counters", "list", "--limit", TOKENS)] == [ANN, BEN]
    assert len(counted.json("counters", "list", "--limit", TOKENS, "--subject", BEN)) == 1
    assert len(counted.json("counters", "list", "--at-most", "3")) == 3


def test_a_second_counter_is_told_from_the_first_and_one_without_a_window_resets_never(admin: World) -> None:
    held = Counter(limit_id="a", metric="concurrency", window="-", per="user+model", subject=f"{ANN}+big")
    admin.management.limits.counters = [held, of("", held)]
    admin.management.limits.counters[1].throttled = True
    first, second = admin.run("counters", "list").stdout.splitlines()[1:]
    assert first.split() == ["a", "concurrency", "-", "user+model", f"{ANN}+big", "0", "0", "-"]
    assert second.startswith("a (throttled)")


def test_an_empty_list_is_told(admin: World) -> None:
    result = admin.run("counters", "list")
    assert (result.stdout, result.exit_code) == ("", 0)
    assert "no counters" in result.stderr


def test_who_may_not_see_counters_is_told_where_their_own_limits_are(counted: World) -> None:
    counted.management.limits.is_closed = True
    refused = counted.run("counters", "list")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "error: alice is not an administrator",
        "hint: what you have used of your own limits: maas quota",
    ]


def test_a_reset_says_how_many_and_gives_the_reason(counted: World) -> None:
    result = counted.run("counters", "reset", "--subject", ANN, "--reason", "bill paid", "--yes")
    assert (result.exit_code, result.stdout) == (0, "Counters reset: 2\n")
    assert used(counted) == [0, 2, 0, 70]
    assert counted.management.requests[-1].json == {"subject": ANN, "reason": "bill paid"}
    assert counted.json("counters", "reset", "--limit", TOKENS, "--subject", BEN, "--yes") == {"counters": "1"}
    assert used(counted) == [0, 2, 0, 0]


def test_a_reset_that_finds_nothing_says_so(counted: World) -> None:
    result = counted.run("counters", "reset", "--limit", "unknown", "--yes")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "nothing was reset" in result.stderr


def test_a_dry_run_lists_what_would_be_reset_and_leaves_it(counted: World) -> None:
    result = counted.run("counters", "reset", "--limit", TOKENS, "--dry-run")
    assert [line.split()[4] for line in result.stdout.splitlines()[1:]] == [ANN, BEN]
    assert counted.json("counters", "reset", "--limit", TOKENS, "--subject", BEN, "--dry-run")[0]["used"] == "70"
    assert "nothing would be reset" in counted.run("counters", "reset", "--limit", "unknown", "--dry-run").stderr
    assert counted.management.limits.resets == []


@pytest.mark.parametrize("options", [["--yes"], ["--dry-run"], ["--reason", "why", "--yes"]])
def test_a_reset_of_everything_is_a_usage_error(counted: World, options: list[str]) -> None:
    before = len(counted.management.requests)
    result = counted.run("counters", "reset", *options)
    assert result.exit_code == 2
    assert "--limit ID, --subject NAME or both" in result.stderr
    assert len(counted.management.requests) == before


def test_a_reset_without_a_terminal_or_yes_is_a_usage_error_and_resets_nothing(counted: World) -> None:
    result = counted.run("counters", "reset", "--limit", TOKENS, stdin=f"{TOKENS}\n")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert counted.management.limits.resets == []


@pytest.mark.parametrize(
    ("options", "asked", "name"),
    [
        (("--limit", TOKENS), f"To reset all counters of {TOKENS}, type its name again: ", TOKENS),
        (("--subject", ANN), f"To reset all counters of {ANN}, type its name again: ", ANN),
        (("--limit", TOKENS, "--subject", ANN), f"To reset what {ANN} used of {TOKENS}, type its name again: ", TOKENS),
    ],
)
def test_a_reset_asks_for_the_name_of_what_is_lost(counted: World, options: tuple[str, ...], asked: str, name: str) -> None:
    for typed, code in (("yes", 1), (name, 0)):
        assert counted.management.limits.resets == []
        with Terminal(("counters", "reset", *options), counted.environment) as terminal:
            terminal.wait_for(asked)
            terminal.type(f"{typed}\n")
            assert terminal.ended() == code
    assert len(counted.management.limits.resets) == 1


def test_estimates_are_listed_page_by_page(admin: World) -> None:
    assert "no estimates yet" in admin.run("estimates").stderr
    admin.management.limits.estimates = [
        ModelEstimate(model=model, tokens_per_byte=0.2345678, output_mean=187.4, samples=12) for model in ("a", "b", "c")
    ]
    header, *lines = admin.run("estimates").stdout.splitlines()
    assert header.rstrip() == "MODEL  INPUT TOKENS PER BYTE  OUTPUT TOKENS  LEARNED FROM"
    assert [line.split() for line in lines] == [[model, "0.235", "187", "12"] for model in ("a", "b", "c")]
    assert [each["model"] for each in admin.json("estimates", "--limit", "2")] == ["a", "b"]
    assert admin.json("estimates")[0]["tokensPerByte"] == 0.2345678
