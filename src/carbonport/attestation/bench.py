"""The verifier's bench: recompute an installation's figures from its ledger, compare, sign.

`examine` takes the ledger as the verifier reads it on site and the exporter's opened draft, and believes
neither about the other: it calculates the goods itself, which builds the graphs anew, takes the declared
values from the ledger, computes the sealed figures, and recomputes every label, commitment, leaf, the root,
both graph digests of every good and every result. What does not agree stands in the examination as a deviation.
`sign_examined` refuses while there is one, when a misstatement is material and the opinion does not say so, when a
period overlaps another statement's for the same process, and when a version does not follow the one before.

The bench sees the plant's figures; deviations and errors therefore name places, never values. It checks
arithmetic against the ledger, not the ledger against the plant: that is the verifier's work on site.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from carbonport.attestation.commitments import (
    LeafLabel,
    leaves_root,
    period_text,
)
from carbonport.attestation.examined_precursors import SuppliersOnSite, precursor_problems
from carbonport.attestation.good_graphs import good_graphs
from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.lots.lot_periods import require_no_overlap
from carbonport.attestation.lots.stated_lots import (
    LotWitnessing,
    ProductionLevel,
    lot_terms,
    production_levels,
)
from carbonport.attestation.materiality import DEFAULT_PROFILE, Difference, profile_named, recalculate
from carbonport.attestation.sealed_form import Sealing
from carbonport.attestation.signed_figures import SignedFigures, signed_figures
from carbonport.attestation.statement import (
    MISSTATED,
    AccreditationReference,
    Materiality,
    Statement,
    StatusReference,
    sign_statement,
    statement_digest,
)
from carbonport.attestation.statement_draft import StatementDraft, StatementGood, statement_goods
from carbonport.crypto.ambient import Clock
from carbonport.crypto.jws import SigningKey
from carbonport.errors import Refused
from carbonport.footprint.calculation import calculate
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.intake.operator_report import ReportedFigure
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.tables.rule_tables import RuleTables

MAX_DEVIATIONS = 1000
"""Most deviations that are listed; one is enough to refuse."""


@dataclass(frozen=True, slots=True)
class Deviation:
    """One thing that does not agree: where, what the draft says and what the bench computed. No values."""

    where: str
    found: str
    expected: str


@dataclass(frozen=True, slots=True)
class EarlierStatement:
    """A statement this verifier signed before, for the checks of productions and versions."""

    digest: str
    statement: Statement


@dataclass(frozen=True, slots=True)
class Examination:
    """What the bench found. `deviations` empty means: everything the exporter drafted was recomputed;
    `differences` are those of the operator's own results from the bench's; `sealing` is what the exporter asks to be
    sealed, and was recomputed like all else."""

    exporter: str
    installation: str
    country: str
    period: str
    scope: str
    sealing: Sealing
    nonce: bytes
    version: int
    supersedes: str
    goods: tuple[StatementGood, ...]
    root: bytes
    leaf_count: int
    materiality: Materiality
    differences: tuple[Difference, ...]
    deviations: tuple[Deviation, ...]
    levels: tuple[ProductionLevel, ...] = ()


@dataclass(frozen=True, slots=True)
class SignedStatement:
    """A statement as signed, its token and its digest (SHA-256, hex): log the digest at once."""

    token: str
    digest: str
    statement: Statement


def examine(
    ledger: Ledger,
    draft: StatementDraft,
    *,
    scope: Scope | None = None,
    tables: RuleTables | None = None,
    report: Sequence[ReportedFigure] | None = None,
    profile: str = DEFAULT_PROFILE,
    suppliers: SuppliersOnSite | None = None,
) -> Examination:
    """Recompute everything: calculate the ledger in `scope` (by default the one its period asks for) with the
    bench's own `tables` (by default the packaged ones), then compare the draft with it.

    `report` is what the operator reported; without it the results from the documents' own values stand in, so
    that the effect of declared decimals is what is measured. `profile` names the rules of materiality.
    `suppliers` are the bundles behind the attested precursors; where one is missing or says something else, that is a
    deviation.
    """
    rules = profile_named(profile)
    calculation = calculate(ledger, scope, tables)
    goods = good_graphs(calculation)
    figures = signed_figures(ledger, goods, draft.place_key, draft.sealing)
    deviations = _Deviations()
    deviations.compare("installation", draft.installation, ledger.installation)
    deviations.compare("country", draft.country, ledger.country)
    deviations.compare("period", draft.period, period_text(ledger.period))
    deviations.compare("scope", draft.scope, calculation.scope.value)
    for where, found, expected in precursor_problems(ledger, suppliers):
        deviations.add(where, found, expected)
    _compare_goods(deviations, draft.goods, statement_goods(figures.goods))
    _compare_leaves(deviations, draft, figures)
    recalculation = recalculate(calculation, report, rules)
    root = leaves_root(item.opening.leaf() for item in draft.leaves)
    if root != draft.root:
        deviations.add("root of the leaves", "another root", "the root over the recomputed leaves")
    return Examination(
        exporter=draft.exporter,
        installation=ledger.installation,
        country=ledger.country,
        period=period_text(ledger.period),
        scope=calculation.scope.value,
        sealing=draft.sealing,
        nonce=draft.nonce,
        version=draft.version,
        supersedes=draft.supersedes,
        goods=statement_goods(figures.goods),
        root=root,
        leaf_count=len(figures.values),
        materiality=recalculation.materiality,
        differences=recalculation.differences,
        deviations=tuple(deviations.found),
        levels=production_levels(ledger, goods),
    )


def sign_examined(
    examination: Examination,
    *,
    key: SigningKey,
    verifier: str,
    accreditation: AccreditationReference,
    opinion: str,
    status: StatusReference,
    clock: Clock,
    comments: Sequence[str] = (),
    openings: str = "deleted",
    earlier: Sequence[EarlierStatement] = (),
    lots: LotWitnessing | None = None,
) -> SignedStatement:
    """Sign what was examined, or raise `Refused` and sign nothing.

    `earlier` holds every statement this verifier signed, whoever the exporter is: one production in two statements
    would be two lots. `lots` says under which origin the exporter keeps the lots of its activity levels and who
    witnesses them; without it the statement names none. The caller logs the digest at once: that log entry, not the
    `iat` in the statement, shows when it was signed.
    """
    _refuse_deviations(examination)
    _refuse_hidden_misstatement(examination.materiality, opinion)
    _refuse_second_production(examination, earlier)
    _refuse_broken_version(examination, earlier)
    statement = Statement(
        issuer=verifier,
        exporter=examination.exporter,
        installation=examination.installation,
        country=examination.country,
        period=examination.period,
        scope=examination.scope,
        nonce=examination.nonce,
        version=examination.version,
        supersedes=examination.supersedes,
        root=examination.root,
        leaf_count=examination.leaf_count,
        goods=examination.goods,
        materiality=examination.materiality,
        opinion=opinion,
        comments=tuple(comments),
        accreditation=accreditation,
        openings=openings,
        status=status,
        issued_at=clock(),
        lots=()
        if lots is None
        else lot_terms(
            examination.levels, lots, installation=examination.installation, period=examination.period
        ),
    )
    token = sign_statement(statement, key)
    return SignedStatement(token, statement_digest(token), statement)


class _Deviations:
    """Collects what does not agree, up to the bound."""

    def __init__(self) -> None:
        self.found: list[Deviation] = []

    def add(self, where: str, found: str, expected: str) -> None:
        if len(self.found) < MAX_DEVIATIONS:
            self.found.append(Deviation(where, found, expected))

    def compare(self, where: str, found: str, expected: str) -> None:
        """For texts that are no secrets."""
        if found != expected:
            self.add(where, found, expected)


def _compare_goods(
    deviations: _Deviations, found: Sequence[StatementGood], expected: Sequence[StatementGood]
) -> None:
    drafted = {(good.process, good.cn): good for good in found}
    own = {(good.process, good.cn): good for good in expected}
    if len(drafted) != len(found):
        deviations.add("goods", "a good that stands twice", "every good once")
    for name in sorted(drafted.keys() | own.keys()):
        where = f"good {name[0]}/{name[1]}"
        if name not in drafted or name not in own:
            deviations.add(where, *_presence(name in drafted, "the ledger"))
            continue
        deviations.compare(f"{where} graph digest", drafted[name].graph_digest, own[name].graph_digest)
        deviations.compare(f"{where} sealed digest", drafted[name].sealed_digest, own[name].sealed_digest)
        deviations.compare(f"{where} activity group", drafted[name].activity_group, own[name].activity_group)


def _compare_leaves(deviations: _Deviations, draft: StatementDraft, figures: SignedFigures) -> None:
    drafted = [item.opening.label for item in draft.leaves]
    expected = {item.label.path: item for item in figures.values}

    def named(path: str) -> str:
        """The leaf as the verifier knows it: by its place in the ledger."""
        return figures.sources.get(path, path)

    if len({label.path for label in drafted}) != len(drafted):
        deviations.add("leaves", "a path that stands twice", "every path once")
    if drafted != sorted(drafted):
        deviations.add("leaves", "another order", "the order of role and path")
    for path in sorted(expected.keys() - {label.path for label in drafted}):
        deviations.add(
            named(path), "no commitment", "a commitment to every input and result of the ledger's graphs"
        )
    for item in draft.leaves:
        label = item.opening.label
        own = expected.get(label.path)
        if own is None:
            deviations.add(named(label.path), *_presence(True, "the graphs"))
            continue
        if label != own.label:
            deviations.add(named(label.path), _label_text(label), _label_text(own.label))
        if item.opening.value != own.value:
            deviations.add(named(label.path), "a commitment to another value", "the ledger's declared value")
        if item.opening.leaf().commitment != item.commitment:
            deviations.add(
                named(label.path), "a commitment that its opening does not open", "its own opening"
            )


def _presence(in_draft: bool, where: str) -> tuple[str, str]:
    return ("in the draft only" if in_draft else f"in {where} only", f"in the draft and in {where}")


def _label_text(label: LeafLabel) -> str:
    return f"{label.role}, {label.unit}, {label.decimals} decimals, {label.bits} bits"


def _refuse_deviations(examination: Examination) -> None:
    if examination.deviations:
        first = examination.deviations[0]
        raise Refused(
            "bench-deviations",
            found=f"{len(examination.deviations)} deviations, the first at {first.where}: {first.found}",
            expected=f"none; there {first.expected}",
            remedy="Have the exporter correct the ledger or draw the statement up again; examine it again.",
        )


def _refuse_hidden_misstatement(materiality: Materiality, opinion: str) -> None:
    if materiality.outcome in MISSTATED and opinion != "not-satisfactory":
        raise Refused(
            "bench-material-misstatement",
            found=f"differences of up to {materiality.largest_percent} % per good, {materiality.outcome} by the"
            f" profile {materiality.profile}, and the opinion {opinion}",
            expected=f"differences below {materiality.threshold_percent} % and within the profile's other rules,"
            " or the opinion not-satisfactory",
            remedy="Have the operator correct its figures, or state that the report is not satisfactory.",
        )


def _refuse_second_production(examination: Examination, earlier: Sequence[EarlierStatement]) -> None:
    """No two statements about one production: a process in overlapping periods, except one period corrected by its own
    exporter."""
    productions = _productions(examination.installation, examination.goods, examination.period)
    own, foreign = set[Lot](), set[Lot]()
    for before in earlier:
        stated = before.statement
        signed = _productions(stated.installation, stated.goods, stated.period)
        (own if stated.exporter == examination.exporter else foreign).update(signed)
    wanted = sorted(productions, key=lambda lot: lot.process)
    require_no_overlap(wanted, own, elsewhere=foreign)


def _productions(installation: str, goods: Sequence[StatementGood], period: str) -> set[Lot]:
    return {Lot.of(installation, good.process, period) for good in goods}


def _refuse_broken_version(examination: Examination, earlier: Sequence[EarlierStatement]) -> None:
    """Version n supersedes version n - 1 of the same installation and period, under a nonce of its own."""
    if any(before.statement.nonce == examination.nonce for before in earlier):
        raise Refused(
            "bench-nonce-reused",
            found="a nonce of an earlier statement",
            expected="a fresh nonce for every version: the same blindings would reveal differences",
            remedy="Have the exporter draw the statement up again.",
        )
    same = [
        before
        for before in earlier
        if (before.statement.exporter, before.statement.installation, before.statement.period)
        == (examination.exporter, examination.installation, examination.period)
    ]
    last = max(same, key=lambda before: before.statement.version, default=None)
    expected = (last.statement.version + 1, last.digest) if last is not None else (1, "")
    if (examination.version, examination.supersedes) != expected:
        raise Refused(
            "bench-version",
            found=f"version {examination.version} superseding {examination.supersedes or 'nothing'}",
            expected=f"version {expected[0]} superseding {expected[1] or 'nothing'}",
            remedy="Have the exporter draw up the statement as the successor of the last one signed.",
        )
