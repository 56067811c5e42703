"""The egress gate: it decides, pulls, composes and serialises; nothing else makes a message that leaves.

A caller names items and never hands in a value. The gate finds each item in the graded ledger or the
evaluated results, demands that the grading table and the Cedar policy both let this role have this class and
grade in this form for this purpose, and only then reads the values, writes the message itself and gives it
out as finished bytes.

Refuses closed: an unknown item, a missing attribute, a value that cannot be written exactly, an approval that
does not hold, an error anywhere, and the whole request is refused, with a decision to record. One refused
item refuses all.

Composes raw values, and one interval: that a result is at most a published value (`thresholds`). A proof is made
of composed claims by its own room; which figures it opens is decided here, and they count as items that cross.
Commitments, aggregates and model updates are decided with `assess`. Not covered: what several disclosures tell
together.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from types import MappingProxyType

from carbonport.classification.approvals import approval_problem, no_approvals
from carbonport.classification.derivability import tells_closed
from carbonport.classification.egress import (
    Approvals,
    Composed,
    CrossedItem,
    Decision,
    Disclosure,
    EgressRefused,
    EgressRequest,
    ItemDecision,
    OpenedFigure,
    Seal,
    Subject,
)
from carbonport.classification.forms import Form, Purpose, Role
from carbonport.classification.graded_ledger import GradedLedger
from carbonport.classification.hidden_values import looks_packed
from carbonport.classification.item_decisions import MAX_ITEMS, ItemDecider, unknown_item
from carbonport.classification.items import (
    DECLARATION_ITEMS,
    REQUIRED_DECLARATION_ITEMS,
    Item,
    ItemSource,
)
from carbonport.classification.policy import Policy
from carbonport.classification.results import Results
from carbonport.classification.thresholds import Admitted, Threshold, no_memory, threshold_problem
from carbonport.crypto.ambient import Clock, RandomBytes
from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.errors import CarbonportError, Misuse
from carbonport.footprint.cbam.precursors import SUPPLIER_STATEMENT
from carbonport.footprint.graph import Committed, Graph

CLAIMS_VERSION = 1

MAX_PAYLOAD_BYTES = 1024 * 1024
"""Length of a finished message."""

MAX_OPENED_FIGURES = 512
"""Figures that one proof opens: each is decided and logged. What is beyond stays closed."""

DECISION_ID_BYTES = 16

AS_IF_APPROVED = "as-if-approved"
"""Stands for the reference in a decision that only asks what an approval would change."""

ROLES, PURPOSES, FORMS = frozenset(Role), frozenset(Purpose), frozenset(Form)

RECIPIENT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9./:_-]{0,99}")
JURISDICTION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,31}")

RECIPIENTS_OWN_ITEMS = ("consignment", "net_mass")
"""Items whose text the recipient may have written itself, in its request."""

COMMITTED: Mapping[str, Json] = MappingProxyType({"form": str(Form.COMMITMENT)})
"""Stands in a message in the place of a result that is committed to."""

ALLOWED = "Every item may leave."
REFUSED = "At least one item may not leave."
NOT_COMPOSED = "This gate writes raw values and thresholds; other forms come from the rooms that make them."
ABOVE_THRESHOLD = "The result is above the published value."
FORM_OF_THRESHOLD = "A threshold is asked for in the banded form."
POOL_OF_UPDATE = "A model update, and nothing else, goes into a training's cohort."
COMMITTED_BESIDE = "Commitments stand in the place of results that are asked for, beside raw values."
HIDDEN_IN_TEXT = "A name in it carries the digits of a protected value."
HIDDEN_IN_PAYLOAD = "The message would show the digits of a protected value."
NO_MESSAGE = "No message of a permitted size came back from the signer."


class Gate:
    """The gate over one graded ledger and its results. Immutable but for what it remembers of pure decisions.

    `home` is the node's own jurisdiction, as the trust list writes it; `approvals` looks up stored approvals,
    `admitted` the thresholds that a recipient was ever admitted to ask about the good in question.
    """

    def __init__(
        self,
        policy: Policy,
        graded: GradedLedger,
        results: Results,
        *,
        home: str,
        clock: Clock,
        random_bytes: RandomBytes,
        approvals: Approvals = no_approvals,
        admitted: Admitted = no_memory,
    ) -> None:
        """Raises `Misuse` when policy, ledger and results are not of one piece."""
        if results.graded.plant is not graded.plant or graded.table.data != policy.table.data or not home:
            raise Misuse(
                "gate-parts-disagree",
                found="results of another graded ledger, another grading table, or no jurisdiction",
                expected="one ledger, graded once with the policy's own table, and the node's jurisdiction",
                remedy="Grade the ledger with policy.table; evaluate the results from that graded ledger.",
            )
        self._policy, self._results = policy, results
        self._source = ItemSource(graded, results)
        self._clock, self._random_bytes = clock, random_bytes
        self._approvals, self._admitted = approvals, admitted
        self._decider = ItemDecider(policy, self._source, home=home)

    def release(self, request: EgressRequest, seal: Seal | None = None) -> Disclosure:
        """Compose what `request` names and finish it at once, or raise `EgressRefused` with the decision to record.

        Without `seal` the payload is the canonical JSON of the claims; with it, what `seal` makes of them.
        """
        return self.finish(self.compose(request), seal)

    def compose(self, request: EgressRequest) -> Composed:
        """Pull what `request` names; raises `EgressRefused` with the decision to record.

        Between composing and finishing a proof may be made of the claims: it takes time, and no value from elsewhere.
        """
        decision = self._decided(request, counted=False)
        if not decision.allowed:
            raise EgressRefused(decision)
        if request.form is not Form.RAW and request.threshold is None:
            raise EgressRefused(_turned_down(decision, NOT_COMPOSED))
        with _refusing(decision):
            return self._composed(request, decision)

    def finish(self, composed: Composed, seal: Seal | None = None) -> Disclosure:
        """The finished message of what was composed, searched once more; raises `EgressRefused`."""
        request, decision = composed.request, composed.decision
        with _refusing(decision):
            payload = canonical_bytes(composed.claims) if seal is None else bytes(seal(composed.claims))
            if not 0 < len(payload) <= MAX_PAYLOAD_BYTES:
                raise EgressRefused(_turned_down(decision, NO_MESSAGE))
            hidden = self._results.hidden_from(request.recipient.role, approved=bool(decision.approval))
            if hidden.in_payload(payload, own_words=composed.own_words):
                raise EgressRefused(_turned_down(decision, HIDDEN_IN_PAYLOAD))
        return Disclosure(
            payload=payload,
            items=tuple(
                CrossedItem(item.name, item.field_class, item.grade, item.form, item.reason, decision.id)
                for item in decision.items
            ),
            policy_hash=decision.policy_hash,
            decision_id=decision.id,
            recipient=request.recipient.id,
            purpose=request.purpose,
            form=request.form,
            subject=request.subject,
            approval=decision.approval,
        )

    def opened_in_proof(
        self, request: EgressRequest, graph: Graph, results: Collection[str], sources: Mapping[str, str]
    ) -> tuple[OpenedFigure, ...]:
        """The figures that a proof of `results` from `graph` may open for this recipient.

        `sources` says of each input's path where the figure is from: a ledger path, or a node signed as a figure. A
        figure is opened when table and policy let its value leave, and none is when the opened ones would tell a
        closed one. One that a supplier keeps secret is never opened: its supplier's statement is shown. Every other one
        has to be let into a proof. Raises `EgressRefused` when one is not.
        """
        decision = self._decided(request, counted=False)
        if not decision.allowed:
            raise EgressRefused(decision)
        opened: list[OpenedFigure] = []
        shown_too: list[OpenedFigure] = []
        with _refusing(decision):
            for node in graph.inputs():
                source = sources[node.path]
                if isinstance(node, Committed):
                    shown_too.append(self._supplier_shown(node, source, request, decision))
                elif self._decider.figure(source, request, Form.RAW, decision.approval).allowed:
                    opened.append(OpenedFigure(node.path, source))
                proved = self._decider.figure(source, request, Form.PROOF, decision.approval)
                if not proved.allowed:
                    shown = replace(proved, name=node.path)
                    refused = replace(
                        decision, items=(*decision.items, shown), allowed=False, reason=proved.reason
                    )
                    raise EgressRefused(refused)
            opened = opened[:MAX_OPENED_FIGURES]
            if tells_closed(graph, results, [figure.place for figure in opened]):
                opened = []
        return (*opened, *shown_too)

    def _supplier_shown(
        self, node: Committed, source: str, request: EgressRequest, decision: Decision
    ) -> OpenedFigure:
        """A value that its supplier keeps secret stays closed; what is shown for it is the supplier's statement."""
        place = f"{node.path.rpartition('/')[0]}/{SUPPLIER_STATEMENT}"
        statement = f"{source.rpartition('/')[0]}/{SUPPLIER_STATEMENT}"
        shown = self._decider.figure(statement, request, Form.RAW, decision.approval)
        if not shown.allowed:
            items = (*decision.items, replace(shown, name=place))
            raise EgressRefused(replace(decision, items=items, allowed=False, reason=shown.reason))
        return OpenedFigure(place, statement)

    def decide(self, request: EgressRequest, disclosure: Disclosure) -> Decision:
        """Decide anew that a stored `disclosure` may cross to `request.recipient`: for every fetch, and
        cheap.

        The request has to be the disclosure's own (recipient, purpose, form, subject, items, approval);
        today's policy, grades and approval decide. Raises `EgressRefused`; else the decision names the
        disclosure's digest.
        """
        decision = self._decided(request, counted=True, disclosure=disclosure)
        if not decision.allowed:
            raise EgressRefused(decision)
        return decision

    def assess(self, request: EgressRequest, *, as_if_approved: bool = False) -> Decision:
        """What table and policy say to `request`, without composing anything and without raising.

        With `as_if_approved` it tells what an approval would change: refused either way, or a case for a
        person.
        """
        return self._decided(request, counted=False, as_if_approved=as_if_approved)

    def declaration_items(self, subject: Subject) -> tuple[str, ...]:
        """The items of a CBAM declaration that exist for `subject`; required ones are named even when
        absent."""
        return tuple(
            name
            for name in DECLARATION_ITEMS
            if name in REQUIRED_DECLARATION_ITEMS or self._source.find(name, subject) is not None
        )

    def _decided(
        self,
        request: EgressRequest,
        *,
        counted: bool,
        as_if_approved: bool = False,
        disclosure: Disclosure | None = None,
    ) -> Decision:
        now = self._clock()
        problem = _request_problem(request)
        if not problem and disclosure is not None:
            problem = _fetch_problem(request, disclosure)
        items: tuple[ItemDecision, ...] = ()
        approval = AS_IF_APPROVED if as_if_approved else request.approval
        if not problem:
            try:
                if request.approval and not as_if_approved:
                    problem = approval_problem(request, self._approvals, now, counted=counted)
                if request.threshold is not None and not problem:
                    before = self._admitted(request.recipient.id)
                    problem = threshold_problem(request.threshold, request.items, before)
                items = self._decider.decide(request, "" if problem else approval)
            except Exception as error:  # noqa: BLE001 - an error in a check is a refusal
                problem = f"A check failed: {type(error).__name__}."
        if problem:
            items = items or tuple(unknown_item(name, request) for name in request.items[:MAX_ITEMS])
            items = tuple(replace(item, allowed=False, reason=problem) for item in items)
        allowed = not problem and bool(items) and all(item.allowed for item in items)
        return Decision(
            id=self._random_bytes(DECISION_ID_BYTES).hex(),
            time=now,
            policy_hash=self._policy.hash,
            recipient=request.recipient,
            purpose=request.purpose,
            form=request.form,
            subject=request.subject,
            items=items,
            allowed=allowed,
            reason=problem or (ALLOWED if allowed else REFUSED),
            approval=approval if not problem else "",
            disclosure=disclosure.digest if disclosure is not None else "",
        )

    def _composed(self, request: EgressRequest, decision: Decision) -> Composed:
        """The claims, once nothing in them tells what must not show."""
        items = [self._source.find(name, request.subject) for name in request.items]
        found = [item for item in items if item is not None]
        hidden = self._results.hidden_from(request.recipient.role, approved=bool(decision.approval))
        values: dict[str, Json] = {
            item.name: dict(COMMITTED) if item.name in request.committed else item.read()
            for item in found  # bounded and checked first
        }
        published: tuple[str, ...] = ()
        if request.threshold is not None:
            published = _bound(values, request.threshold, decision)
        # What the recipient wrote itself is not searched: a refusal would answer its guesses, one after the other.
        own_items = RECIPIENTS_OWN_ITEMS if request.named_by_recipient else ()
        own_words = (*(str(values[name]) for name in own_items if name in values), *published)
        if _carries_text([item for item in found if item.name not in own_items], hidden.in_text):
            raise EgressRefused(_turned_down(decision, HIDDEN_IN_TEXT))
        if hidden.in_payload(canonical_bytes(values), own_words=own_words):
            raise EgressRefused(_turned_down(decision, HIDDEN_IN_PAYLOAD))
        claims: Mapping[str, Json] = {
            "v": CLAIMS_VERSION,
            "purpose": str(request.purpose),
            "recipient": request.recipient.id,
            "decision": decision.id,
            "items": values,
        }
        return Composed(request, decision, claims, own_words)


def _bound(values: dict[str, Json], threshold: Threshold, decision: Decision) -> tuple[str, ...]:
    """Put the bound in the place of the result, or refuse; gives the texts in it, which are published."""
    if Decimal(str(values[threshold.item])) > Decimal(threshold.value.value):
        raise EgressRefused(_turned_down(decision, ABOVE_THRESHOLD))
    values[threshold.item] = threshold.as_item()
    return (threshold.value.value, threshold.value.version, threshold.value.row)


@contextmanager
def _refusing(decision: Decision) -> Iterator[None]:
    """Whatever goes wrong refuses the request; nothing of an error but its id or type is told, for it may hold a
    value."""
    try:
        yield
    except EgressRefused:
        raise
    except CarbonportError as error:
        raise EgressRefused(_turned_down(decision, f"It could not be composed: {error.id}.")) from None
    except Exception as error:  # noqa: BLE001 - nothing leaves; its message may hold a value
        reason = f"It could not be composed: {type(error).__name__}."
        raise EgressRefused(_turned_down(decision, reason)) from None


def _carries_text(items: list[Item], carries: Callable[[str], bool]) -> bool:
    """Whether a name in `items`, or all of them in a row, carries what it must not."""
    names = [name for item in items for name in item.names]
    return any(carries(text) or looks_packed(text) for text in (*names, "".join(names)))


def _request_problem(request: EgressRequest) -> str:
    """Why the request as such cannot be decided, or nothing."""
    recipient = request.recipient
    if recipient.role not in ROLES or request.purpose not in PURPOSES:
        return "The role or the purpose is not one that the policy knows."
    if request.form not in FORMS:
        return "The form is not one that the policy knows."
    if request.threshold is not None and request.form is not Form.BANDED:
        return FORM_OF_THRESHOLD
    if request.committed and (
        request.form is not Form.RAW or not set(request.committed) <= set(request.items)
    ):
        return COMMITTED_BESIDE
    if (request.form is Form.MODEL_UPDATE) != (request.pool is not None):
        return POOL_OF_UPDATE
    if not (RECIPIENT_ID.fullmatch(recipient.id) and JURISDICTION.fullmatch(recipient.jurisdiction)):
        return "The recipient's id or jurisdiction is missing or is not one."
    if not request.items or len(request.items) > MAX_ITEMS:
        return f"A request names 1 to {MAX_ITEMS} items."
    if len(request.opened) > MAX_OPENED_FIGURES:
        return f"A proof opens at most {MAX_OPENED_FIGURES} figures."
    if len(set(request.items)) != len(request.items):
        return "An item is named twice."
    return ""


def _fetch_problem(request: EgressRequest, disclosure: Disclosure) -> str:
    """Why the stored disclosure is not what the request is about, or nothing."""
    asked = (request.recipient.id, request.purpose, request.form, request.subject, request.approval)
    stored = (
        disclosure.recipient,
        disclosure.purpose,
        disclosure.form,
        disclosure.subject,
        disclosure.approval,
    )
    named = (*request.items, *(figure.place for figure in request.opened))
    if asked != stored or named != tuple(item.name for item in disclosure.items):
        return "The disclosure was composed for another request."
    return ""


def _turned_down(decision: Decision, reason: str) -> Decision:
    """An allowed decision that became a refusal while the message was composed."""
    items = tuple(replace(item, allowed=False, reason=reason) for item in decision.items)
    return replace(decision, items=items, allowed=False, reason=reason)
