"""The privacy budget in the store: what this node charged, by task and calendar year, and what is left.

A year is that of the node's own clock, whatever a plan says. A charge is written in the transaction that lets the
training's first vector out, and stays when the training breaks off; the same training is charged once. What a restored
store was charged since its backup is not known, so the rest of that year's budget counts as spent.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy import Connection, insert, select

from carbonport.crypto.canonical import Json
from carbonport.errors import Refused
from carbonport.federated.privacy_budget import Charge, charged
from carbonport.footprint.exact_decimal import decimal_text
from carbonport.node.restored import read_restore
from carbonport.node.store.training_schema import privacy_charges as charges


def year_of(now: int) -> int:
    """The calendar year (UTC) of a time in unix seconds."""
    return datetime.fromtimestamp(now, UTC).year


def read_charges(connection: Connection) -> tuple[Charge, ...]:
    """Every charge, by year and task, in the order of their making."""
    rows = connection.execute(
        select(charges).order_by(charges.c.year, charges.c.task, charges.c.charged_at, charges.c.training)
    )
    return tuple(Charge(row.task, row.year, row.training, Decimal(row.epsilon)) for row in rows)


def require_budget(connection: Connection, charge: Charge, yearly: Decimal) -> Charge | None:
    """The charge to be written, None when this training is charged already; `Refused` (`privacy-budget`) when it would
    exceed the year's budget."""
    due = charged(read_charges(connection), charge, yearly)
    restore = read_restore(connection)
    if due is not None and restore is not None and year_of(restore.at) == charge.year:
        raise Refused(
            "privacy-budget",
            found=f"a node restored from a backup in {charge.year}: what it spent since the backup is not known",
            expected="a store that knows what was spent",
            remedy="Wait for the next year.",
        )
    return due


def write_charge(connection: Connection, charge: Charge, yearly: Decimal, *, now: int) -> None:
    """Charge a training in the caller's transaction, or raise as `require_budget`."""
    if require_budget(connection, charge, yearly) is not None:
        connection.execute(
            insert(charges).values(
                task=charge.task,
                year=charge.year,
                training=charge.training,
                epsilon=format(charge.epsilon, "f"),
                charged_at=now,
            )
        )


def budget_json(history: Sequence[Charge], yearly: Decimal, year: int) -> Json:
    """What `carbonport federate budget` shows: every task that was charged, this year's first."""
    found: dict[tuple[int, str], list[Charge]] = {}
    for one in history:
        found.setdefault((one.year, one.task), []).append(one)
    listed: list[Json] = []
    for (of, task), spent in sorted(found.items(), key=lambda item: (-item[0][0], item[0][1])):
        total = sum((one.epsilon for one in spent), Decimal(0))
        trainings: list[Json] = [
            {"training": one.training, "epsilon": decimal_text(one.epsilon)} for one in spent
        ]
        listed.append(
            {
                "task": task,
                "year": of,
                "spent": decimal_text(total),
                "left": decimal_text(max(Decimal(0), yearly - total)),
                "trainings": trainings,
            }
        )
    return {"year": year, "yearly": decimal_text(yearly), "tasks": listed}
