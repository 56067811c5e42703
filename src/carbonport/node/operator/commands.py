"""What a node's operator does with the node itself, as operations (`carbonport.node.operations`)."""

import asyncio
import hashlib
from collections.abc import Mapping
from pathlib import Path

from sqlalchemy import Connection

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import Misuse, Refused
from carbonport.node.exporter.ledgers import erase_ledgers
from carbonport.node.exporter.lots.lot_rows import erase_openings
from carbonport.node.exporter.precursor_bundles import erase_bundles
from carbonport.node.identity.private_files import write_public
from carbonport.node.log.draft import CompanionWrite, Draft, Logged
from carbonport.node.open_node import OpenNode
from carbonport.node.operator.home_backup import back_up_home

Arguments = Mapping[str, Json]


async def backup(node: OpenNode, arguments: Arguments) -> Json:
    """Back the home up while the node serves; the node goes on meanwhile."""
    target, keys = Path(str(arguments["out"])), str(arguments.get("period_keys") or "")
    return await asyncio.to_thread(back_up_home, node.participant, target, Path(keys) if keys else None)


async def checkpoint(node: OpenNode, arguments: Arguments) -> Json:
    """The log's newest signed checkpoint with its cosignatures, written to a file when one is named."""
    note = await node.log.checkpoint()
    out = str(arguments.get("out") or "")
    if out:
        write_public(Path(out), note)
    return {
        "origin": node.log.origin,
        "size": node.log.size,
        "provisional": node.log.provisional,
        "checkpoint": note.decode(),
        "out": out,
    }


async def erase(node: OpenNode, arguments: Arguments) -> Json:
    """Erase what entries say: one by its index, or all that are older than a time or than the retention.

    Each erasure is a redaction entry with its reason. Bodies younger than the retention go one by one only.
    """
    reason = str(arguments["reason"])
    if arguments.get("index") is not None:
        indices = [int(str(arguments["index"]))]
    else:
        indices = await node.log.expired()
        before = arguments.get("before")
        if before is not None:
            limit = node.participant.clock() - node.log.retention_s
            if int(str(before)) > limit:
                raise Refused(
                    "erase-within-retention",
                    found=f"a time after {limit} (unix seconds)",
                    expected="bodies older than the retention of the configuration",
                    remedy="Choose an earlier date, or change [retention] entries_years, or name one entry (--index).",
                )
            indices = await node.log.older_than(int(str(before)))
    for index in indices:
        await node.log.erase(index, reason)
    if indices:
        await asyncio.to_thread(node.participant.store.scrub)
    return {"erased": list[Json](indices), "entries": len(indices), "reason": reason}


async def destroy_period(node: OpenNode, arguments: Arguments) -> Json:
    """Destroy a period's key and the openings of its lots: commitments stay signed and can never be opened, nothing
    is sold any more; logged before it is done."""
    participant, period, reason = node.participant, str(arguments["period"]), str(arguments["reason"])
    keys = participant.identity.period_keys
    if period not in keys.periods():
        raise Misuse(
            "period-unknown",
            found=f"no key of the period {period[:40]}",
            expected="one of " + (", ".join(keys.periods()) or "no periods at all"),
            remedy="Give first and last day, YYYY-MM-DD/YYYY-MM-DD.",
        )
    with_ledger = bool(arguments.get("ledger"))
    erased = 0

    def write(connection: Connection, _index: int) -> None:
        nonlocal erased
        erase_openings(connection, *period.split("/"))
        if with_ledger:
            erased = erase_ledgers(connection, *period.split("/"))
            erase_bundles(connection, *period.split("/"))

    logged = await log_decision(
        node,
        "period",
        f"key of {period} destroyed{' with its ledgers' if with_ledger else ''}: {reason}",
        write,
    )
    keys.destroy(period)
    node.composer.forget()
    node.releases.forget()
    node.lot_desk.forget()
    if with_ledger:
        await asyncio.to_thread(participant.store.scrub)
    return {"period": period, "entry": logged.index, "ledgers": erased}


async def log_decision(
    node: OpenNode, subject: str, text: str, write: CompanionWrite | None = None
) -> Logged:
    """Append an entry of type `operator`: what was decided, in words."""
    exchange = node.participant.new_id()
    return await node.log.append(
        Draft(
            type=EntryType.OPERATOR,
            exchange=exchange,
            request_digest=hashlib.sha256(f"operator\n{exchange}".encode()).digest(),
            fields={FieldName.SUBJECT: subject.encode(), FieldName.REASON: text.encode()},
            write=write,
        )
    )
