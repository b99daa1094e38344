from pathlib import Path

import pytest
from maas_cli.errors import UsageError
from maas_cli.settings import Settings, base_url, config_folder, is_loopback, load

PROFILES = """
[profiles.prod]
url = "https://maas.example.org/manage/"
issuer = "https://sso.example.org"
"""


def test_without_anything_given_it_is_this_machine(tmp_path: Path) -> None:
    settings = load(tmp_path, None, {})
    assert (settings.url, settings.gateway_url, settings.issuer) == (
        "http://127.0.0.1:8081",
        "http://127.0.0.1:8080",
        "http://127.0.0.1:8082",
    )


def test_what_is_given_wins_over_the_profile_which_wins_over_the_defaults(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(PROFILES)
    settings = load(tmp_path, "prod", {"url": None, "gateway_url": "http://gateway:8080/"})
    assert settings == Settings("https://maas.example.org/manage", "http://gateway:8080", "https://sso.example.org")


def test_the_file_may_name_the_profile_to_use(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('profile = "prod"\n' + PROFILES)
    assert load(tmp_path, None, {}).issuer == "https://sso.example.org"
    assert load(tmp_path, "default", {}) == Settings()


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("profile = ", "can't be read"),
        ("profile = 3", "want the name of a profile"),
        ("profiles = 3", "want tables named"),
        ("[profiles]\ndefault = 3", "want tables named"),
        ("[profiles.default]\nurls = 'x'", "urls: want only gateway_url, issuer, url"),
        ("[profiles.default]\nurl = 3", "each a string"),
        ("[profiles.default]\nurl = 'ftp://x'", 'url "ftp://x": want http'),
        ("profile = 'gone'", 'profile "gone" is not in'),
    ],
)
def test_a_wrong_configuration_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "config.toml").write_text(text)
    with pytest.raises(UsageError) as caught:
        load(tmp_path, None, {})
    assert complaint in caught.value.message


def test_an_unknown_profile_is_answered_with_those_there_are(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(PROFILES)
    with pytest.raises(UsageError, match="it has prod"):
        load(tmp_path, "staging", {})


@pytest.mark.parametrize("url", ["127.0.0.1:8081", "http://", "http://host:port", "http://host:0", "file:///etc/passwd", "http://[::1"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(UsageError, match="want http://HOST:PORT"):
        base_url(url, "url")


def test_a_url_with_a_password_is_refused_without_repeating_it() -> None:
    with pytest.raises(UsageError) as caught:
        base_url("http://alice:hunter2@host", "url")
    assert "hunter2" not in caught.value.message


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://127.0.0.1:8081", True),
        ("http://[::1]:1", True),
        ("http://localhost", True),
        ("http://10.0.0.1", False),
        ("http://a.b", False),
    ],
)
def test_what_stays_on_this_machine(url: str, expected: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_loopback(url) is expected


def test_the_configuration_folder_follows_xdg_when_it_is_absolute(tmp_path: Path) -> None:
    assert config_folder({"XDG_CONFIG_HOME": str(tmp_path)}) == tmp_path / "maas"
    assert config_folder({"XDG_CONFIG_HOME": "relative"}) == config_folder({})
