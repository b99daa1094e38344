import pytest

from cli.tests.conftest import World

URL = "http://10.0.0.7:8000/v1"


def test_a_model_is_registered_for_tiers(admin: World) -> None:
    result = admin.run("models", "add", "llama", "--url", URL, "--upstream-name", "Llama-3", "--tier", "gold", "--tier", "free")
    assert result.exit_code == 0
    assert "gold, free" in result.stdout
    assert "enforced everywhere" in result.stderr
    assert admin.management.requests[-1].json == {
        "id": "llama",
        "url": URL,
        "upstreamName": "Llama-3",
        "publishedTo": "tiers",
        "tiers": ["gold", "free"],
    }


def test_a_model_is_registered_for_all_or_for_nobody(admin: World) -> None:
    assert admin.json("models", "add", "open", "--url", URL, "--all")["publishedTo"] == "all"
    assert admin.json("models", "add", "shut", "--url", URL)["publishedTo"] == "nobody"


def test_all_and_tiers_contradict_each_other(admin: World) -> None:
    result = admin.run("models", "add", "llama", "--url", URL, "--tier", "gold", "--all")
    assert result.exit_code == 2
    assert not admin.management.models


def test_a_model_without_a_url_is_a_usage_error(admin: World) -> None:
    assert admin.run("models", "add", "llama").exit_code == 2


def test_an_id_that_is_taken_is_exit_1_with_the_servers_reason(admin: World) -> None:
    admin.run("models", "add", "llama", "--url", URL)
    result = admin.run("models", "add", "llama", "--url", URL)
    assert result.exit_code == 1
    assert result.stderr == 'error: model "llama" exists already; pick another id\n'


def test_a_model_that_the_gateway_rejects_is_a_warning_with_its_reason(admin: World) -> None:
    result = admin.run("models", "add", "llama", "--url", "http://host:99999/v1")
    assert result.exit_code == 0
    assert "warning: the gateway does not route to llama: Invalid port" in result.stderr


def test_the_list_shows_where_and_for_whom(admin: World) -> None:
    admin.run("models", "add", "llama", "--url", URL, "--tier", "gold")
    admin.run("models", "add", "open", "--url", URL, "--all")
    lines = admin.run("models", "list").stdout.splitlines()
    assert lines[0].split() == ["ID", "STATE", "PUBLISHED", "TO", "URL", "DISPLAY", "NAME"]
    assert lines[1].split() == ["llama", "ready", "gold", URL, "-"]
    assert lines[2].split() == ["open", "ready", "all", URL, "-"]


def test_a_user_sees_their_own_models_and_is_told_how(world: World) -> None:
    world.sign_in("admin")
    world.run("models", "add", "open", "--url", URL, "--all")
    world.run("models", "add", "shut", "--url", URL)
    world.sign_in("alice")
    refused = world.run("models", "list")
    assert refused.exit_code == 1
    assert refused.stderr.splitlines() == [
        "error: alice is not an administrator",
        "hint: the models that you may use: maas models list --mine",
    ]
    assert [model["id"] for model in world.json("models", "list", "--mine")] == ["open"]
    assert world.run("models", "list", "--mine").stdout.splitlines()[1].split()[:2] == ["open", "yes"]


def test_an_update_sends_what_is_given_and_nothing_else(admin: World) -> None:
    admin.run("models", "add", "llama", "--url", URL, "--tier", "gold", "--upstream-name", "Llama-3")
    admin.run("models", "update", "llama", "--nobody", "--upstream-name", "")
    assert admin.management.requests[-1].json == {"publishedTo": "nobody", "upstreamName": ""}
    shown = admin.json("models", "show", "llama")
    assert (shown["publishedTo"], shown["upstreamName"], shown["url"]) == ("nobody", "", URL)


def test_an_update_of_nothing_is_a_usage_error(admin: World) -> None:
    result = admin.run("models", "update", "llama")
    assert result.exit_code == 2
    assert "nothing to change" in result.stderr


def test_an_update_with_another_etag_is_refused(admin: World) -> None:
    admin.run("models", "add", "llama", "--url", URL)
    result = admin.run("models", "update", "llama", "--all", "--etag", "old")
    assert result.exit_code == 1
    assert "etag old is not the current one" in result.stderr


def test_a_removed_model_is_gone(admin: World) -> None:
    admin.run("models", "add", "llama", "--url", URL)
    result = admin.run("models", "remove", "llama", "--yes")
    assert (result.exit_code, result.stdout) == (0, "Removed model llama.\n")
    assert admin.run("models", "show", "llama").exit_code == 4
    admin.run("models", "add", "llama", "--url", URL)
    assert admin.json("models", "remove", "llama", "--yes")["enforcement"]["enforced"] is True


def test_removing_without_a_terminal_or_yes_removes_nothing(admin: World) -> None:
    admin.run("models", "add", "llama", "--url", URL)
    assert admin.run("models", "remove", "llama").exit_code == 2
    assert "llama" in admin.management.models


@pytest.mark.parametrize(
    ("price", "pricing", "shown"),
    [
        ("0.15/0.60", {"input": "150000", "output": "600000"}, "$0.15 input, $0.60 output for a million tokens"),
        (
            "3/15.000001/0.3",
            {"input": "3000000", "output": "15000001", "cached": "300000"},
            "$3.00 input, $15.000001 output, $0.30 cached input for a million tokens",
        ),
        (
            "0/1000000/0",
            {"input": "0", "output": "1000000000000", "cached": "0"},
            "$0.00 input, $1,000,000.00 output, $0.00 cached input for a million tokens",
        ),
    ],
)
def test_prices_are_given_in_dollars_and_sent_in_micro_dollars(admin: World, price: str, pricing: dict[str, str], shown: str) -> None:
    admin.run("models", "add", "llama", "--url", URL, "--price", price)
    assert admin.management.requests[-1].json["pricing"] == pricing
    assert admin.json("models", "show", "llama")["pricing"] == pricing
    assert f"price {shown}" in [" ".join(line.split()) for line in admin.run("models", "show", "llama").stdout.splitlines()]


@pytest.mark.parametrize(
    ("price", "complaint"),
    [
        ("", "want INPUT/OUTPUT or INPUT/OUTPUT/CACHED in dollars for a million tokens, like 0.15/0.60"),
        ("0.15", "want INPUT/OUTPUT"),
        ("1/2/3/4", "want INPUT/OUTPUT"),
        ("1/", 'output "": want dollars, like 50 or 0.15, with at most 6 decimals'),
        ("0.0000001/1", 'input "0.0000001": want dollars'),
        ("1/2/.5", 'cached ".5": want dollars'),
        ("1/-2", 'output "-2"'),
        ("1/1e3", 'output "1e3"'),
        ("1/٣", 'output "٣"'),
        ("1/1000000.000001", 'output "1000000.000001": want at most 1000000 dollars'),
    ],
)
def test_a_price_that_is_none_is_a_usage_error(admin: World, price: str, complaint: str) -> None:
    for command in (["add", "llama", "--url", URL], ["update", "llama"]):
        result = admin.run("models", *command, "--price", price)
        assert result.exit_code == 2
        assert f'price "{price}"' in result.stderr
        assert complaint in result.stderr
    assert not admin.management.requests


def test_a_price_is_changed_and_taken_away(admin: World) -> None:
    admin.run("models", "add", "llama", "--url", URL, "--price", "1/2/3")
    assert admin.json("models", "update", "llama", "--price", "4/5")["pricing"] == {"input": "4000000", "output": "5000000"}
    assert "pricing" not in admin.json("models", "update", "llama", "--no-price")
    assert admin.management.requests[-1].json == {"updateMask": "pricing"}
    assert ["price", "-"] in [line.split() for line in admin.run("models", "show", "llama").stdout.splitlines()]
    assert admin.run("models", "update", "llama", "--price", "1/2", "--no-price").exit_code == 2
