"""The salted fields of a log entry: each opens alone, none can be guessed, swapped or doubled."""

from dataclasses import replace
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.ambient import system_random
from carbonport.crypto.fieldtree import (
    MAX_NAME_BYTES,
    FieldLeaf,
    fields_root,
    leaf_digest,
    open_field,
    salted_fields,
    verify_field,
)
from carbonport.crypto.merkle import EMPTY_ROOT, leaf_hash, node_hash
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import FailedVerification, Malformed, Misuse

names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8)
entries = st.dictionaries(names, st.binary(max_size=20), min_size=1, max_size=9)
SALT = bytes(range(32))


@given(entries)
@settings(max_examples=40)
def test_every_field_opens_alone(values: dict[str, bytes]) -> None:
    leaves = salted_fields(values, system_random)
    root = fields_root(leaves)
    assert {leaf.name: leaf.value for leaf in leaves} == values
    for name in values:
        opened = open_field(leaves, name)
        assert opened.leaf.value == values[name]
        verify_field(root, opened)


@given(entries, st.data())
@settings(max_examples=40)
def test_nothing_of_an_opened_field_can_be_changed(values: dict[str, bytes], data: st.DataObject) -> None:
    leaves = salted_fields(values, system_random)
    root = fields_root(leaves)
    opened = open_field(leaves, data.draw(st.sampled_from(sorted(values))))
    leaf = opened.leaf
    changed = [
        replace(opened, leaf=replace(leaf, value=leaf.value + b"x")),
        replace(opened, leaf=replace(leaf, name=leaf.name + "x")),
        replace(opened, leaf=replace(leaf, salt=SALT)),
        replace(opened, path=(*opened.path, SALT)),
        replace(opened, index=opened.size),
    ]
    for other in changed:
        with pytest.raises(FailedVerification):
            verify_field(root, other)
    with pytest.raises(FailedVerification):
        verify_field(SALT, opened)


def test_the_tree_is_that_of_rfc_6962_over_tuple_hashes() -> None:
    salts = count()
    leaves = salted_fields({"b": b"2", "a": b"1"}, lambda length: bytes([next(salts)]) * length)
    first = leaf_hash(tuple_hash("carbonport/log-field/v1", bytes(32), "a", b"1"))
    second = leaf_hash(tuple_hash("carbonport/log-field/v1", b"\x01" * 32, "b", b"2"))
    assert [leaf_digest(leaf) for leaf in leaves] == [first, second]
    assert fields_root(leaves) == node_hash(first, second)
    assert fields_root([]) == EMPTY_ROOT


def test_names_stand_in_the_order_of_their_bytes() -> None:
    leaves = salted_fields(dict.fromkeys(["\U0001f600", "\ufb33", "z", "Z"], b""), system_random)
    encoded = [leaf.name.encode() for leaf in leaves]
    assert encoded == sorted(encoded)


@pytest.mark.parametrize("order", [("a", "a"), ("b", "a"), ("a", "b", "a")])
def test_a_name_stands_once_and_in_order(order: tuple[str, ...]) -> None:
    with pytest.raises(Malformed, match="field-order"):
        fields_root([FieldLeaf(name, b"", SALT) for name in order])


@pytest.mark.parametrize(
    ("name", "salt"),
    [
        ("a", SALT[:31]),
        ("a", b""),
        ("", SALT),
        ("é" * (MAX_NAME_BYTES // 2 + 1), SALT),
        ("a\n", SALT),
        ("\ud800", SALT),
    ],
)
def test_leaves_out_of_shape_are_refused(name: str, salt: bytes) -> None:
    with pytest.raises(Malformed, match="field-leaf"):
        FieldLeaf(name, b"", salt)


def test_values_and_salts_are_not_shown() -> None:
    text = repr(FieldLeaf("net_mass", b"1234567.8", SALT))
    assert "1234567" not in text
    assert repr(SALT) not in text


def test_unknown_names_are_misuse() -> None:
    with pytest.raises(Misuse, match="field-unknown"):
        open_field(salted_fields({"a": b""}, system_random), "b")
