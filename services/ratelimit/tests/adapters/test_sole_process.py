"""One state folder, one counting process."""

from __future__ import annotations

import os
import stat

import pytest
from maas_ratelimit.adapters.sole_process import NotAloneError, hold_alone


def test_a_second_one_is_told_who_is_there_and_what_to_do(tmp_path):
    with hold_alone(tmp_path), pytest.raises(NotAloneError) as refused:
        hold_alone(tmp_path)
    assert str(tmp_path) in str(refused.value)
    assert f"process {os.getpid()} counts there" in str(refused.value)


@pytest.mark.parametrize("path", ["file", "file/folder", "/proc/nobody/may"])
def test_a_folder_that_can_not_be_made_is_named(tmp_path, path):
    (tmp_path / "file").write_text("")
    with pytest.raises(NotAloneError, match=r"^state_dir /.*; want a folder that can be written") as refused:
        hold_alone(tmp_path / path)
    assert str(tmp_path / path) in str(refused.value)


def test_the_folder_is_free_again_when_the_first_has_ended(tmp_path):
    hold_alone(tmp_path).close()
    hold_alone(tmp_path).close()


def test_the_folder_is_made_for_its_owner_alone(tmp_path):
    folder = tmp_path / "state" / "ratelimit"
    with hold_alone(folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert [stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()] == [0o600]
