"""Logs show what happened, not what variables held."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import sys
import structlog
from maas_common.logs import configure_logging
configure_logging("test", "info", sys.argv[1])
def fail(credential):
    raise RuntimeError("it broke")
try:
    fail("hunter" + "2")
except RuntimeError as error:
    structlog.get_logger().error("call failed", exc_info=error)
"""


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_shows_lines_but_no_variables(style):
    logged = subprocess.run([sys.executable, "-c", PROGRAM, style], capture_output=True, text=True, check=True).stderr
    assert "call failed" in logged
    assert "RuntimeError: it broke" in logged
    assert "hunter2" not in logged
