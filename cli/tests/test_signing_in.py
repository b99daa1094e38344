import json
import stat
from pathlib import Path

import httpx
import pytest
from maas_cli.errors import RefusedError
from maas_cli.oidc import _token_endpoint

from cli.tests.conftest import World
from cli.tests.fakes.people import PASSWORDS


def test_signing_in_keeps_the_token_for_its_owner_alone_and_never_shows_it(world: World) -> None:
    result = world.run("login", "alice", MAAS_PASSWORD=PASSWORDS["alice"])
    assert result.exit_code == 0
    assert "Signed in as alice" in result.stdout
    kept = world.config / "sessions.json"
    (token,) = world.issuer.names
    assert token in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(world.config.stat().st_mode) == 0o700
    assert [path.name for path in world.config.iterdir()] == ["sessions.json"]
    assert token not in result.output
    assert PASSWORDS["alice"] not in result.output


def test_a_wrong_password_is_exit_3_and_shown_nowhere(world: World) -> None:
    result = world.run("login", "alice", MAAS_PASSWORD="wrong-password")
    assert result.exit_code == 3
    assert "the user name or the password is wrong" in result.stderr
    assert "wrong-password" not in result.output
    assert not world.config.exists()


def test_the_password_is_read_from_the_file_given_before_the_environment(world: World, tmp_path: Path) -> None:
    file = tmp_path / "alice.txt"
    file.write_text(PASSWORDS["alice"] + "\n")
    result = world.run("login", "alice", "--password-file", str(file), MAAS_PASSWORD="another")
    assert result.exit_code == 0, result.output


def test_the_password_that_a_local_run_wrote_is_found_in_a_folder_above(world: World, tmp_path: Path) -> None:
    people = tmp_path / ".maas" / "people"
    people.mkdir(parents=True)
    (people / "alice.password").write_text(PASSWORDS["alice"])
    assert world.run("login", "alice").exit_code == 0


def test_a_name_with_a_slash_looks_for_no_file(world: World, tmp_path: Path) -> None:
    (tmp_path / ".maas" / "people").mkdir(parents=True)
    (tmp_path / "alice.password").write_text(PASSWORDS["alice"])
    result = world.run("login", "../../alice")
    assert result.exit_code == 2
    assert "set MAAS_PASSWORD" in result.stderr


def test_a_local_runs_password_never_goes_to_an_issuer_elsewhere(world: World, tmp_path: Path) -> None:
    people = tmp_path / ".maas" / "people"
    people.mkdir(parents=True)
    (people / "alice.password").write_text(PASSWORDS["alice"])
    result = world.run("login", "alice", "--issuer", "https://sso.example.org")
    assert result.exit_code == 2
    assert "no password for alice" in result.stderr


@pytest.mark.parametrize(("content", "complaint"), [(None, "No such file"), (b"", "is empty"), (b"\xff\xfe\x00", "it is no text")])
def test_a_password_file_that_holds_none_is_a_usage_error(world: World, tmp_path: Path, content: bytes | None, complaint: str) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    result = world.run("login", "alice", "--password-file", str(file))
    assert result.exit_code == 2
    assert complaint in result.stderr


def test_without_a_name_and_a_terminal_it_is_a_usage_error(world: World) -> None:
    result = world.run("login")
    assert result.exit_code == 2
    assert "maas login NAME" in result.stderr


def test_an_issuer_that_claims_to_be_another_gets_no_password(world: World) -> None:
    world.issuer.discovery = {"issuer": "https://evil.example.org"}
    result = world.run("login", "alice", MAAS_PASSWORD=PASSWORDS["alice"])
    assert result.exit_code == 1
    assert 'another issuer, "https://evil.example.org"' in result.stderr
    assert not world.issuer.names


def test_a_password_for_an_https_issuer_is_never_sent_in_the_clear() -> None:
    document = {"issuer": "https://sso.example.org", "token_endpoint": "http://sso.example.org/token"}
    with pytest.raises(RefusedError, match="which is not https"):
        _token_endpoint("https://sso.example.org", httpx.Response(200, json=document))


@pytest.mark.parametrize("token", [None, "opaque", "a.b.c", "e30.bnVsbA.x", "e30.e30.x"])
def test_a_token_that_does_not_say_when_it_expires_is_refused(world: World, token: str | None) -> None:
    world.issuer.fixed = {"access_token": token}
    result = world.run("login", "alice", MAAS_PASSWORD=PASSWORDS["alice"])
    assert result.exit_code == 1
    assert "without a JWT that says when it expires" in result.stderr


def test_something_that_is_no_issuer_is_refused(world: World) -> None:
    result = world.run("login", "alice", "--issuer", world.issuer.url + "/wrong", MAAS_PASSWORD="x")
    assert result.exit_code == 1
    assert "is no OpenID issuer" in result.stderr


def test_an_issuer_that_is_not_there_is_exit_5_and_names_the_setting(world: World) -> None:
    result = world.run("login", "alice", "--issuer", "http://127.0.0.1:1", MAAS_PASSWORD="x")
    assert result.exit_code == 5
    assert "can't reach the issuer at http://127.0.0.1:1" in result.stderr
    assert "MAAS_ISSUER" in result.stderr


def test_an_expired_sign_in_is_exit_3_and_says_how_to_go_on(world: World) -> None:
    world.issuer.lifetime_s = -60
    world.sign_in("alice")
    result = world.run("keys", "list")
    assert result.exit_code == 3
    assert "the sign-in of alice" in result.stderr
    assert "expired on" in result.stderr
    assert "maas login alice" in result.stderr
    assert not world.management.requests, "an expired token is not sent"


def test_a_token_that_the_server_does_not_accept_is_exit_3(world: World) -> None:
    world.sign_in("alice")
    world.issuer.names.clear()
    result = world.run("keys", "list")
    assert result.exit_code == 3
    assert "Invalid or expired token" in result.stderr
    assert "maas login" in result.stderr


def test_a_token_is_never_sent_to_another_server_than_it_was_got_for(world: World) -> None:
    world.sign_in("alice")
    result = world.run("--url", world.environment["MAAS_GATEWAY_URL"], "keys", "list")
    assert result.exit_code == 3
    assert "not signed in at" in result.stderr
    assert not world.gateway.requests


def test_token_prints_what_the_management_api_takes(admin: World) -> None:
    (token,) = admin.issuer.names
    assert admin.run("token").stdout == f"{token}\n"


def test_whoami_says_who_in_which_groups(admin: World) -> None:
    me = admin.json("whoami")
    assert me["name"] == "admin"
    assert me["groups"] == ["maas-admins"]
    assert me["url"] == admin.environment["MAAS_URL"]
    table = admin.run("whoami")
    assert "maas-admins" in table.stdout
    (token,) = admin.issuer.names
    assert token not in table.output + json.dumps(me)


def test_whoami_is_exit_3_when_nobody_is_signed_in(world: World) -> None:
    assert world.run("whoami").exit_code == 3


def test_signing_out_forgets_the_token_and_only_this_one(world: World) -> None:
    world.sign_in("alice")
    here = world.environment["MAAS_URL"]
    world.environment["MAAS_URL"] = world.environment["MAAS_GATEWAY_URL"]
    world.sign_in("admin")
    world.environment["MAAS_URL"] = here
    result = world.run("logout")
    assert result.exit_code == 0
    assert "Signed alice out" in result.stdout
    assert world.run("whoami").exit_code == 3
    assert list(json.loads((world.config / "sessions.json").read_text())) == [world.environment["MAAS_GATEWAY_URL"]]


def test_signing_out_twice_is_no_error(world: World) -> None:
    result = world.run("logout")
    assert result.exit_code == 0
    assert "not signed in" in result.stderr


def test_a_session_file_that_is_damaged_is_named(world: World) -> None:
    world.config.mkdir(parents=True)
    (world.config / "sessions.json").write_text("{")
    result = world.run("whoami")
    assert result.exit_code == 3
    assert "sessions.json can't be read" in result.stderr


def test_a_folder_that_can_not_be_made_is_named(world: World) -> None:
    world.config.parent.mkdir()
    world.config.symlink_to("nowhere")
    result = world.run("login", "alice", MAAS_PASSWORD=PASSWORDS["alice"])
    assert result.exit_code == 1
    assert f"can't be kept in {world.config}" in result.stderr
