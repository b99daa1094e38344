from pathlib import Path

import pytest

from cli.tests.conftest import World
from cli.tests.fakes.gateway import KEY, delta, error, stream, streamed
from cli.tests.fakes.web import Response, json_response

RATE = "Rate limit exceeded. You have exceeded the maximum number of requests per minute for your tier."


def test_an_answer_goes_to_stdout_and_what_it_took_to_stderr(caller: World) -> None:
    caller.gateway.answers = [streamed("Because ", "of\u2028 Rayleigh.")]
    result = caller.run("chat", "smollm2", "Why is the sky blue?")
    assert result.exit_code == 0
    assert result.stdout == "Because of\u2028 Rayleigh.\n"
    assert result.stderr == "tokens: 12 in, 1,034 out, 1,046 total; left: requests 9 (reset in 42s), tokens 1,950 (reset in 42s)\n"


def test_the_request_streams_asks_for_usage_and_carries_the_options(caller: World) -> None:
    caller.gateway.answers = [streamed("ok")]
    caller.run("chat", "smollm2", "hi", "--system", "be brief", "--max-tokens", "5", "--temperature", "0")
    (request,) = caller.gateway.requests
    assert (request.method, request.path) == ("POST", "/v1/chat/completions")
    assert request.json == {
        "model": "smollm2",
        "max_tokens": 5,
        "temperature": 0.0,
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
    }


def test_what_is_piped_in_is_the_prompt(caller: World) -> None:
    caller.gateway.answers = [streamed("ok\n")]
    result = caller.run("chat", "smollm2", stdin="one\ntwo\n")
    assert caller.gateway.requests[0].json["messages"] == [{"role": "user", "content": "one\ntwo\n"}]
    assert result.stdout == "ok\n"


def test_an_empty_pipe_is_a_usage_error(caller: World) -> None:
    result = caller.run("chat", "smollm2", stdin=" \n")
    assert result.exit_code == 2
    assert not caller.gateway.requests


def test_without_limits_and_usage_it_says_so(caller: World) -> None:
    caller.gateway.answers = [streamed("ok", headers={}, usage=None)]
    assert caller.run("chat", "smollm2", "hi").stderr == "tokens: the model did not say\n"


def test_a_reset_in_bare_seconds_gets_its_unit(caller: World) -> None:
    caller.gateway.answers = [streamed("ok", headers={"x-ratelimit-remaining-tokens": "7", "x-ratelimit-reset-tokens": "3"})]
    assert caller.run("chat", "smollm2", "hi").stderr.endswith("left: tokens 7 (reset in 3s)\n")


def test_the_key_is_read_from_a_file(world: World, tmp_path: Path) -> None:
    (tmp_path / "key").write_text(KEY + "\n")
    world.gateway.answers = [streamed("ok")]
    assert world.run("chat", "smollm2", "hi", "--key-file", str(tmp_path / "key")).exit_code == 0


def test_no_key_is_exit_3_and_says_how_to_get_one(world: World) -> None:
    result = world.run("chat", "smollm2", "hi")
    assert result.exit_code == 3
    assert "MAAS_API_KEY" in result.stderr
    assert "maas keys create" in result.stderr


def test_a_key_that_can_be_none_is_not_sent_and_not_shown(world: World) -> None:
    result = world.run("chat", "smollm2", "hi", MAAS_API_KEY="sk-secret\nx-evil: 1")
    assert result.exit_code == 2
    assert "sk-secret" not in result.output
    assert not world.gateway.requests


def test_a_key_that_is_not_accepted_is_exit_3_and_not_shown(world: World) -> None:
    result = world.run("chat", "smollm2", "hi", MAAS_API_KEY="sk-maas-unknown")
    assert result.exit_code == 3
    assert result.stderr.splitlines()[0] == "error: Invalid or expired token"
    assert "sk-maas-unknown" not in result.output


@pytest.mark.parametrize(
    ("answer", "exit_code", "lines"),
    [
        (error(404, "Model not found", "not_found_error"), 4, ["error: Model not found"]),
        (error(403, "Access denied.", "authorization_error"), 1, ["error: Access denied."]),
        (error(429, RATE, "rate_limit_error", {"retry-after": "17"}), 6, [f"error: {RATE}", "hint: try again in 17 s"]),
        (error(503, "authz is not available", "server_error"), 5, ["error: authz is not available"]),
        (json_response({"choices": []}), 1, None),
    ],
)
def test_a_refusal_of_the_gateway_is_one_line(caller: World, answer: Response, exit_code: int, lines: list[str] | None) -> None:
    caller.gateway.answers = [answer]
    result = caller.run("chat", "smollm2", "hi")
    assert result.exit_code == exit_code
    assert result.stdout == ""
    if lines:
        assert result.stderr.splitlines() == lines
    else:
        assert "is no stream" in result.stderr


def test_an_error_in_the_middle_ends_the_answer_with_its_reason(caller: World) -> None:
    broken = {"error": {"message": "context length exceeded", "type": "invalid_request_error", "code": 400}}
    caller.gateway.answers = [stream([delta("Once upon"), broken])]
    result = caller.run("chat", "smollm2", "hi")
    assert result.exit_code == 1
    assert result.stdout == "Once upon\n"
    assert result.stderr == "error: context length exceeded\n"


@pytest.mark.parametrize(
    ("answer", "exit_code", "message"),
    [
        (stream([delta("Once")], breaks=True), 5, "the connection to the gateway"),
        (stream([delta("Once")]), 5, "the answer broke off before its end"),
        (stream([delta("Once"), "{not json"]), 1, "no JSON object"),
        (stream([delta("Once"), {"error": "boom"}]), 1, "the server answered 500: boom"),
    ],
)
def test_an_answer_that_breaks_off_keeps_what_came_and_fails(caller: World, answer: Response, exit_code: int, message: str) -> None:
    caller.gateway.answers = [answer]
    result = caller.run("chat", "smollm2", "hi")
    assert result.exit_code == exit_code
    assert result.stdout == "Once\n"
    assert message in result.stderr


def test_a_gateway_that_is_not_there_is_exit_5(caller: World) -> None:
    result = caller.run("--gateway-url", "http://127.0.0.1:1", "chat", "smollm2", "hi")
    assert result.exit_code == 5
    assert "MAAS_GATEWAY_URL" in result.stderr


def test_half_a_character_does_no_harm(caller: World) -> None:
    caller.gateway.answers = [stream(['{"choices":[{"delta":{"content":"\\ud83d"}}]}', '{"choices":[{"delta":{}}]}', "[DONE]"])]
    result = caller.run("chat", "smollm2", "hi")
    assert (result.exit_code, result.stdout) == (0, "?\n")
