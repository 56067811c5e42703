"""Receipts and bodies: everything recomputes, and every change is told apart by its own error."""

import os
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from carbonport.crypto.canonical import Json, canonical_bytes, parse_json
from carbonport.crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from carbonport.crypto.fieldtree import FieldLeaf, fields_root, leaf_digest, salted_fields
from carbonport.crypto.log_body import Body, SealedBody, open_body, open_with_key, seal_body
from carbonport.crypto.log_entry import Entry, EntryType, Event, FieldName, log_leaf, payload_digest
from carbonport.crypto.merkle import leaf_hash, tree_root
from carbonport.crypto.notes import TYPE_COSIGNATURE, NoteSigner
from carbonport.crypto.receipt import Receipt, verify_receipt
from carbonport.crypto.sealing import hpke_generate
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse

ORIGIN = "exporter.example/log"
EXCHANGE = "00112233445566778899aabbccddeeff"
PAYLOAD = b'{"see_direct":"1.93321"}'
LOG = NoteSigner.generate(ORIGIN)
WITNESS = NoteSigner.generate("regulator.example", TYPE_COSIGNATURE)
POLICY = WitnessPolicy.of(1, [WITNESS.verifier])
NO_WITNESS = WitnessPolicy.of(0, [])
FIELDS = {
    FieldName.PAYLOAD: payload_digest(PAYLOAD),
    FieldName.RECIPIENT: b"DE/529900IMPORTER00001",
    FieldName.PURPOSE: b"cbam-declaration",
}


def logged(kind: EntryType = EntryType.CROSSING) -> tuple[Event, bytes, tuple[FieldLeaf, ...]]:
    leaves = salted_fields(FIELDS, os.urandom)
    return Event(kind, EXCHANGE, 1_790_000_000, fields_root(leaves)), os.urandom(32), leaves


def receipt(*, cosigned: bool = True, kind: EntryType = EntryType.CROSSING) -> Receipt:
    """The entry stands at index 1 of 2."""
    event, key, leaves = logged(kind)
    before = leaf_hash(b"an earlier entry")
    leaf = Entry.of(event, key).tree_leaf
    note = sign_checkpoint(Checkpoint(ORIGIN, 2, tree_root([before, leaf])), LOG)
    if cosigned:
        note = cosign(note, WITNESS, 1_790_000_100)
    shown = tuple(each if each.name != FieldName.PURPOSE else leaf_digest(each) for each in leaves)
    return Receipt(1, (before,), note, event.encode(), key, shown)


def check(
    each: Receipt, payload: bytes = PAYLOAD, policy: WitnessPolicy = POLICY, **more: object
) -> int | None:
    expected = {FieldName.RECIPIENT: FIELDS[FieldName.RECIPIENT]}
    return verify_receipt(
        each,
        log_key=LOG.verifier,
        policy=policy,
        payload=payload,
        expected=more.pop("expected", expected),  # type: ignore[arg-type]
        **more,  # type: ignore[arg-type]
    )


def test_a_receipt_holds_and_gives_the_time_of_the_quorum() -> None:
    each = receipt()
    assert check(each, exchange=EXCHANGE) == 1_790_000_100
    assert check(Receipt.decode(each.encode())) == 1_790_000_100
    assert check(receipt(cosigned=False), policy=NO_WITNESS) is None


@pytest.mark.parametrize("name", ["payload", "Empfänger", 'quo"ted\\', "名"])
def test_the_encoding_written_by_hand_is_the_canonical_one(name: str) -> None:
    each = receipt()
    fields = (FieldLeaf(name, b"\xff\xfe\xfd?>", bytes(32)), *each.fields[2:])
    for shown in (each, replace(each, fields=fields), replace(each, proof=(), index=2**40)):
        assert shown.encode() == canonical_bytes(shown.to_json())


def test_a_receipt_shows_only_what_was_opened() -> None:
    data = receipt().encode()
    assert b"cbam-declaration" not in data
    assert FieldName.PURPOSE not in Receipt.decode(data).opened()
    assert "key" not in repr(receipt()) or receipt().key.hex() not in repr(receipt())


def test_without_the_quorum_it_is_provisional_after_all_other_checks() -> None:
    with pytest.raises(FailedVerification) as caught:
        check(receipt(cosigned=False))
    assert caught.value.id == "receipt-provisional"
    with pytest.raises(FailedVerification) as caught:
        check(receipt(cosigned=False), payload=PAYLOAD + b" ")
    assert caught.value.id == "receipt-payload"


@pytest.mark.parametrize(
    ("error_id", "arguments"),
    [
        ("receipt-payload", {"payload": PAYLOAD + b" "}),
        ("receipt-field", {"expected": {FieldName.RECIPIENT: b"DE/529900IMPORTER00002"}}),
        ("receipt-field", {"expected": {FieldName.PURPOSE: FIELDS[FieldName.PURPOSE]}}),
        ("receipt-event", {"exchange": EXCHANGE[::-1]}),
        ("receipt-event", {"entry_type": EntryType.STATEMENT}),
    ],
)
def test_what_the_receiver_knows_must_be_what_was_logged(error_id: str, arguments: dict[str, object]) -> None:
    with pytest.raises(FailedVerification) as caught:
        check(receipt(), **arguments)  # type: ignore[arg-type]
    assert caught.value.id == error_id


def test_another_key_event_place_or_log_is_found() -> None:
    each = receipt()
    other = logged()
    changed = {
        "key": replace(each, key=os.urandom(32)),
        "event": replace(each, event=replace(other[0], time=7).encode()),
        "index": replace(each, index=0),
        "proof": replace(each, proof=(os.urandom(32),)),
    }
    for name, receipt_ in changed.items():
        with pytest.raises(FailedVerification, match="tree-inclusion"):
            check(receipt_)
        assert name
    with pytest.raises(FailedVerification, match="receipt-field"):
        check(replace(each, fields=other[2]))
    foreign = sign_checkpoint(Checkpoint(ORIGIN, 2, os.urandom(32)), NoteSigner.generate(ORIGIN))
    with pytest.raises(FailedVerification, match="note-unsigned"):
        check(replace(each, checkpoint=foreign))


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_no_changed_byte_of_a_receipt_passes(data: st.DataObject) -> None:
    raw = bytearray(receipt().encode())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CarbonportError):
        check(Receipt.decode(bytes(raw)))


def test_a_receipt_of_another_form_is_malformed() -> None:
    value = receipt().to_json()
    changes: list[dict[str, Json]] = [
        {"v": 2},
        {"v": True},
        {"index": -1},
        {"index": True},
        {"extra": 1},
        {"fields": []},
        {"key": "AA"},
        {"proof": ["AA"]},
        {"proof": [1]},
        {"fields": [{"name": "a", "value": "", "salt": "AA"}]},
    ]
    for change in changes:
        with pytest.raises(Malformed):
            Receipt.from_json({**value, **change})


def test_an_entry_holds_its_type_and_nothing_else_readable() -> None:
    event, key, _ = logged(EntryType.STATEMENT)
    raw = Entry.of(event, key).encode()
    assert (len(raw), raw[0], raw[1]) == (34, 1, EntryType.STATEMENT)
    assert Entry.parse(raw) == Entry.of(event, key)
    assert Event.parse(event.encode()) == event
    for bad in (raw[:-1], b"\x02" + raw[1:], raw[:1] + b"\xff" + raw[2:]):
        with pytest.raises(Malformed, match="log-entry-format"):
            Entry.parse(bad)


def test_entry_keys_have_one_length_and_exchange_ids_one_form() -> None:
    for length in (0, 31, 33, 64):
        with pytest.raises(Misuse, match="log-entry-key"):
            log_leaf(bytes(length), b"event")
    with pytest.raises(Misuse, match="log-exchange-id"):
        Event(EntryType.CROSSING, EXCHANGE.upper(), 1, bytes(32))


def test_a_body_opens_for_its_readers_only_and_only_in_its_place() -> None:
    event, key, leaves = logged()
    entry = Entry.of(event, key)
    body = Body(event.encode(), key, leaves)
    ours, theirs, stranger = hpke_generate(), hpke_generate(), hpke_generate()
    sealed, body_key = seal_body(
        body.encode(),
        origin=ORIGIN,
        leaf=entry.leaf,
        readers={"cn-regulator": ours.public, "eu-regulator": theirs.public},
        random_bytes=os.urandom,
    )
    stored = SealedBody.parse(sealed.encode())
    for reader, pair in (("cn-regulator", ours), ("eu-regulator", theirs)):
        opened = open_body(stored, origin=ORIGIN, entry=entry, reader=reader, private=pair.private)
        assert opened == body
        assert opened.values() == FIELDS
    assert open_with_key(stored, body_key, origin=ORIGIN, entry=entry) == body
    assert b"cbam-declaration" not in sealed.encode()
    cases = [
        ("log-body-reader", ORIGIN, entry, "nobody", ours.private),
        ("hpke-open", ORIGIN, entry, "cn-regulator", stranger.private),
        ("hpke-open", ORIGIN, entry, "cn-regulator", theirs.private),
        ("hpke-open", "other.example/log", entry, "cn-regulator", ours.private),
        ("hpke-open", ORIGIN, replace(entry, leaf=os.urandom(32)), "cn-regulator", ours.private),
    ]
    for error_id, origin, place, reader, private in cases:
        with pytest.raises(FailedVerification, match=error_id):
            open_body(stored, origin=origin, entry=place, reader=reader, private=private)


def test_a_body_that_was_sealed_for_another_event_is_found() -> None:
    event, key, leaves = logged()
    entry = Entry.of(event, key)
    pair = hpke_generate()
    other = FIELDS | {FieldName.RECIPIENT: b"US/someone-else"}
    for lie in (
        Body(replace(event, time=event.time + 1).encode(), key, leaves),
        Body(event.encode(), os.urandom(32), leaves),
        Body(event.encode(), key, salted_fields(other, os.urandom)),
    ):
        sealed, _ = seal_body(
            lie.encode(), origin=ORIGIN, leaf=entry.leaf, readers={"r": pair.public}, random_bytes=os.urandom
        )
        with pytest.raises(FailedVerification, match="log-body-leaf"):
            open_body(sealed, origin=ORIGIN, entry=entry, reader="r", private=pair.private)


NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=20)


@settings(max_examples=40, deadline=None)
@given(st.dictionaries(NAMES.filter(str.isprintable), st.binary(max_size=60), min_size=1, max_size=5))
def test_events_and_bodies_are_written_in_canonical_json(fields: dict[str, bytes]) -> None:
    leaves = salted_fields(fields, os.urandom)
    event = Event(EntryType.CROSSING, EXCHANGE, 1_790_000_000, fields_root(leaves))
    assert event.encode() == canonical_bytes(parse_json(event.encode(), max_bytes=1000))
    body = Body(event.encode(), os.urandom(32), leaves)
    assert Body.parse(body.encode()) == body
    sealed = SealedBody(os.urandom(50), {"b/2": os.urandom(80), 'a"\\': os.urandom(80)})
    assert SealedBody.parse(sealed.encode()) == sealed
