"""The ordered list of migrations, and how a store is brought to the newest.

All pending migrations run in one transaction under the database's own lock, so a store is never between two
versions, whoever opens it at the same time and whenever the power fails. A store that is newer than the
program is refused: an older program could drop what it does not know.
"""

from collections.abc import Sequence

from sqlalchemy import Connection, func, insert, inspect, select

from carbonport.crypto.ambient import Clock
from carbonport.errors import Misuse
from carbonport.node.store.migrations.m0001_exchange_log import EXCHANGE_LOG
from carbonport.node.store.migrations.m0002_exchange import EXCHANGE
from carbonport.node.store.migrations.m0003_lots import LOTS
from carbonport.node.store.migrations.m0004_threshold_claims import THRESHOLD_CLAIMS
from carbonport.node.store.migrations.m0005_aggregation import AGGREGATION
from carbonport.node.store.migrations.m0006_shown_to_a_releaser import SHOWN_TO_A_RELEASER
from carbonport.node.store.migrations.m0007_session_records import SESSION_RECORDS
from carbonport.node.store.migrations.m0008_precursor_bundles import PRECURSOR_BUNDLES
from carbonport.node.store.migrations.m0009_trainings import TRAININGS
from carbonport.node.store.migrations.migration import WORDS, Migration
from carbonport.node.store.schema import store_migrations

MIGRATIONS: tuple[Migration, ...] = (
    EXCHANGE_LOG,
    EXCHANGE,
    LOTS,
    THRESHOLD_CLAIMS,
    AGGREGATION,
    SHOWN_TO_A_RELEASER,
    SESSION_RECORDS,
    PRECURSOR_BUNDLES,
    TRAININGS,
)
"""Append only; a released migration is never edited."""

_VERSION_TABLE = (
    "CREATE TABLE IF NOT EXISTS store_migrations"
    " (number INTEGER NOT NULL PRIMARY KEY, title {text} NOT NULL, applied_at {bigint} NOT NULL)"
)
_POSTGRESQL_LOCK = "SELECT pg_advisory_xact_lock(1129336660, hashtext(current_schema()))"
"""Held to the end of the migrating transaction, so that two starting nodes do not both migrate ("CPMT")."""


def applied_version(connection: Connection) -> int:
    """The number of the newest migration in the store; 0 for an empty database."""
    if not inspect(connection).has_table(store_migrations.name):
        return 0
    return connection.execute(select(func.max(store_migrations.c.number))).scalar_one() or 0


def require_known_version(version: int, where: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """Misuse (`store-schema-newer`) when the store was written by a newer program."""
    if version > len(migrations):
        raise Misuse(
            "store-schema-newer",
            where=where,
            found=f"a store of schema version {version}",
            expected=f"at most version {len(migrations)}, the newest this program knows",
            remedy="Install the Carbonport version that wrote the store, or a later one.",
        )


def require_current_version(version: int, where: str, migrations: Sequence[Migration] = MIGRATIONS) -> None:
    """For read-only opening: the store must have exactly the program's schema, for it cannot be migrated."""
    require_known_version(version, where, migrations)
    if version < len(migrations):
        raise Misuse(
            "store-schema-older",
            where=where,
            found=f"a store of schema version {version}, opened for reading only",
            expected=f"version {len(migrations)}",
            remedy="Let the node that owns the store open it once with this version of Carbonport.",
        )


def migrate(
    connection: Connection, where: str, clock: Clock, migrations: Sequence[Migration] = MIGRATIONS
) -> None:
    """Apply what is pending, inside the caller's write transaction."""
    dialect = connection.dialect.name
    if dialect == "postgresql":
        connection.exec_driver_sql(_POSTGRESQL_LOCK)
    version = applied_version(connection)
    require_known_version(version, where, migrations)
    if version == len(migrations):
        return
    connection.exec_driver_sql(_VERSION_TABLE.format_map(WORDS[dialect]))
    for migration in migrations[version:]:
        for statement in migration.sql(dialect):
            connection.exec_driver_sql(statement)
        connection.execute(
            insert(store_migrations).values(
                number=migration.number, title=migration.title, applied_at=clock()
            )
        )
