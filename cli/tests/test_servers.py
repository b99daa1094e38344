"""What the command line makes of servers that are not there, or not what they should be."""

import httpx
import pytest
from maas_cli.errors import UnreachableError
from maas_cli.transport import reaching

from cli.tests.conftest import World
from cli.tests.fakes.web import Request, Response, json_response, serving


def test_a_server_that_is_not_there_is_exit_5_and_names_the_setting(admin: World) -> None:
    sessions = admin.config / "sessions.json"
    sessions.write_text(sessions.read_text().replace(admin.environment["MAAS_URL"], "http://127.0.0.1:1"))
    result = admin.run("--url", "http://127.0.0.1:1/", "keys", "list")
    assert result.exit_code == 5
    assert "can't reach the management API at http://127.0.0.1:1" in result.stderr
    assert "MAAS_URL" in result.stderr
    assert "Traceback" not in result.output


def test_a_service_that_is_down_is_exit_5(admin: World) -> None:
    admin.management.down = True
    result = admin.run("tiers", "list")
    assert result.exit_code == 5
    assert "no healthy upstream" in result.stderr


def test_a_refusal_that_says_nothing_still_reads_well(admin: World) -> None:
    result = admin.run("tiers", "show", "a/b")
    assert result.exit_code == 4
    assert result.stderr.startswith("error: ")


@pytest.mark.parametrize(
    ("response", "exit_code", "message"),
    [
        (Response(500, [b"<html>oops</html>"], {"content-type": "text/html"}), 1, "the server answered 500: <html>oops</html>"),
        (Response(502), 5, "the server answered 502: nothing more"),
        (Response(302, (), {"location": "http://elsewhere/"}), 1, "the server answered 302"),
        (json_response({"error": {"message": ""}}, 503), 5, "the server answered 503"),
        (json_response({"error": "no"}, 400), 1, "the server answered 400: no"),
        (Response(200, [b"hello"]), 1, "is no JSON object"),
        (Response(200, [b"{"], breaks=True), 5, "broke"),
    ],
)
def test_any_answer_becomes_one_line_and_an_exit_code(world: World, response: Response, exit_code: int, message: str) -> None:
    def site(request: Request) -> Response:
        return response

    with serving(site) as url:
        world.environment["MAAS_URL"] = url
        world.sign_in("alice")
        result = world.run("tiers", "list")
    assert result.exit_code == exit_code
    assert message in result.stderr
    assert "Traceback" not in result.output


def test_several_wrong_fields_are_a_line_each(world: World) -> None:
    violations = [{"field": "name", "description": "is blank"}, {"field": "expires_in", "description": "has passed"}]
    error = {"message": "name: is blank; expires_in: has passed", "details": [{"fieldViolations": violations}]}
    with serving(lambda _: json_response({"error": error}, 400)) as url:
        world.environment["MAAS_URL"] = url
        world.sign_in("alice")
        result = world.run("tiers", "list")
    assert result.stderr.splitlines() == ["error: 2 things are wrong", "  name: is blank", "  expires_in: has passed"]


def test_a_proxy_from_the_environment_is_not_asked_for_this_machine(admin: World) -> None:
    assert admin.run("tiers", "list", HTTP_PROXY="http://127.0.0.1:1", http_proxy="http://127.0.0.1:1").exit_code == 0


def test_a_server_that_takes_too_long_is_unreachable() -> None:
    with (
        pytest.raises(UnreachableError, match="the gateway at http://host did not answer in time"),
        reaching("the gateway", "http://host", "--x"),
    ):
        raise httpx.ReadTimeout("slow")
