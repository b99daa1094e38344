"""Keys in full: kinds, owners, teams, limits, budgets, labels, scopes, rotation; and changes of more than keys."""

import secrets
import string
from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_AT_ONCE = 1000
_EVERYBODY = "system:authenticated"
_ANYTHING = {"models": [], "mcp_servers": [], "vector_databases": [], "agents": []}
_PAGES = {"tenant": ["tenant"], "owner": ["tenant", "owner_issuer", "owner_subject"], "team": ["tenant", "team"]}
_ORDERS = ("created_at", "expires_at", "name", "personal_rank")


def upgrade() -> None:
    before = _put_aside()
    keys = _create_keys()
    op.create_table(
        "api_key_labels",
        sa.Column("key_id", sa.String(), sa.ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("name", sa.String(), primary_key=True),
        sa.Column("value", sa.String(), nullable=False),
    )
    op.create_index("ix_api_key_labels_name", "api_key_labels", ["name", "value", "key_id"])
    _copy(sa.select(before), keys, _grown)
    _create_indexes()
    _create_uses()
    _keep_owners(before)
    kept = sa.text("SELECT c.revision, 'key' AS kind, k.tenant, k.id AS name FROM key_changes c JOIN api_keys k ON k.id = c.key_id")
    changes = [dict(row) for row in op.get_bind().execute(kept).mappings()]
    op.drop_table("api_keys_before")
    op.drop_table("key_changes")
    log = op.create_table(
        "key_changes",
        sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
        *(sa.Column(name, sa.String(), primary_key=True) for name in ("kind", "tenant", "name")),
    )
    op.bulk_insert(log, changes)


def downgrade() -> None:
    op.drop_table("api_key_labels")
    op.drop_table("api_key_uses")
    before = _put_aside()
    keys = _create_keys_before()
    users = sa.table("users", *map(sa.column, ("tenant", "issuer", "subject", "username")), sa.column("groups", sa.JSON()))
    owner = (users.c.tenant == before.c.tenant) & (users.c.issuer == before.c.owner_issuer) & (users.c.subject == before.c.owner_subject)
    _copy(sa.select(before, users.c.username, users.c.groups).select_from(before.outerjoin(users, owner)), keys, _shrunk)
    op.drop_table("api_keys_before")
    op.create_index("ix_api_keys_owner", "api_keys", ["owner_issuer", "owner_subject", "created_revision"])
    op.create_index("ix_api_keys_username", "api_keys", ["username", "created_revision"])
    op.create_index("ix_api_keys_created_revision", "api_keys", ["created_revision"], unique=True)
    op.drop_table("key_changes")
    op.create_table(  # of a log without entries watchers start anew
        "key_changes",
        sa.Column("revision", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("key_id", sa.String(), nullable=False),
    )


def _put_aside() -> sa.Table:
    """The table under another name: what comes has its name."""
    op.rename_table("api_keys", "api_keys_before")
    if op.get_bind().dialect.name == "postgresql":
        op.execute("ALTER INDEX api_keys_pkey RENAME TO api_keys_before_pkey")
    return sa.Table("api_keys_before", sa.MetaData(), autoload_with=op.get_bind())


def _copy(rows: sa.Select, table: sa.Table, changed: Callable[[sa.RowMapping], dict]) -> None:
    connection = op.get_bind()
    for some in connection.execute(rows, execution_options={"yield_per": _AT_ONCE}).mappings().partitions():
        connection.execute(table.insert(), [changed(row) for row in some])


def _grown(row: sa.RowMapping) -> dict:
    """A key of before. `owner_groups` and `username` go to the users."""
    gone = {"owner_groups", "username"}
    return {name: value for name, value in row.items() if name not in gone} | {
        "name_folded": row["name"].casefold(),
        "kind": "standard",
        "personal_rank": 0,
        "owner_kind": "user",
        "scope": _ANYTHING,
        "subscription": "",
        "limits": [],
        "labels": {},
        "allowed_ips": [],
        "approved_by": "",
        "is_disabled": False,
        "updated_at": row["revoked_at"] or row["created_at"],
    }


def _shrunk(row: sa.RowMapping) -> dict:
    """A key for the schema before; one that it has no words for ends, since it could be used for anything there."""
    names = (
        *("id", "prefix", "tenant", "name", "description", "owner_issuer", "owner_subject", "created_by"),
        *("pepper_id", "digest", "created_at", "expires_at", "created_revision", "revision"),
    )
    held = ("is_disabled", "pending_reasons", "limits", "budget_amount", "allowed_ips")
    is_held = any(row[name] for name in held) or any(row["scope"].values()) or not row["pepper_id"] or row["tenant"] != "default"
    return {name: row[name] for name in names} | {
        "username": row["username"] or row["owner_subject"],
        "owner_groups": [*([row["owner_subject"]] if row["owner_kind"] == "group" else row["groups"] or []), _EVERYBODY],
        "request_id": row["request_id"] if row["tenant"] == "default" else None,
        "revoked_at": row["updated_at"] if row["revoked_at"] is None and is_held else row["revoked_at"],
    }


def _keep_owners(before: sa.Table) -> None:
    """A user for each owner, with the groups of their newest key."""
    newest = {}
    connection = op.get_bind()
    columns = (before.c[name] for name in ("tenant", "owner_issuer", "owner_subject", "username", "owner_groups", "created_at"))
    for row in connection.execute(sa.select(*columns).order_by(before.c.created_revision)):
        newest[row.tenant, row.owner_issuer, row.owner_subject] = row
    users, groups = (sa.Table(name, sa.MetaData(), autoload_with=connection) for name in ("users", "user_groups"))
    for known in connection.execute(sa.select(users.c.tenant, users.c.issuer, users.c.subject)):
        newest.pop(tuple(known), None)
    people = [_user(row) for row in newest.values()]
    op.bulk_insert(users, people)
    op.bulk_insert(groups, [{"tenant": one["tenant"], "group": name, "user_id": one["id"]} for one in people for name in one["groups"]])


def _user(row: sa.Row) -> dict:
    return {
        "id": "".join(secrets.choice(string.digits + string.ascii_letters) for _ in range(12)),
        "tenant": row.tenant,
        "kind": "user",
        "issuer": row.owner_issuer,
        "subject": row.owner_subject,
        "username": row.username,
        "username_folded": row.username.casefold(),
        "email": "",
        "email_folded": "",
        "groups": sorted({*row.owner_groups} - {_EVERYBODY}),
        "groups_at": row.created_at,
        "created_at": row.created_at,
        "last_seen_at": 0,
    }


def _create_keys() -> sa.Table:
    return op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String().with_variant(sa.String(collation="C"), "postgresql"), nullable=False),
        sa.Column("name_folded", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("personal_rank", sa.BigInteger(), nullable=False),
        sa.Column("owner_kind", sa.String(), nullable=False),
        sa.Column("owner_issuer", sa.String(), nullable=False),
        sa.Column("owner_subject", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=True),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("pepper_id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("old_pepper_id", sa.String(), nullable=True),
        sa.Column("old_digest", sa.LargeBinary(), nullable=True),
        sa.Column("old_until", sa.BigInteger(), nullable=True),
        sa.Column("scope", sa.JSON(), nullable=False),
        sa.Column("subscription", sa.String(), nullable=False),
        sa.Column("limits", sa.JSON(), nullable=False),
        sa.Column("budget_amount", sa.BigInteger(), nullable=True),
        sa.Column("budget_period", sa.String(), nullable=True),
        sa.Column("labels", sa.JSON(), nullable=False),
        sa.Column("allowed_ips", sa.JSON(), nullable=False),
        sa.Column("pending_reasons", sa.JSON(), nullable=True),
        sa.Column("approved_by", sa.String(), nullable=False),
        sa.Column("is_disabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ephemeral_until", sa.BigInteger(), nullable=True),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("created_revision", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
    )


def _create_indexes() -> None:
    _index("uq_api_keys_created_revision", ["created_revision"], unique=True)
    _index("uq_api_keys_request_id", ["tenant", "created_by", "request_id"], unique=True)
    one_of_a_kind = ["tenant", "owner_issuer", "owner_subject", "kind"]
    _index("uq_api_keys_one_of_a_kind", one_of_a_kind, where="kind <> 'standard' AND revoked_at IS NULL", unique=True)
    _index("ix_api_keys_pending", ["tenant", "revoked_at", "created_revision"], where="pending_reasons IS NOT NULL")
    _index("ix_api_keys_ephemeral_until", ["ephemeral_until"], where="ephemeral_until IS NOT NULL")
    for order in _ORDERS:
        _pages("api_keys", order)


def _create_uses() -> None:
    op.create_table(
        "api_key_uses",
        sa.Column("key_id", sa.String(), sa.ForeignKey("api_keys.id", ondelete="CASCADE"), primary_key=True),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("owner_issuer", sa.String(), nullable=False),
        sa.Column("owner_subject", sa.String(), nullable=False),
        sa.Column("team", sa.String(), nullable=True),
        sa.Column("created_revision", sa.BigInteger(), nullable=False),
        sa.Column("last_used_at", sa.BigInteger(), nullable=False),
    )
    op.execute("INSERT INTO api_key_uses SELECT id, tenant, owner_issuer, owner_subject, team, created_revision, 0 FROM api_keys")
    _pages("api_key_uses", "last_used_at")


def _pages(table: str, order: str) -> None:
    for place, columns in _PAGES.items():
        where = "team IS NOT NULL" if place == "team" else None
        _index(f"ix_{table}_{place}_{order}", [*columns, order, "created_revision"], table=table, where=where)


def _index(name: str, columns: list[str], *, table: str = "api_keys", where: str | None = None, unique: bool = False) -> None:
    only = {"postgresql_where": sa.text(where), "sqlite_where": sa.text(where)} if where else {}
    op.create_index(name, table, columns, unique=unique, **only)


def _create_keys_before() -> sa.Table:
    return op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), primary_key=True),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("owner_issuer", sa.String(), nullable=False),
        sa.Column("owner_subject", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("owner_groups", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("request_id", sa.String(), nullable=True),
        sa.Column("pepper_id", sa.String(), nullable=False),
        sa.Column("digest", sa.LargeBinary(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.Column("created_revision", sa.BigInteger(), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.UniqueConstraint("created_by", "request_id", name="uq_api_keys_created_by_request_id"),
    )
