"""The salted fields of a log entry: one root for all, each of them shown on its own or not at all.

A field leaf is `tuple_hash(FIELD_DOMAIN, salt, name, value)`, hashed into an RFC 6962 tree (leaf = SHA-256(00
|| .), node = SHA-256(01 || L || R)) whose leaves stand in the order of their names' UTF-8 bytes (the order
of code points). The salt, 32 fresh random bytes per field, keeps a reader of the root or of other fields from
guessing a value. One opened field proves that it is in the tree, not that no second field has its name: who
needs that takes all the fields and calls `fields_root`, which refuses repeated or unordered names.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.merkle import inclusion_proof, leaf_hash, tree_root, verify_inclusion
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Malformed, Misuse

FIELD_DOMAIN = "carbonport/log-field/v1"
"""Domain string of a field leaf."""

SALT_BYTES = 32
"""Length of a field's salt."""

MAX_NAME_BYTES = 200
"""Longest field name in UTF-8."""


@dataclass(frozen=True, slots=True)
class FieldLeaf:
    """One field in the open: its name, its value as bytes, and the salt that hid it.

    Raises `Malformed` for a salt of another length and for a name that is empty, too long or not printable.
    """

    name: str
    value: bytes = field(repr=False)
    salt: bytes = field(repr=False)

    def __post_init__(self) -> None:
        # A lone surrogate has no UTF-8 form, and is not printable.
        named = self.name.isprintable() and 0 < len(self.name.encode("utf-8")) <= MAX_NAME_BYTES
        if len(self.salt) != SALT_BYTES or not named:
            raise Malformed(
                "field-leaf",
                found=f"a salt of {len(self.salt)} bytes and a name of {len(self.name)} characters",
                expected=f"a salt of {SALT_BYTES} bytes and a printable name of 1 to {MAX_NAME_BYTES} bytes",
                remedy="Ask for it again; it was damaged, or its maker does not follow the format.",
            )


@dataclass(frozen=True, slots=True)
class OpenedField:
    """A field with the way from its leaf to the root of a tree of `size` fields."""

    leaf: FieldLeaf
    index: int
    size: int
    path: tuple[bytes, ...]


def salted_fields(values: Mapping[str, bytes], random_bytes: RandomBytes) -> tuple[FieldLeaf, ...]:
    """The fields in the order of the tree, each with a fresh salt."""
    return tuple(FieldLeaf(name, values[name], random_bytes(SALT_BYTES)) for name in sorted(values))


def leaf_digest(leaf: FieldLeaf) -> bytes:
    """The field's leaf hash in the tree, 32 bytes."""
    return leaf_hash(tuple_hash(FIELD_DOMAIN, leaf.salt, leaf.name, leaf.value))


def fields_root(leaves: Sequence[FieldLeaf]) -> bytes:
    """The root over all fields; raises `Malformed` unless their names are in order and all different."""
    names = [leaf.name for leaf in leaves]
    if any(earlier >= later for earlier, later in pairwise(names)):
        raise Malformed(
            "field-order",
            found="field names that repeat or are out of order",
            expected="each name once, in the order of its UTF-8 bytes",
            remedy="Ask for it again; its maker does not follow the format.",
        )
    return tree_root(map(leaf_digest, leaves))


def open_field(leaves: Sequence[FieldLeaf], name: str) -> OpenedField:
    """The field `name` with its proof, from all fields in order; raises `Misuse` when there is none."""
    index = next((index for index, leaf in enumerate(leaves) if leaf.name == name), None)
    if index is None:
        raise Misuse(
            "field-unknown",
            found="a name that no field of the entry has",
            expected="one of the entry's field names",
            remedy="Check the name; this is a defect of the calling program.",
            where=name,
        )
    digests = [leaf_digest(leaf) for leaf in leaves]

    def read(level: int, at: int) -> bytes:
        return tree_root(digests[at << level : (at + 1) << level])

    path = inclusion_proof(index, len(digests), read)
    return OpenedField(leaves[index], index, len(digests), tuple(path))


def verify_field(root: bytes, opened: OpenedField) -> None:
    """Raise `FailedVerification` unless the opened field is in the tree under `root`."""
    verify_inclusion(leaf_digest(opened.leaf), opened.index, opened.size, opened.path, root)
