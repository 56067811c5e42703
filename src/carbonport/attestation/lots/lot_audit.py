"""What a regulator checks of a whole lot: its log, every proof in it, and the attestations that went out under it.

The regulator brings the lot's entries and checkpoint, the statements of all its versions, the range proofs, and what
the exchange logs of both sides say was attested under the lot (`AttestedSale`). No quantity is opened: the proofs are
enough. A remainder must be proved at the last sale of each statement version, so that a lot that a correction left
oversold was not oversold by a sale. What is closed, cancelled, superseded or nobody's is listed, not failed.

Not found here: goods without an attestation, and a production that was verified again under another name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from carbonport.attestation.check_report import CheckRun, Report
from carbonport.attestation.lots.activity_level import ShownLevel, check_level
from carbonport.attestation.lots.consignment_check import LotView, VerifyRanges, read_view
from carbonport.attestation.lots.consignment_key import recipient_tag
from carbonport.attestation.lots.lot_history import LotHistory
from carbonport.attestation.lots.lot_leaves import ConsignmentEntry
from carbonport.attestation.lots.lot_terms import StatedLot
from carbonport.attestation.lots.lot_witnessing import FindParticipant, lot_requirement
from carbonport.attestation.lots.range_contexts import consignment_claim, remainder_context
from carbonport.crypto.group import Point
from carbonport.crypto.notes import SignedNote, VerifierKey
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.crypto.proofs.ranges import verify_range_claims
from carbonport.errors import FailedVerification

_EVIDENCE = "Keep the lot's log and checkpoint as evidence, and ask the exporter for an explanation."


@dataclass(frozen=True, slots=True)
class AttestedSale:
    """An attestation under a lot, as an exchange log tells it: to whom for which consignment, with the entry's k and
    the tag's salt, under which statement (digest, hex), and whether it was revoked."""

    k: int
    importer: str
    consignment: str
    salt: bytes
    statement: str
    revoked: bool


@dataclass(frozen=True, slots=True)
class AuditedLot:
    """Everything a regulator was handed of one lot; `statements` are its versions, oldest first, each with the leaf of
    its activity level, verified before."""

    statements: tuple[tuple[StatedLot, ShownLevel], ...]
    note: SignedNote
    entries: tuple[bytes, ...]
    proofs: Mapping[int, bytes]
    remainders: Mapping[int, bytes]
    sales: tuple[AttestedSale, ...]


@dataclass(frozen=True, slots=True)
class LotAudit:
    """The checks, and what a regulator should know beside them. `closed` lots are oversold by a correction;
    `cancelled` consignments were returned, `superseded` ones attested under an older statement; `unclaimed` ones have
    no attestation (an entry of quantity 0, or a sale that the exchange logs do not show)."""

    report: Report
    closed: bool
    cancelled: tuple[int, ...]
    superseded: tuple[int, ...]
    unclaimed: tuple[int, ...]


def audit_lot(
    audited: AuditedLot,
    *,
    node_keys: Sequence[VerifierKey],
    participant: FindParticipant,
    verify_ranges: VerifyRanges = verify_range_claims,
) -> LotAudit:
    """Run every check; never raises for what the lot holds."""
    run = CheckRun()
    views: list[LotView] = []
    stated, _ = audited.statements[-1]

    def read() -> str:
        views.append(read_view(audited.note, audited.entries, stated, node_keys))
        return f"{views[0].history.size} entries under {stated.terms.origin}"

    run.step("lot-log", "entries by the lot's rules that give the signed root", read)
    run.step(
        "lot-quorum",
        "the lot's witnesses cosigned",
        lambda: _quorum(views[0], stated, participant),
        "lot-log",
    )
    run.step(
        "lot-statements",
        "the log names every version",
        lambda: _versions(views[0].history, audited),
        "lot-log",
    )
    run.step(
        "lot-ranges",
        "no quantity negative; the remainder proved under every version",
        lambda: _ranges(views[0].history, audited, verify_ranges),
        "lot-statements",
    )
    run.step(
        "lot-sales", "one entry for one attestation", lambda: _sales(views[0].history, audited), "lot-log"
    )
    run.step(
        "lot-give-backs", "returned ones revoked", lambda: _give_backs(views[0].history, audited), "lot-log"
    )
    if not views:
        return LotAudit(run.report(), False, (), (), ())
    history = views[0].history
    claimed = {sale.k for sale in audited.sales}
    return LotAudit(
        report=run.report(),
        closed=_closed(history, audited),
        cancelled=tuple(sorted(history.returned)),
        superseded=tuple(
            sale.k
            for sale in audited.sales
            if sale.statement != stated.digest and sale.k not in history.returned
        ),
        unclaimed=tuple(entry.k for entry in history.consignments(history.last) if entry.k not in claimed),
    )


def _quorum(view: LotView, stated: StatedLot, participant: FindParticipant) -> str:
    if stated.terms.quorum == 0:
        raise FailedVerification(
            "lot-unwitnessed",
            found="a lot without witnesses",
            expected="witnesses named by the statement",
            remedy=_EVIDENCE,
        )
    return f"cosigned at {lot_requirement(stated, participant).check(view.note)}"


def _versions(history: LotHistory, audited: AuditedLot) -> str:
    logged = [(entry.version, entry.digest.hex()) for _, entry in history.statements()]
    signed = [(stated.version, stated.digest) for stated, _ in audited.statements]
    first = audited.statements[0][0]
    for stated, _ in audited.statements:
        if stated.lot != first.lot or stated.terms.scale_terms != first.terms.scale_terms:
            raise FailedVerification(
                "lot-audit-terms",
                found="versions of other lots or units",
                expected="versions of one lot's statement",
                remedy=_EVIDENCE,
            )
    if logged != signed:
        raise FailedVerification(
            "lot-audit-statements",
            found=f"the versions {[version for version, _ in logged]} in the log",
            expected=f"the versions {[version for version, _ in signed]} that were signed",
            remedy=_EVIDENCE,
        )
    for (before, _), (after, _) in pairwise(audited.statements):
        if after.supersedes != before.digest:
            raise FailedVerification(
                "lot-correction-chain",
                found=f"version {after.version}, which does not supersede version {before.version}",
                expected="a correction of exactly the statement before it",
                remedy=_EVIDENCE,
            )
    return f"{len(logged)} versions"


def _ranges(history: LotHistory, audited: AuditedLot, verify_ranges: VerifyRanges) -> str:
    stated, _ = audited.statements[0]
    lot_id, bits = stated.lot.id, stated.terms.bits
    claims: list[RangeClaim[Point]] = []
    for entry in history.consignments(history.last):
        if entry.k not in audited.proofs:
            raise FailedVerification(
                "lot-audit-proof",
                found=f"no range proof of {entry.k}",
                expected="the proof of every consignment",
                remedy=_EVIDENCE,
            )
        claims.append(consignment_claim(lot_id, entry, bits, audited.proofs[entry.k]))
    positions = [at for at, _ in history.statements()]
    for (version, level), begin, end in zip(
        audited.statements, positions, [*positions[1:], history.size], strict=True
    ):
        commitment = check_level(level, version)
        sales = [at for at in range(begin, end) if isinstance(history.entries[at], ConsignmentEntry)]
        proved = [at for at in audited.remainders if begin <= at < end]
        if sales and sales[-1] not in proved:
            raise FailedVerification(
                "lot-audit-remainder",
                found=f"no proof of what remained after consignment {sales[-1]}",
                expected="a remainder proved at the last sale of every statement version",
                remedy=_EVIDENCE,
            )
        for at in proved:
            remainder = history.remainder(at, commitment)
            context = remainder_context(
                lot_id, at, history.encoded[at], bytes.fromhex(version.digest), remainder, bits
            )
            claims.append(RangeClaim((remainder,), (bits,), context, audited.remainders[at]))
    verify_ranges(claims)
    return f"{len(claims)} range proofs"


def _sales(history: LotHistory, audited: AuditedLot) -> str:
    claimed: dict[int, tuple[str, str]] = {}
    for sale in audited.sales:
        who = (sale.importer, sale.consignment)
        if claimed.setdefault(sale.k, who) != who:
            raise FailedVerification(
                "lot-audit-shared",
                found=f"entry {sale.k} attested to two",
                expected="an entry for each",
                remedy=_EVIDENCE,
            )
        if history.consignment(sale.k).tag != recipient_tag(sale.salt, *who):
            raise FailedVerification(
                "lot-audit-recipient",
                found=f"entry {sale.k} made for another",
                expected="an entry for each",
                remedy=_EVIDENCE,
            )
    return f"{len(claimed)} consignments attested"


def _give_backs(history: LotHistory, audited: AuditedLot) -> str:
    standing = {sale.k for sale in audited.sales if not sale.revoked} & set(history.returned)
    if standing:
        raise FailedVerification(
            "lot-audit-unrevoked",
            found=f"{sorted(standing)} returned and still attested",
            expected="revoked attestations",
            remedy=_EVIDENCE,
        )
    return f"{len(history.returned)} returned"


def _closed(history: LotHistory, audited: AuditedLot) -> bool:
    """Whether nothing shows that what is sold fits the production in force: no remainder since its statement."""
    begin = history.statements()[-1][0]
    return bool(history.sold(history.last)) and all(at < begin for at in audited.remainders)
