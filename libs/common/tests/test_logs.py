"""Logs show what happened, not what variables held."""

from __future__ import annotations

import json
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

NAMING = """
import logging
from threading import Thread
import structlog
from maas_common.logs import configure_logging
configure_logging("test", "info", "json")
def tell():
    structlog.get_logger().info("ours")
    logging.getLogger("theirs").warning("theirs")
thread = Thread(target=tell)
thread.start()
thread.join()
"""


def test_each_line_names_the_service_those_of_threads_and_libraries_too():
    logged = subprocess.run([sys.executable, "-c", NAMING], capture_output=True, text=True, check=True).stderr
    assert [(line["event"], line["service"]) for line in map(json.loads, logged.splitlines())] == [("ours", "test"), ("theirs", "test")]


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_shows_lines_but_no_variables(style):
    logged = subprocess.run([sys.executable, "-c", PROGRAM, style], capture_output=True, text=True, check=True).stderr
    assert "call failed" in logged
    assert "RuntimeError: it broke" in logged
    assert "hunter2" not in logged
