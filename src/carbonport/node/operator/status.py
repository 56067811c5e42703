"""The state of a node as its operator sees it: log, inbox, trust lists, keys, certificate, counters; never a value.

`ok` is what a monitor looks at: the log works and the own jurisdiction's list holds. `warnings` say what will end soon.
"""

from collections.abc import Iterator, Mapping

from sqlalchemy import func, select

from carbonport import __version__
from carbonport.attestation.participants import TrustedKey
from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError
from carbonport.node.aggregation.network.register_rows import read_register
from carbonport.node.exporter.lots.lot_listing import listed_lots
from carbonport.node.identity.key_ring import UNPUBLISHED, KeyUse
from carbonport.node.identity.names import Role
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant
from carbonport.node.restored import read_restore
from carbonport.node.store.exchange_schema import requests

LIST_WARNING_S = 7 * 86_400
"""A trust list is warned about when it ends within this time."""

KEY_WARNING_S = 30 * 86_400
"""A key is warned about when its entry in the trust list ends within this time."""

Arguments = Mapping[str, Json]


async def status(node: OpenNode, _arguments: Arguments) -> Json:
    """Everything at once; the same for a serving node and for a command that opened the node itself."""
    participant, now = node.participant, node.participant.clock()
    trust, keys, log = _trust(participant, now), _keys(participant, now), _log(node)
    lots = _lots(participant)
    own_list = next(
        (item for item in trust if item["jurisdiction"] == participant.config.name.jurisdiction), None
    )
    healthy = log["halted"] is None and own_list is not None and own_list["state"] == "current"
    material = participant.identity.tls.current()
    result: dict[str, Json] = {
        "healthy": healthy,
        "participant": participant.id,
        "roles": sorted(participant.config.roles),
        "version": __version__,
        "time": now,
        "serving_since": node.service.started_at if node.service is not None else None,
        "log": log,
        "requests": _requests(participant),
        "trust_lists": list[Json](trust),
        "keys": list[Json](keys),
        "certificate": {"not_after": material.not_after, "renewed_at": material.renew_at},
        "restore": _restore(participant),
        "lots": list[Json](lots),
        "warnings": [
            *_warnings(log, trust, keys, participant, now),
            *_lot_warnings(lots),
            *_register_warnings(participant),
        ],
    }
    if node.service is not None:
        result["counters"] = dict(node.service.counters.as_json())  # type: ignore[arg-type]  # plain numbers and texts
        result["prometheus"] = node.service.counters.as_prometheus() + _gauges(node, trust, now)
    return result


def _log(node: OpenNode) -> dict[str, Json]:
    halted = node.log.halted
    return {
        "origin": node.log.origin,
        "size": node.log.size,
        "waiting": node.log.waiting,
        "provisional": node.log.provisional,
        "halted": None if halted is None else dict(halted.as_dict()),
    }


def _requests(participant: Participant) -> Json:
    with participant.store.reading() as connection:
        rows = connection.execute(select(requests.c.state, func.count()).group_by(requests.c.state))
        return {str(state): int(count) for state, count in rows}


def _lots(participant: Participant) -> list[dict[str, Json]]:
    with participant.store.reading() as connection:
        return [each.as_json() for each in listed_lots(connection)]


def _lot_warnings(lots: list[dict[str, Json]]) -> Iterator[str]:
    for lot in lots:
        of = f"the lot of {lot['process']}, {lot['period']}"
        if lot["missing_openings"]:
            yield f"{of}, sells nothing: openings are missing, ask the importers (`carbonport lot restore`)"
        elif lot["closed"]:
            yield f"{of}, is closed: more is sold than its corrected production"


def _register_warnings(participant: Participant) -> Iterator[str]:
    if Role.EXPORTER not in participant.config.roles:
        return
    with participant.store.reading() as connection:
        restored_on = read_register(connection).restored_on
    if restored_on is not None:
        yield (
            f"nothing of a period that begins before {restored_on} goes into a sum: the register of contributions has "
            "to be rebuilt (`carbonport aggregate register rebuild`)"
        )


def _restore(participant: Participant) -> Json:
    with participant.store.reading() as connection:
        restore = read_restore(connection)
    return None if restore is None else {"restored_at": restore.at, "decided": restore.decided or None}


def _trust(participant: Participant, now: int) -> list[dict[str, Json]]:
    """Every list ever accepted, the newest of its jurisdiction."""
    store, found = participant.trust, list[dict[str, Json]]()
    held = {item.trust_list.jurisdiction: item.trust_list for item in store.held_lists()}
    for jurisdiction, seen in sorted(participant.opened.trust.seen().items()):
        entry: dict[str, Json] = {"jurisdiction": jurisdiction, "seq": seen.seq}
        try:
            current = store.current(jurisdiction, now=now)
            entry["state"] = "current"
        except CarbonportError as error:
            entry["state"] = error.id
            if jurisdiction not in held:
                found.append(entry)
                continue
            current = held[jurisdiction]
        entry |= {
            "issued_at": current.issued_at,
            "age_s": now - current.issued_at,
            "next_update": current.next_update,
        }
        found.append(entry)
    return found


def _keys(participant: Participant, now: int) -> list[dict[str, Json]]:
    """The keys in force and announced, and what the own list says of them (`listed_until` null: not listed)."""
    listed: Mapping[tuple[str, str], TrustedKey] = {}
    try:
        entry = participant.trust.participant(participant.id, now=now)
        listed = {(key.usage, key.kid): key for key in entry.keys}
    except CarbonportError:
        pass
    found: list[dict[str, Json]] = []
    for record in participant.identity.ring.records():
        if record.valid_until is not None and record.valid_until <= now:
            continue
        entry_key = listed.get((record.use.value, record.kid))
        found.append(
            {
                "use": record.use.value,
                "kid": record.kid,
                "state": "in force" if record.valid_at(now) else "announced",
                "valid_from": record.valid_from,
                "valid_until": record.valid_until,
                "published": record.use not in UNPUBLISHED,
                "listed_until": None if entry_key is None else entry_key.valid_until,
            }
        )
    return found


def _warnings(
    log: Mapping[str, Json],
    trust: list[dict[str, Json]],
    keys: list[dict[str, Json]],
    participant: Participant,
    now: int,
) -> Iterator[str]:
    if log["provisional"]:
        yield "the newest checkpoint lacks its witnesses' quorum: receipts are provisional"
    if not trust:
        yield "no trust list: nobody can call this node, and it can call nobody"
    for item in trust:
        next_update = item.get("next_update")
        if item["state"] != "current":
            yield f"the trust list of {item['jurisdiction']} does not hold ({item['state']}): add the newest one"
        elif isinstance(next_update, int) and next_update - now < LIST_WARNING_S:
            yield f"the trust list of {item['jurisdiction']} ends in {(next_update - now) // 3600} hours"
    for key in keys:
        until = key["listed_until"]
        if key["published"] and until is None:
            yield f"the {key['use']} key {key['kid']} is in no trust list: send your card to your regulator"
        elif isinstance(until, int) and key["valid_until"] is None and until - now < KEY_WARNING_S:
            yield f"the {key['use']} key ends in {(until - now) // 86_400} days: rotate it"
    if not participant.identity.ring.encrypted:
        yield "the key files are not encrypted"
    if participant.identity.ring.holds(KeyUse.TRUST_LIST) and not trust:
        yield "this regulator has issued no trust list"


def _gauges(node: OpenNode, trust: list[dict[str, Json]], now: int) -> str:
    """What a monitor alarms on, in Prometheus' text format."""
    lines = [
        "# TYPE carbonport_log_entries gauge",
        f"carbonport_log_entries {node.log.size}",
        "# TYPE carbonport_log_waiting gauge",
        f"carbonport_log_waiting {node.log.waiting}",
        "# TYPE carbonport_log_halted gauge",
        f"carbonport_log_halted {int(node.log.halted is not None)}",
        "# TYPE carbonport_log_provisional gauge",
        f"carbonport_log_provisional {int(node.log.provisional)}",
        "# TYPE carbonport_trust_list_seconds_left gauge",
    ]
    for item in trust:
        if isinstance(until := item.get("next_update"), int):
            name = f'carbonport_trust_list_seconds_left{{jurisdiction="{item["jurisdiction"]}"}}'
            lines.append(f"{name} {until - now}")
    return "\n".join(lines) + "\n"
