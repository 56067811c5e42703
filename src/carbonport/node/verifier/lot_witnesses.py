"""Who witnesses the lots of a statement: the verifier's choice, by default the witnesses that the trust lists name."""

from collections.abc import Mapping, Sequence

from carbonport.attestation.bench import EarlierStatement, Examination
from carbonport.attestation.lots.lot_identity import LOT_PATH
from carbonport.attestation.lots.stated_lots import LotWitnessing
from carbonport.crypto.canonical import Json
from carbonport.crypto.notes import VerifierKey
from carbonport.errors import FailedVerification
from carbonport.node.participant import Participant


def lot_witnessing(
    participant: Participant,
    examination: Examination,
    earlier: Sequence[EarlierStatement],
    arguments: Mapping[str, Json],
) -> LotWitnessing:
    """Origin, witnesses and quorum of the lots of what was examined.

    `arguments` may name `lot_witnesses` and a `lot_quorum`. A correction leaves the origin as it was: the log of a lot
    goes on where it began, also when the exporter's own log had to begin anew.
    """
    named = arguments.get("lot_witnesses")
    chosen = [str(name) for name in named] if isinstance(named, list) and named else _listed(participant)
    rule = LotWitnessing.by(
        _origin(participant, examination, earlier),
        [name for name in chosen if name != examination.exporter],
    )
    quorum = int(str(arguments.get("lot_quorum") or rule.quorum))
    return LotWitnessing(rule.node_origin, rule.witnesses, quorum, rule.dishonest)


def _origin(participant: Participant, examination: Examination, earlier: Sequence[EarlierStatement]) -> str:
    for before in earlier:
        if before.digest == examination.supersedes and before.statement.lots:
            return before.statement.lots[0].origin.partition(LOT_PATH)[0]
    return VerifierKey.parse(participant.key_of(examination.exporter, "log").text).name


def _listed(participant: Participant) -> list[str]:
    """Every witness that the rule of a list asks for and that has a key now."""
    now, trust = participant.clock(), participant.trust
    names = {name for held in trust.held_lists() for name in held.trust_list.witness_rule.witnesses}
    found = []
    for name in names:
        try:
            listed = trust.participant(name, now=now)
        except FailedVerification:
            continue
        if listed.keys_at("witness", now):
            found.append(name)
    return found
