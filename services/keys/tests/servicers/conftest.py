"""A second tenant, whose people come from an issuer of their own."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from functools import partial

import pytest
from google.rpc import error_details_pb2, status_pb2
from maas.keys.v1.tenants_pb2 import CreateTenantRequest
from maas_common.testing import Issuer, issuer

NEVER = 9_999_999_999


@pytest.fixture(scope="session")
def acme_people() -> Iterator[Issuer]:
    with issuer() as running:
        yield running


class Acme:
    """Who signs in to the tenant `acme`."""

    def __init__(self, people, clock):
        self.people = people
        self.clock = clock
        self.admin = self.person("admin", "acme-admins")
        self.alice = self.person("alice", "staff")

    def person(self, subject, *groups, **claims):
        now = {"iat": int(self.clock.now()), "exp": NEVER, "email": f"{subject}@acme.example"}
        return self.people.bearer(subject, groups=groups, **now | claims)


@pytest.fixture(scope="session")
def two_tenants_in(keys_service_in, acme_people):
    """Opens a world with a second tenant in a folder: `async with two_tenants_in(folder) as (world, acme)`."""

    @asynccontextmanager
    async def opened(folder, *, groups_prefix="", **settings) -> AsyncIterator:
        file = folder / "providers.yaml"
        file.write_text(f'- {{name: acme, issuer: "{acme_people.url}", tenant: acme, groups_prefix: "{groups_prefix}"}}\n')
        async with keys_service_in(folder, identity_providers_file=str(file), **settings) as world:
            if "database" not in settings:
                request = CreateTenantRequest(name="acme", admin_groups=[f"{groups_prefix}acme-admins"])
                await world.tenants.CreateTenant(request, metadata=world.admin)
            yield world, Acme(acme_people, world.clock)

    return opened


@pytest.fixture
def two_tenants(two_tenants_in, tmp_path):
    """Opens a world with a second tenant in this test's folder: `async with two_tenants() as (world, acme)`."""
    return partial(two_tenants_in, tmp_path)


@pytest.fixture(scope="session")
def copied():
    """Copies the database of a running service: what is in its files alone is not all of it."""

    def copy(world, to) -> None:
        with closing(sqlite3.connect(world.settings.database_url.removeprefix("sqlite:///"))) as database:
            database.execute("VACUUM INTO ?", (str(to),))

    return copy


@pytest.fixture
def fields_of():
    """Names of the fields that an error complains of."""

    def fields(error):
        status, bad = status_pb2.Status(), error_details_pb2.BadRequest()
        for key, value in error.trailing_metadata():
            if key == "grpc-status-details-bin":
                status.ParseFromString(value)
        for detail in status.details:
            detail.Unpack(bad)
        return [violation.field for violation in bad.field_violations]

    return fields
