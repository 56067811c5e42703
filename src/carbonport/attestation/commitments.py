"""From ledger and graphs to committed leaves: what a verification statement signs, without saying an amount.

Every figure that a good's signed graphs take, and every declared result of it, becomes a Pedersen commitment
(BLS12-381 G1) in a salted leaf

    leaf = TupleHash256("carbonport/statement-leaf/v1", salt, path, role, unit, decimals, bits, commitment)

and the leaves, in the order of role and path, an RFC 6962 tree whose root the statement signs. One leaf can
be shown with its path in the tree, and says nothing about the others. Leaves have no names of fuels or materials:
their paths are places (`carbonport.attestation.shown_graph`). Inputs are the ledger's *declared* values; the role
`output` is for the rounded results (`good/<process>/<cn>/see_direct`, ...), so that opening one shows that the
verifier signed exactly this number. Values are always declared ones, never source values.

Blindings and salts are derived from the period key and the statement's nonce (fresh for every statement
version), so that nothing but the period key has to be kept, and deleting it deletes them. Whoever knows the
period key opens everything. A commitment hides perfectly; it binds while discrete logarithms in G1 are hard.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from carbonport.crypto.group import Point
from carbonport.crypto.merkle import leaf_hash, tree_root
from carbonport.crypto.pedersen import Opening, commit, derive_blinding
from carbonport.crypto.tuplehash import kmac256, tuple_hash
from carbonport.errors import Misuse
from carbonport.footprint.ledger import Period

LEAF_DOMAIN = "carbonport/statement-leaf/v1"
"""Domain string of a leaf."""

SALT_DOMAIN = "carbonport/statement-leaf-salt/v1"
"""Domain string of a derived salt."""

SALT_BYTES = 32
"""Length of a leaf's salt."""

NONCE_BYTES = 32
"""Length of a statement version's nonce."""

MAX_LEAVES = 2_000_000
"""Most leaves of one statement."""

ROLE_INPUT = "input"
"""A figure that a signed graph takes: one of the ledger, or a sealed one."""

ROLE_OUTPUT = "output"
"""A declared, rounded result of a good's graph."""

OUTPUT_BITS = 48
"""Declared width of a result: 2^48 units of the fifth decimal, 2.8e9 t CO2e per tonne, is out of reach."""

OUTPUT_PREFIX = "good/"
"""Paths of results begin so; a ledger's record must not."""


@dataclass(frozen=True, slots=True, order=True)
class LeafLabel:
    """What a leaf says of its hidden value: an integer of `bits` bits in units of 10^-`decimals` `unit`."""

    role: str
    path: str
    unit: str
    decimals: int
    bits: int


def leaf_entry(label: LeafLabel, salt: bytes, commitment: bytes) -> bytes:
    """A leaf as the tree takes it (64 bytes), from its commitment's encoding: nothing has to be decoded to hash it."""
    fields = (label.path, label.role, label.unit, label.decimals, label.bits)
    return tuple_hash(LEAF_DOMAIN, salt, *fields, commitment)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A label and the commitment to its value."""

    label: LeafLabel
    commitment: Point
    salt: bytes

    def entry(self) -> bytes:
        """The leaf as the tree takes it: 64 bytes."""
        return leaf_entry(self.label, self.salt, self.commitment.encode())

    def hash(self) -> bytes:
        """The RFC 6962 leaf hash."""
        return leaf_hash(self.entry())


@dataclass(frozen=True, slots=True, repr=False)
class LeafOpening:
    """A label with its value (an integer, in units of the last decimal), blinding and salt. Secret."""

    label: LeafLabel
    value: int
    blinding: int
    salt: bytes

    def __repr__(self) -> str:
        return f"LeafOpening({self.label!r}, ...)"

    def leaf(self) -> Leaf:
        """The leaf that this opens: the commitment is computed anew."""
        return Leaf(self.label, commit(Opening(self.value, self.blinding)), self.salt)


@dataclass(frozen=True, slots=True)
class LabelledValue:
    """A label and the declared integer that belongs under it. The value is secret."""

    label: LeafLabel
    value: int


def period_text(period: Period) -> str:
    """A reporting period as an ISO 8601 interval, as it enters blindings, leaves and claims."""
    return f"{period.start.isoformat()}/{period.end.isoformat()}"


def output_path(process: str, cn: str, name: str) -> str:
    """The path of a good's declared result, such as `see_direct`."""
    return f"{OUTPUT_PREFIX}{process}/{cn}/{name}"


def commit_values(
    values: Iterable[LabelledValue], *, period: Period, period_key: bytes, nonce: bytes
) -> tuple[LeafOpening, ...]:
    """Openings with blindings and salts of this statement version (`nonce`), in the order given."""
    _require_nonce(nonce)
    return tuple(
        LeafOpening(
            label=item.label,
            value=item.value,
            blinding=derive_blinding(
                period_key,
                nonce=nonce,
                path=item.label.path,
                period=period_text(period),
                unit=item.label.unit,
                decimals=item.label.decimals,
                value=item.value,
            ),
            salt=kmac256(
                period_key,
                tuple_hash(SALT_DOMAIN, nonce, item.label.role, item.label.path, period_text(period)),
                SALT_BYTES,
            ),
        )
        for item in values
    )


def leaves_root(leaves: Iterable[Leaf]) -> bytes:
    """The root of the tree over the leaves, in the order given."""
    return tree_root(leaf.hash() for leaf in leaves)


def _require_nonce(nonce: bytes) -> None:
    if len(nonce) != NONCE_BYTES:
        raise Misuse(
            "statement-nonce",
            found=f"a nonce of {len(nonce)} bytes",
            expected=f"{NONCE_BYTES} fresh random bytes for every version of a statement",
            remedy="Draw it from the node's random source.",
        )


def by_path(openings: Iterable[LeafOpening]) -> Mapping[str, LeafOpening]:
    """Openings by path; paths are unique over both roles."""
    return {opening.label.path: opening for opening in openings}
