"""The whole suite as one object: started, filled with the sample catalogue, watched, stopped. `maas-local up` and the tests drive it."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from maas_local.catalogue import read_catalogue
from maas_local.gateway import write_gateway
from maas_local.keeper import Event, Report
from maas_local.management import sign_in
from maas_local.parts import process_specs
from maas_local.people import Person, read_people
from maas_local.sample_keys import SampleKey, ensure_sample_keys, tier_of
from maas_local.sample_teams import read_teams, seed_teams
from maas_local.secrets import ensure_secrets, secret_files
from maas_local.seeding import Seeded, seed_catalogue
from maas_local.settings import LocalSettings
from maas_local.state import RunLock, StateFolder
from maas_local.supervisor import Supervisor
from maas_local.taken_ports import check_ports

ADMIN = "admin"
"""The sample person who may change the catalogue."""


def ignore(_event: Event) -> None:
    """For who does not want to hear."""


@dataclass(frozen=True, slots=True)
class Sample:
    """A person, the tier they have now, and their key."""

    person: Person
    tier: str
    key: SampleKey


class Stack:
    """Everything that `make run` runs. In a `with` block it is ready and seeded inside, and gone after."""

    def __init__(self, settings: LocalSettings, report: Report = ignore) -> None:
        """Start nothing, but read the configuration. ValueError when it is wrong."""
        self.settings = settings
        self.state = StateFolder(settings.state.resolve())
        self.people = {person.name: person for person in read_people(settings.config)}
        self._secrets = secret_files(self.state)
        self._catalogue = read_catalogue(settings.config, settings.model_url)
        self._teams = read_teams(settings.config)
        self.processes = Supervisor(process_specs(settings, self.state, self._secrets), report, stop_grace_s=settings.stop_grace_s)
        self._held = ExitStack()

    def start(self) -> None:
        """Make what is missing and start everything; returns at once.

        AlreadyRunningError, PortsTakenError or FileNotFoundError when that can't be; then nothing was started.
        """
        if not self.settings.envoy.exists():
            raise FileNotFoundError(f"{self.settings.envoy}: there is no Envoy; `make setup` installs it")
        self.state.create()
        self._held.enter_context(RunLock(self.state.root))
        check_ports(self.settings.ports())
        self.state.put_old_logs_aside()
        ensure_secrets(self.state, self.people)
        write_gateway(self.settings, self.state, self._secrets)
        self._held.callback(self.processes.stop)
        self.processes.start()

    def wait_ready(self) -> None:
        """Return once everything is ready; StartError when that takes too long or something dies again and again."""
        self.processes.wait_ready(self.settings.start_timeout_s)

    def seed(self) -> Seeded:
        """Create what is missing of the sample catalogue and the sample teams."""
        token = self.token(ADMIN)
        seeded = seed_catalogue(self.settings.grpc_address("registry"), token, self._catalogue, self.state.seeded)
        seeded.add(seed_teams(self.settings.grpc_address("keys"), token, self.people.values(), self._teams, self.state.seeded_teams))
        return seeded

    def samples(self) -> list[Sample]:
        """The sample keys, made where none works."""
        tokens = [(person, self.token(person.name)) for person in self.people.values() if person.sample_model]
        keys = ensure_sample_keys(self.settings.grpc_address("keys"), tokens, self.state.sample_keys)
        registry = self.settings.grpc_address("registry")
        return [Sample(person, tier_of(registry, person, token), keys[person.name]) for person, token in tokens]

    def stop(self) -> None:
        """End everything, within a bound. What was kept in the state folder stays."""
        self._held.close()

    def password(self, name: str) -> str:
        """A sample person's password."""
        return self._secrets.password(name).read_text()

    def token(self, name: str) -> str:
        """A fresh access token of a sample person."""
        return sign_in(self.settings.issuer_url, name, self.password(name))

    def workload_secret(self) -> str:
        """What Envoy and the services show each other."""
        return self._secrets.workload.read_text()

    def restart(self, name: str) -> None:
        """Stop one process in good order, start it again, and wait until everything is ready."""
        self.processes.stop_one(name)
        self.processes.start_one(name)
        self.wait_ready()

    def kill(self, name: str) -> None:
        """End one process as a crash would; returns when it is gone. It comes back by itself."""
        self.processes.kill(name)

    def __enter__(self) -> Self:
        """Start, wait, seed."""
        try:
            self.start()
            self.wait_ready()
            self.seed()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.stop()
