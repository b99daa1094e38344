"""How tests are spread over processes: a file's stay together, and so do all that share one running suite. No test asserts on time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

ROOT = Path(__file__).parent

settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Name each test's group for `pytest -n … --dist loadgroup`."""
    for item in items:
        path = item.path.relative_to(ROOT)
        item.add_marker(pytest.mark.xdist_group("e2e" if path.parts[:2] == ("tests", "e2e") else str(path)))
