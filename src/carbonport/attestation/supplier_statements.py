"""A supplier's verification statement with the leaves that commit to what the supplier keeps secret.

It stands in the evidence of a good that such a value went into: the reader of the evidence sees that a verifier signed
the commitment, and whose, but not the value. What ties it to the good is the signed graph, which names statement and
leaf.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from carbonport.attestation.commitments import ROLE_OUTPUT
from carbonport.attestation.committed_leaves import CommittedLeaf, read_committed_leaf
from carbonport.attestation.statement import MAX_STATEMENT_BYTES, statement_digest
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.crypto.group import Point
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.receipt import Receipt
from carbonport.errors import FailedVerification
from carbonport.footprint.graph import Committed

MAX_SUPPLIER_STATEMENTS = 64
"""Most suppliers' statements that one proof rests on."""

MAX_SUPPLIER_LEAVES = 8
"""Most leaves of one of them."""

RESULTS_BY_QUANTITY: Mapping[str, str] = {
    "precursor_committed_direct": "see_direct",
    "precursor_committed_indirect": "see_indirect",
}
"""Which result of the supplier's good a precursor's figure is."""


@dataclass(frozen=True, slots=True)
class SupplierStatement:
    """The supplier's statement as signed, the receipt of its verifier's log over it, and the leaves."""

    token: str
    receipt: Receipt
    leaves: tuple[CommittedLeaf, ...]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the statement."""
        return statement_digest(self.token)

    def to_json(self) -> Json:
        """As it stands in evidence."""
        return {
            "statement": self.token,
            "receipt": self.receipt.to_json(),
            "leaves": [leaf.to_json() for leaf in self.leaves],
        }


@dataclass(frozen=True, slots=True)
class SupplierValue:
    """A figure of the signed graph, and the leaf of a supplier's statement that the graph names for it."""

    node: Committed
    statement: SupplierStatement
    leaf: CommittedLeaf


@dataclass(frozen=True, slots=True, repr=False)
class OpenedSupplier:
    """What a customer has of a supplier: the statement with leaves, and what opens them, by leaf (hex). Secret."""

    statement: SupplierStatement
    openings: Mapping[str, Opening]


def shown_suppliers(
    suppliers: Sequence[OpenedSupplier], leaves: Collection[str]
) -> tuple[SupplierStatement, ...]:
    """The statements with those of their leaves (hex) that are asked for, each once; the others are left out."""
    found: dict[str, SupplierStatement] = {}
    for one in suppliers:
        wanted = [leaf for leaf in one.statement.leaves if leaf.entry.hex() in leaves]
        if wanted:
            known = found.get(one.statement.digest)
            kept = {leaf.entry: leaf for leaf in (*(known.leaves if known else ()), *wanted)}
            found[one.statement.digest] = replace(one.statement, leaves=tuple(kept.values()))
    return tuple(found[digest] for digest in sorted(found))


def read_supplier_statement(fields: StrictFields) -> SupplierStatement:
    """A supplier's statement out of evidence; nothing of it is believed yet."""
    return SupplierStatement(
        token=fields.text("statement", max_chars=MAX_STATEMENT_BYTES),
        receipt=Receipt.from_json(fields.value("receipt")),
        leaves=fields.each("leaves", read_committed_leaf, max_items=MAX_SUPPLIER_LEAVES),
    )


def supplier_values(
    nodes: Sequence[Committed], statements: Sequence[SupplierStatement]
) -> tuple[SupplierValue, ...]:
    """The leaf for each figure that the signed graph takes from a supplier; raises `FailedVerification` when one is
    missing, another than the graph names, or left over.

    That a verifier signed the leaf is for the reader of trust lists to check.
    """
    shown = {(one.digest, leaf.entry.hex()): (one, leaf) for one in statements for leaf in one.leaves}
    found = []
    for node in nodes:
        statement, leaf = shown.get((node.statement, node.leaf), (None, None))
        if statement is None or leaf is None:
            raise _other("no leaf of the supplier's statement that the signed graph names", node.path)
        label, result = leaf.label, RESULTS_BY_QUANTITY.get(node.path.rpartition("/")[2])
        if (label.role, label.unit, label.decimals, label.path.rpartition("/")[2]) != (
            ROLE_OUTPUT,
            node.unit,
            node.decimals,
            result,
        ):
            raise _other("a leaf about something else than the figure", node.path)
        found.append(SupplierValue(node, statement, leaf))
    used = {(value.node.statement, value.node.leaf) for value in found}
    if used != shown.keys() or len(shown) != sum(len(one.leaves) for one in statements):
        raise _other("a leaf that no figure of the graph is from", "suppliers")
    return tuple(found)


def supplier_commitments(values: Sequence[SupplierValue]) -> Mapping[str, Point]:
    """The commitments by leaf (hex), decoded: the leaves are the ones that the signed graph names."""
    return {value.node.leaf: Point.decode(value.leaf.commitment) for value in values}


def _other(found: str, where: str) -> FailedVerification:
    return FailedVerification(
        "supplier-leaf",
        found=found,
        expected="exactly the leaves that the signed graph names, as its figures are labelled",
        remedy="Do not rely on the result; ask the exporter for evidence under the current statement.",
        where=where,
    )
