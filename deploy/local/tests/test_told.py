from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

# The signal is handed to a thread that is not the main one, once that one sleeps: nothing interrupts its sleep then.
TOLD_BY_WAY_OF_ANOTHER_THREAD = """
import signal, threading
from pathlib import Path
from maas_local.told import Ear, ToldToStop
main = Path(f"/proc/self/task/{threading.main_thread().native_id}/stat")
def tell():
    while main.read_text().rpartition(")")[2].split()[0] != "S":
        pass
    signal.pthread_kill(threading.get_ident(), signal.SIGTERM)
ear = Ear()
try:
    threading.Thread(target=tell, daemon=True).start()
    ear.wait()
except ToldToStop:
    print("told")
"""
TOLD_IN_A_FINALIZER = """
import signal
from maas_local.told import Ear, ToldToStop
class Opened:
    def __del__(self):
        signal.raise_signal(signal.SIGTERM)
ear = Ear()
try:
    Opened()
    print("swallowed")
    ear.wait()
except ToldToStop:
    print("told")
"""
TOLD_TWICE = """
from maas_local.told import Ear, ToldToStop
ear = Ear()
try:
    print("here", flush=True)
    ear.wait()
except ToldToStop:
    ear.end_at_once_when_told_again()
    print("stopping", flush=True)
    while True:
        pass
"""


def test_a_signal_that_does_not_interrupt_the_wait_is_heard():
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", TOLD_BY_WAY_OF_ANOTHER_THREAD], capture_output=True, text=True, timeout=30, check=True)
        assert done.stdout == "told\n"


def test_a_signal_whose_exception_is_swallowed_is_heard():
    done = subprocess.run([sys.executable, "-c", TOLD_IN_A_FINALIZER], capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout == "swallowed\ntold\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_begins_the_end_and_another_one_ends_it_at_once(number):
    with subprocess.Popen([sys.executable, "-c", TOLD_TWICE], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "here\n"
        os.kill(process.pid, number)
        assert process.stdout.readline() == "stopping\n"
        os.kill(process.pid, number)
        assert process.wait(timeout=30) == 130
