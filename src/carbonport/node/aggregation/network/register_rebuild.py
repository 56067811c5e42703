"""The register of contributions after a restore, as operations: what it holds, what coordinators hold of it, and how it
is rebuilt.

A store that was filled from a backup has forgotten what was contributed since, and refuses until its operator has
stated that nothing is missing. What is brought proves itself (`given_proof`); that it is everything, no proof can show:
whoever holds a contribution may keep it back. So the operator says so, with a reason, in the log.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection

from carbonport.crypto.canonical import Json
from carbonport.crypto.jws import Jwk
from carbonport.errors import FailedVerification, Misuse
from carbonport.node.aggregation.given_proof import (
    GivenProof,
    ProvenContribution,
    given_file,
    proven_contribution,
    read_given_file,
)
from carbonport.node.aggregation.network.coordinator_client import CoordinatorClient
from carbonport.node.aggregation.network.coordinator_session import coordinated
from carbonport.node.aggregation.network.register_rows import bring_back, declare_complete, read_register
from carbonport.node.aggregation.plan import MAX_ATTEMPTS
from carbonport.node.aggregation.result_file_form import MAX_RESULT_FILE_BYTES
from carbonport.node.bounded_file import read_bounded
from carbonport.node.file_problem import require_place
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import write_public
from carbonport.node.open_node import OpenNode
from carbonport.node.operator.commands import log_decision
from carbonport.node.participant import Participant
from carbonport.node.sessions.parties import lasting_keys
from carbonport.node.sessions.records import Record, find, keep
from carbonport.node.sessions.signed_document import SealKeys

Arguments = Mapping[str, Json]


async def list_register(node: OpenNode, _arguments: Arguments) -> Json:
    """What this contributor ever gave, and whether a restore may have lost some of it."""
    node.participant.require_role(Role.EXPORTER)
    with node.participant.store.reading() as connection:
        register = read_register(connection)
    return {
        "restored_on": None if register.restored_on is None else register.restored_on.isoformat(),
        "entries": [
            {
                "installation": entry.quantity.installation,
                "quantity": entry.quantity.path,
                "first_day": entry.quantity.start.isoformat(),
                "last_day": entry.quantity.end.isoformat(),
                "plan": entry.plan,
                "attempt": entry.attempt,
                "closed": entry.closed,
                "shown_to_a_releaser": entry.shown,
            }
            for entry in register.entries
        ],
    }


async def export_given(node: OpenNode, arguments: Arguments) -> Json:
    """As a coordinator: write what a contributor gave to this node's sessions, for the contributor."""
    node.participant.require_role(Role.COORDINATOR)
    contributor, out = str(arguments["contributor"]), Path(str(arguments["out"]))
    require_place(out)
    with node.participant.store.reading() as connection:
        proofs = [
            proof
            for session in coordinated(connection)
            for attempt in range(MAX_ATTEMPTS)
            if (proof := _held_proof(connection, session, attempt, contributor)) is not None
        ]
    write_public(out, given_file(contributor, proofs))
    return {"out": str(out), "contributor": contributor, "contributions": len(proofs)}


async def rebuild(node: OpenNode, arguments: Arguments) -> Json:
    """Enter what files and coordinators show was given; with `complete` the operator states that this is all.

    Raises `Misuse` (`aggregation-register-whole`) on a node that has nothing to rebuild, and what `given_proof` raises
    for a file with something that this node did not sign; then nothing is entered.
    """
    participant = node.participant
    participant.require_role(Role.EXPORTER)
    complete, reason = bool(arguments.get("complete")), str(arguments.get("reason") or "")
    with participant.store.reading() as connection:
        if read_register(connection).restored_on is None:
            raise _whole()
    own_keys, holder_keys = _own_seals(participant), lasting_keys(node)
    proofs = [
        proof
        for path in _texts(arguments, "files")
        for proof in read_given_file(read_bounded(Path(path), MAX_RESULT_FILE_BYTES), participant.id)
    ]
    for coordinator in _texts(arguments, "coordinators"):
        proofs += await _asked_of(CoordinatorClient(node.peers, coordinator))
    given = [
        proven_contribution(proof, participant.id, own_keys=own_keys, holder_keys=holder_keys)
        for proof in proofs
    ]
    added, now = 0, participant.clock()

    def write(connection: Connection, _index: int) -> None:
        nonlocal added
        added = bring_back(connection, [entry for one in given for entry in one.quantities])
        for one in given:
            _remember(connection, one, participant.id, now=now)
        if complete:
            declare_complete(connection)

    text = f"{len(given)} contributions shown; " + (
        f"stated to be all since the restore: {reason}" if complete else "not stated to be all"
    )
    logged = await log_decision(node, "register", text, write)
    return {"contributions": len(given), "added": added, "complete": complete, "entry": logged.index}


def _held_proof(connection: Connection, session: str, attempt: int, contributor: str) -> GivenProof | None:
    plan = find(connection, session, "plan")
    given = find(connection, session, f"contribution:{attempt}", contributor)
    statement = find(connection, session, f"statement:{attempt}", contributor)
    if plan is None or given is None or statement is None:
        return None
    certificate = find(connection, session, "certificate", str(attempt)) or b""
    return GivenProof(plan.decode(), given.decode(), statement.decode(), certificate)


async def _asked_of(client: CoordinatorClient) -> list[GivenProof]:
    """What a coordinator shows of this node's contributions in all its sessions."""
    proofs = []
    for state in await client.sessions():
        for attempt in range(MAX_ATTEMPTS):
            contribution, statement = await client.contribution(state.session, attempt)
            if contribution:
                plan = (await client.plan(state.session)).plan
                certificate = (await client.ballot(state.session, attempt)).certificate
                closed = b"" if certificate is None else certificate.encode()
                proofs.append(GivenProof(plan, contribution, statement, closed))
    return proofs


def _remember(connection: Connection, one: ProvenContribution, own: str, *, now: int) -> None:
    """Keep the contribution itself, so that a certificate that comes later frees it, and no other is made in its
    place."""
    kind = f"contribution:{one.attempt}"
    if find(connection, one.session, kind, own) is None:
        keep(connection, one.session, Record(kind, own, one.contribution.encode()), now=now)


def _own_seals(own: Participant) -> SealKeys:
    """All seal keys this node ever had, by its own list and, for those made since the backup, the trust list's."""

    def key(participant: str, kid: str) -> Jwk:
        for record in own.identity.ring.records(KeyUse.SEAL):
            if record.kid == kid:
                return dict(record.jwk)
        listed = own.trust.participant(participant, now=own.clock()).key(kid, KeyUse.SEAL.value)
        if listed is None:
            raise FailedVerification(
                "aggregation-given-key",
                found="a contribution under a seal that this node never had",
                expected="a contribution that this node signed",
                remedy="Do not take it in; ask whoever gave you the file where it is from.",
                where=participant,
            )
        return listed.jwk

    return key


def _texts(arguments: Arguments, name: str) -> Sequence[str]:
    given = arguments.get(name)
    return [str(one) for one in given] if isinstance(given, list) else []


def _whole() -> Misuse:
    return Misuse(
        "aggregation-register-whole",
        found="a register that no restore has made doubtful, or that was stated to be complete since",
        expected="a node that was restored from a backup",
        remedy="Contribute; nothing has to be rebuilt.",
    )
