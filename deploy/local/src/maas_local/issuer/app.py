"""Composition root of the issuer's process."""

from __future__ import annotations

import signal
import threading

from maas_common.clock import SystemClock

from maas_local.issuer.http import issuer_server
from maas_local.issuer.tokens import Account, PasswordGrant, SigningKey
from maas_local.people import read_people
from maas_local.secrets import secret_files
from maas_local.settings import LocalSettings
from maas_local.state import StateFolder


def run_issuer(settings: LocalSettings) -> None:
    """Serve until SIGTERM or SIGINT. The secrets must have been made before."""
    files = secret_files(StateFolder(settings.state))
    people = read_people(settings.config)
    accounts = {person.name: Account.of(person, files.password(person.name).read_text().strip()) for person in people}
    key = SigningKey(files.issuer_key.read_bytes())
    grant = PasswordGrant(issuer=settings.issuer_url, key=key, accounts=accounts, clock=SystemClock())
    server = issuer_server(settings.issuer_port, settings.issuer_url, key, grant)
    for number in (signal.SIGTERM, signal.SIGINT):
        # shutdown() waits for serve_forever(), which the handler has interrupted.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    with server:
        server.serve_forever()
