from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from maas_common.apikey import Peppers, mint
from maas_local.secrets import ensure_secrets, secret_files
from maas_local.state import AlreadyRunningError, RunLock, StateFolder, write_private

PEOPLE = ("admin", "alice")
FIRST_START = """
import sys
from pathlib import Path
from maas_local.secrets import ensure_secrets
from maas_local.state import StateFolder
state = StateFolder(Path(sys.argv[1]))
state.create()
print("here", flush=True)
sys.stdin.readline()
files = ensure_secrets(state, ["admin", "alice"])
print(repr([p.read_text() for p in (files.pepper, files.workload, files.issuer_key, files.password("alice"))]))
"""


@pytest.fixture
def state(tmp_path: Path) -> StateFolder:
    folder = StateFolder(tmp_path / ".maas")
    folder.create()
    return folder


def contents(state: StateFolder) -> dict[str, str]:
    return {str(path.relative_to(state.root)): path.read_text() for path in state.root.rglob("*") if path.is_file()}


def test_every_secret_is_made_and_no_two_are_alike(state):
    ensure_secrets(state, PEOPLE)
    made = contents(state)
    assert set(made) == {"secrets/pepper", "secrets/workload", "secrets/issuer.pem", "people/admin.password", "people/alice.password"}
    assert len(set(made.values())) == len(made)


def test_the_pepper_is_one_that_keys_can_be_hashed_with(state):
    peppers = Peppers.parse(ensure_secrets(state, PEOPLE).pepper.read_text())
    key = mint()
    assert peppers.matches(key.text, *peppers.hash(key.text))


def test_nobody_else_can_read_them(state):
    ensure_secrets(state, PEOPLE)
    modes = {path: path.stat().st_mode & 0o777 for path in [state.root, *state.root.rglob("*")]}
    assert {mode for path, mode in modes.items() if path.is_dir()} == {0o700}
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}


def test_files_that_others_could_read_are_closed(state):
    files = ensure_secrets(state, PEOPLE)
    files.pepper.chmod(0o644)
    state.secrets.chmod(0o755)
    state.create()
    ensure_secrets(state, PEOPLE)
    assert files.pepper.stat().st_mode & 0o777 == 0o600
    assert state.secrets.stat().st_mode & 0o777 == 0o700


def test_a_second_start_keeps_them_and_makes_what_is_missing(state):
    ensure_secrets(state, PEOPLE)
    before = contents(state)
    ensure_secrets(state, [*PEOPLE, "bob"])
    after = contents(state)
    assert before.items() < after.items()
    assert set(after) - set(before) == {"people/bob.password"}


def test_an_empty_secret_is_an_error_that_names_its_file(state):
    files = secret_files(state)
    files.pepper.touch()
    with pytest.raises(ValueError, match="secrets/pepper: the secret is empty"):
        ensure_secrets(state, PEOPLE)


def test_first_starts_at_the_same_time_agree_on_the_secrets(tmp_path):
    starts = [
        subprocess.Popen([sys.executable, "-c", FIRST_START, str(tmp_path / "s")], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    for start in starts:
        assert start.stdout.readline() == "here\n"
    for start in starts:
        start.stdin.write("now\n")
        start.stdin.flush()
    seen = {start.communicate(timeout=60)[0] for start in starts}
    assert len(seen) == 1
    assert not list((tmp_path / "s" / "secrets").glob(".*"))


def test_a_second_run_in_the_same_folder_is_told_who_is_there(state):
    with RunLock(state.root), pytest.raises(AlreadyRunningError, match=r"process \d+ already runs the suite here"), RunLock(state.root):
        pass


def test_a_folder_is_free_again_after_a_run(state):
    with RunLock(state.root):
        pass
    with RunLock(state.root):
        pass


def test_a_private_file_is_replaced_whole(state):
    path = state.root / "sample-keys.json"
    write_private(path, "a long first text")
    write_private(path, "second")
    assert path.read_text() == "second"
    assert path.stat().st_mode & 0o777 == 0o600
    assert [p.name for p in state.root.iterdir() if p.is_file()] == ["sample-keys.json"]
