import pytest
from maas.authz.v1.authz_pb2 import ExplainResponse, ExplainStep
from maas.common.v1.limit_pb2 import Limit

from cli.tests.conftest import World


def test_a_refusal_is_explained_step_by_step_and_is_no_failure(admin: World) -> None:
    steps = [
        ExplainStep(check="tier", outcome="pass", detail="free by system:authenticated"),
        ExplainStep(check="access", outcome="refuse", detail="smollm2-max is published to enterprise"),
    ]
    message = "Access denied. Your tier does not have permission to access this model."
    admin.management.explained = ExplainResponse(code=403, type="authorization_error", message=message, tier="free", steps=steps)
    result = admin.run("explain", "--group", "staff", "--model", "smollm2-max", "--path", "/v1/completions")
    assert result.exit_code == 0
    lines = [line.rstrip() for line in result.stdout.splitlines()]
    assert lines[0].split(maxsplit=1)[1] == f"refused: 403 authorization_error: {message}"
    assert [line.split()[0] for line in lines[-3:]] == ["CHECK", "tier", "access"]
    assert admin.management.requests[-1].json == {"groups": ["staff"], "model": "smollm2-max", "path": "/v1/completions"}


def test_an_allowed_request_shows_its_limits(admin: World) -> None:
    admin.run("keys", "create", "ci", "-q")
    limits = [Limit(id="requests-1m", metric="requests", amount=20, window="1m", per="user")]
    admin.management.explained = ExplainResponse(allowed=True, code=200, tier="free", group="staff", limits=limits)
    result = admin.run("explain", "--key", "Key000000000")
    assert "allowed" in result.stdout
    assert "requests=20/1m" in result.stdout
    assert admin.management.requests[-1].json == {"keyId": "Key000000000"}
    assert admin.json("explain", "--key", "Key000000000")["allowed"] is True


@pytest.mark.parametrize("options", [[], ["--key", "Key000000000", "--group", "staff"]])
def test_somebody_has_to_ask_and_only_one(admin: World, options: list[str]) -> None:
    result = admin.run("explain", "--model", "smollm2", *options)
    assert result.exit_code == 2
    assert "--key ID or --group GROUP" in result.stderr


def test_an_unknown_key_is_exit_4(admin: World) -> None:
    assert admin.run("explain", "--key", "Key000000009").exit_code == 4
