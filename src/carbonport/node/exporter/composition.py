"""Setting the stage for a decision: the prepared statement, and the gate over one request's consignment.

Issuing and releasing both start here, so that a fetch is decided over exactly what the attestation was composed from.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from decimal import Decimal

from carbonport.attestation.commitments import OUTPUT_PREFIX, output_path
from carbonport.attestation.credential import ATTESTED_RESULTS
from carbonport.classification.egress import (
    Approval,
    Disclosure,
    EgressRequest,
    OpenedFigure,
    Recipient,
    Subject,
)
from carbonport.classification.forms import Form, Purpose, Role
from carbonport.classification.gate import Gate
from carbonport.classification.items import DECLARATION_ITEMS
from carbonport.classification.policy import Policy
from carbonport.classification.thresholds import CLAIM_ITEMS, Threshold
from carbonport.errors import CarbonportError, Refused
from carbonport.footprint.cbam.precursors import SUPPLIER_STATEMENT
from carbonport.footprint.obligation.published_values import PublishedTable, published_value
from carbonport.node.exporter.approvals import StoredApproval, approval_for
from carbonport.node.exporter.inbox import AttestationRequest
from carbonport.node.exporter.prepared_statement import PreparedStatement, prepare
from carbonport.node.exporter.statement_versions import StatementVersion, current_versions
from carbonport.node.exporter.threshold_history import admitted_places, claimed_good
from carbonport.node.participant import Participant
from carbonport.node.restored import LOST, read_restore

FORGOTTEN = "what was asked before the store was restored from a backup is not known"
"""Stands for a value that a buyer may have asked about in the time that a restore lost: no other may follow it."""

MAX_PREPARED = 8
"""Statements kept ready: importers may ask for several periods in turn, and preparing one takes seconds."""


@dataclass(frozen=True)
class Composition:
    """A request as the gate takes it, the gate over its consignment, and the statement behind it."""

    gate: Gate
    egress: EgressRequest
    prepared: PreparedStatement

    def with_opened(self, disclosure: Disclosure) -> "Composition":
        """The same for a disclosure that was made: its request also names the figures that its proof opens."""
        places = [item.name for item in disclosure.items[len(self.egress.items) :]]
        opened = tuple(OpenedFigure(place, self._source(place)) for place in places)
        return replace(self, egress=replace(self.egress, opened=opened))

    def _source(self, place: str) -> str:
        """What is decided about for a place in a proof: the ledger's path, a result, a supplier's statement."""
        sources = self.prepared.figures.sources
        base, _, quantity = place.rpartition("/")
        if place.startswith(OUTPUT_PREFIX):
            return quantity
        if quantity == SUPPLIER_STATEMENT:
            figures = (path for known, path in sources.items() if known.startswith(f"{base}/"))
            return f"{next(figures, '').rpartition('/')[0]}/{quantity}"
        return sources.get(place, "")


class Composer:
    """Prepares statements once and composes requests over them."""

    def __init__(self, participant: Participant, policy: Policy) -> None:
        self._participant = participant
        self.policy = policy
        self._prepared: dict[str, asyncio.Task[PreparedStatement]] = {}

    async def compose(self, request: AttestationRequest, approval: StoredApproval | None) -> Composition:
        """The gate over this request; Refused when there is no statement, good or purpose for it."""
        prepared, process = await self._good_of(request)
        purposes = {purpose.value: purpose for purpose in Purpose}
        if request.purpose not in purposes:
            raise Refused(
                "request-purpose",
                found="a purpose that the policy does not know",
                expected=" or ".join(purposes),
                remedy="State the purpose for which the data will be used.",
            )
        subject = Subject(process, request.cn, request.consignment)
        graded = prepared.graded.with_certificate(
            "verification_opinion", prepared.statement.opinion, "verification statement"
        )
        if not request.threshold:
            graded = graded.with_consignment(
                request.consignment, Decimal(request.net_mass_t), f"request {request.id}"
            )
        egress = EgressRequest(
            recipient=Recipient(request.importer, Role.DECLARANT, request.importer.partition("/")[0]),
            purpose=purposes[request.purpose],
            form=Form.RAW,
            subject=subject,
            items=request.items,
            approval=approval.reference if approval is not None else "",
            named_by_recipient=True,
        )
        if request.threshold:
            egress = replace(
                egress, form=Form.BANDED, items=CLAIM_ITEMS, threshold=_threshold(request, prepared)
            )
        gate = Gate(
            self.policy,
            graded,
            prepared.results,
            home=self._participant.config.name.jurisdiction,
            clock=self._participant.clock,
            random_bytes=self._participant.random_bytes,
            approvals=self._approvals(request, egress),
            admitted=lambda _: self._admitted(request),
        )
        if not request.threshold:
            items = (*gate.declaration_items(subject), *request.items)
            egress = replace(egress, items=tuple(dict.fromkeys(items)))
        if request.form:
            egress = _committed(egress, request.form)
        return Composition(gate, egress, prepared)

    async def _good_of(self, request: AttestationRequest) -> tuple[PreparedStatement, str]:
        """The one good of this CN code among the installations verified for the period, or in the one that is named:
        its statement and process."""
        with self._participant.store.reading() as connection:
            versions = current_versions(connection, request.period_start, request.period_end)
        statements = [await self.prepared(version) for version in versions]
        if not statements:
            raise Refused(
                "request-no-statement",
                found="no verified statement about this period",
                expected="a reporting period that a verifier has signed",
                remedy="Ask for the period of the exporter's verified statement.",
            )
        if request.installation:
            statements = [one for one in statements if one.is_called(request.installation)]
            if len(statements) != 1:
                raise Refused(
                    "request-installation",
                    found=f"{len(statements)} installations of the name that the request gives",
                    expected="the name, registration code or UN/LOCODE of one installation verified for the period",
                    remedy="Name the installation as the exporter's attestations show it.",
                )
        found = [(one, process) for one in statements for process in one.processes_making(request.cn)]
        if len({one.version.id for one, _ in found}) > 1:
            raise Refused(
                "request-installation-open",
                found=f"several verified installations that make CN {request.cn}, and none named",
                expected="the name of the installation that made the goods",
                remedy="Ask again with `carbonport query --installation`.",
            )
        if len(found) != 1:
            raise Refused(
                "request-good",
                found=f"{len(found)} production processes that make CN {request.cn}",
                expected="one good of this CN code in the verified period",
                remedy="Ask for a CN code that the exporter's statements cover.",
            )
        return found[0]

    async def prepared(self, version: StatementVersion) -> PreparedStatement:
        """A signed statement version made ready, derived anew from the store the first time it is asked for.

        Requests that come meanwhile wait for the same preparation; the event loop does not.
        """
        task = self._prepared.get(version.digest)
        if task is None:
            if len(self._prepared) >= MAX_PREPARED:
                del self._prepared[next(iter(self._prepared))]
            task = asyncio.create_task(prepare(self._participant, version, self.policy))
            self._prepared[version.digest] = task
        try:
            return await asyncio.shield(task)
        except CarbonportError:
            if self._prepared.get(version.digest) is task:
                del self._prepared[version.digest]
            raise

    def forget(self) -> None:
        """Drop what was derived from ledger and period key: they may be gone."""
        self._prepared = {}

    def _admitted(self, request: AttestationRequest) -> Sequence[str]:
        """The gate's memory of claims: what this buyer was ever admitted to ask about the good and period."""
        with self._participant.store.reading() as connection:
            known = admitted_places(connection, claimed_good(request))
            restore = read_restore(connection)
        if not known and restore is not None and restore.decided == LOST:
            restored = datetime.fromtimestamp(restore.at, UTC).date().isoformat()
            if request.period_start <= restored:
                return (FORGOTTEN,)
        return known

    def _approvals(
        self, request: AttestationRequest, egress: EgressRequest
    ) -> Callable[[str], Sequence[Approval]]:
        """The gate's lookup: the stored approval of this request, as an envelope over what was asked."""

        def look_up(reference: str) -> Sequence[Approval]:
            with self._participant.store.reading() as connection:
                stored = approval_for(connection, request.importer, request.id)
            if stored is None or stored.reference != reference:
                return ()
            return (
                Approval(
                    reference=stored.reference,
                    recipient=stored.importer,
                    purpose=Purpose(stored.purpose),
                    form=egress.form,
                    subject=egress.subject,
                    items=frozenset((*DECLARATION_ITEMS, *request.items)),
                    expires=stored.expires_at,
                    max_uses=stored.uses_allowed,
                    uses=stored.uses,
                ),
            )

        return look_up


def _committed(egress: EgressRequest, form: str) -> EgressRequest:
    """The same with every result committed to, and opened to the recipient."""
    if form != Form.COMMITMENT or egress.threshold is not None:
        raise Refused(
            "request-form",
            found="results in a form that is not given out",
            expected=f"values, or the form {Form.COMMITMENT}",
            remedy="Ask for values, or with `query --committed`.",
        )
    subject = egress.subject
    results = tuple(sorted(ATTESTED_RESULTS & set(egress.items)))
    opened = tuple(OpenedFigure(output_path(subject.process, subject.cn, name), name) for name in results)
    return replace(egress, committed=results, opened=opened)


def _threshold(request: AttestationRequest, prepared: PreparedStatement) -> Threshold:
    """What is asked: table and good name the value, nobody chooses it."""
    ledger = prepared.stored.ledger
    table = PublishedTable(request.threshold)
    return Threshold(published_value(table, request.cn, ledger.country, ledger.period.end.year))
