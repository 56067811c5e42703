"""What goes in and out of the gate: requests, approvals, decisions, disclosures.

No type here has room for a value on the way in: a request names recipient, purpose, form, subject and items,
and the gate pulls what the names stand for.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from carbonport.classification.field_classes import FieldClass
from carbonport.classification.forms import Form, Pool, Purpose, Role
from carbonport.classification.grades import Grade
from carbonport.classification.thresholds import Threshold
from carbonport.crypto.canonical import Json
from carbonport.errors import Refused


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who is to receive: the id, role and jurisdiction that the trust list gives for the caller's key."""

    id: str
    role: Role
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Subject:
    """What it is about: a good of the ledger (process and CN), and the consignment that the ledger holds."""

    process: str
    cn: str
    consignment: str = ""


@dataclass(frozen=True, slots=True)
class OpenedFigure:
    """A figure that the proof beside the items opens: `place` is what it is called in the signed graph and in the log,
    `source` (a ledger path) what is decided about; it never leaves."""

    place: str
    source: str


@dataclass(frozen=True, slots=True)
class EgressRequest:
    """One request to let items leave. `approval` is the reference of a stored approval, or empty; `opened` are figures
    that a proof of the items opens, decided like them. With `threshold` the form is banded: of the one result it tells
    that it is at most the published value; a name has no band, so everything else is decided, and told, as it stands.

    `committed` names results that leave in the form of a commitment, in the place of their values. What opens them goes
    to the recipient alone: they stand among `opened` too, decided as values.

    `pool` belongs to the form *model update* alone: what the contribution goes into.

    `named_by_recipient`: the consignment's name and mass are the recipient's own words, which tell it nothing; whether
    they resemble something protected must not show in the answer.
    """

    recipient: Recipient
    purpose: Purpose
    form: Form
    subject: Subject
    items: tuple[str, ...]
    approval: str = ""
    named_by_recipient: bool = False
    opened: tuple[OpenedFigure, ...] = ()
    threshold: Threshold | None = None
    committed: tuple[str, ...] = ()
    pool: Pool | None = None

    def form_of(self, name: str) -> Form:
        """The form in which an item would leave."""
        if name in self.committed:
            return Form.COMMITMENT
        if self.threshold is None:
            return self.form
        return Form.BANDED if name == self.threshold.item else Form.RAW


@dataclass(frozen=True, slots=True)
class Approval:
    """A person's stored approval: an envelope with counters.

    `expires` is in unix seconds and no longer covers that second. `uses` counts the disclosures made under it
    so far; the node raises it in the transaction that logs the disclosure.
    """

    reference: str
    recipient: str
    purpose: Purpose
    form: Form
    subject: Subject
    items: frozenset[str]
    expires: int
    max_uses: int
    uses: int


Approvals = Callable[[str], Sequence[Approval]]
"""All stored approvals under a reference; the gate demands exactly one that covers the request."""

Seal = Callable[[Mapping[str, Json]], bytes]
"""Turns the gate's claims into the signed message. It adds what it must, and never takes a value from
elsewhere."""


@dataclass(frozen=True, slots=True)
class ItemDecision:
    """The decision about one item. `policies` are the ids of the Cedar policies that decided."""

    name: str
    field_class: FieldClass
    grade: Grade
    form: Form
    allowed: bool
    reason: str
    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision as it is recorded, allowed or not: enough to repeat it with the files that `policy_hash`
    names.

    `id` is 16 random bytes in hex, `time` unix seconds, `disclosure` the digest of what it is about (empty
    when nothing was composed), `approval` the reference that was used.
    """

    id: str
    time: int
    policy_hash: str
    recipient: Recipient
    purpose: Purpose
    form: Form
    subject: Subject
    items: tuple[ItemDecision, ...]
    allowed: bool
    reason: str
    approval: str = ""
    disclosure: str = ""

    def as_json(self) -> dict[str, Json]:
        """The decision as log and inbox keep it; it never holds a value."""
        return {
            "id": self.id,
            "time": self.time,
            "policy_hash": self.policy_hash,
            "recipient": self.recipient.id,
            "role": str(self.recipient.role),
            "jurisdiction": self.recipient.jurisdiction,
            "purpose": str(self.purpose),
            "form": str(self.form),
            "process": self.subject.process,
            "cn": self.subject.cn,
            "consignment": self.subject.consignment,
            "allowed": self.allowed,
            "reason": self.reason,
            "approval": self.approval,
            "disclosure": self.disclosure,
            "items": [
                {
                    "name": item.name,
                    "class": str(item.field_class),
                    "grade": str(item.grade),
                    "form": str(item.form),
                    "allowed": item.allowed,
                    "reason": item.reason,
                    "policies": list(item.policies),
                }
                for item in self.items
            ],
        }


@dataclass(frozen=True, slots=True, repr=False)
class Composed:
    """What the gate composed and has not finished: the claims are what a seal signs and a proof is made of."""

    request: EgressRequest
    decision: Decision
    claims: Mapping[str, Json]
    own_words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CrossedItem:
    """One item of a disclosure, as the egress log keeps it."""

    name: str
    field_class: FieldClass
    grade: Grade
    form: Form
    reason: str
    decision_id: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What may leave: finished bytes, the items in them, and the decision that let them.

    The node stores it as it is; `payload` goes out unchanged. `approval` is the reference to count, or empty.
    """

    payload: bytes
    items: tuple[CrossedItem, ...]
    policy_hash: str
    decision_id: str
    recipient: str
    purpose: Purpose
    form: Form
    subject: Subject
    approval: str = ""
    digest: str = field(init=False)
    """SHA-256 of the payload in hex. The payload holds the random decision id, so the digest can be
    published."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "digest", hashlib.sha256(self.payload).hexdigest())


NAMED_ITEMS = 5
"""Items that a refusal's message names; its decision has them all."""


class EgressRefused(Refused):
    """The gate said no; `decision` is what the node records. Nothing was composed that could leave."""

    def __init__(self, decision: Decision) -> None:
        """The message names items and reasons, never values."""
        self.decision = decision
        refused = [item for item in decision.items if not item.allowed]
        named = "; ".join(
            f"{item.name} ({item.field_class}, {item.grade}): {item.reason}" for item in refused[:NAMED_ITEMS]
        )
        super().__init__(
            "egress-refused",
            found=named or decision.reason,
            expected="items that table and policy let this recipient have in this form for this purpose",
            remedy="Ask for less, or for a proof; ask the exporter quoting the decision.",
            where=f"decision {decision.id}",
        )
