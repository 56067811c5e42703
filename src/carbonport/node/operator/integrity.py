"""`fsck` of a node's own log: read-only, beside a serving node or on a home whose node cannot even open its log."""

from carbonport.crypto.ambient import system_random
from carbonport.crypto.canonical import Json
from carbonport.node.home import NodeHome
from carbonport.node.log.fsck import Fsck, LogDamagedError, check_log
from carbonport.node.log.preparation import EntryMaker
from carbonport.node.log.stored_log import StoredLog
from carbonport.node.own_log import log_keys, own_key
from carbonport.node.participant import SQLITE_PREFIX, Participant
from carbonport.node.store import Store


def check_own_log(home: NodeHome) -> Json:
    """Derive everything from the entries again and say what differs; never writes, needs no writer's lock."""
    store = Store.open_read_only(home.config.store_url(home.path).removeprefix(SQLITE_PREFIX))
    try:
        participant = Participant(home, store, home.identity.clock, system_random)
        origin = participant.config.log_origin
        maker = EntryMaker(origin, own_key=own_key(participant), readers={}, random_bytes=system_random)
        try:
            return {
                "ok": True,
                **_json(check_log(StoredLog(store, origin), keys=log_keys(participant), maker=maker)),
            }
        except LogDamagedError as error:
            return {"ok": False, **_json(error.fsck)}
    finally:
        store.close()


def _json(found: Fsck) -> dict[str, Json]:
    return {
        "origin": found.origin,
        "entries": found.entries,
        "nodes": found.nodes,
        "bodies": found.bodies,
        "erased": found.erased,
        "findings": [{"id": each.id, "where": each.where, "found": each.found} for each in found.findings],
    }
