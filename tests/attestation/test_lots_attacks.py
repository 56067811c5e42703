"""Sellers, importers and strangers that cheat: what the importer's check says to each of them.

A cheating seller writes what it likes: `forge` makes entries, proofs and a checkpoint by hand, cosigned by witnesses
that cannot know better (they see sizes and roots only).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
from lots_world import (
    EXPORTER,
    IMPORTER,
    NODE_KEYS,
    SECRET,
    WITNESSES,
    Bought,
    Seller,
    check,
    checkpoint_note,
    participant,
    sign_entries,
    with_proof,
)

from carbonport.attestation.lots.activity_level import check_level
from carbonport.attestation.lots.consignment_check import OwnConsignment, check_sale, seen
from carbonport.attestation.lots.consignment_key import (
    new_consignment_key,
    recipient_tag,
    sign_give_back,
)
from carbonport.attestation.lots.later_checkpoint import confirm, require_same_log
from carbonport.attestation.lots.lot_history import LotHistory
from carbonport.attestation.lots.lot_leaves import (
    ConsignmentEntry,
    GiveBackEntry,
    StatementEntry,
    decode_entry,
    proof_digest,
)
from carbonport.attestation.lots.lot_presentation import LotPresentation, read_lot_presentation
from carbonport.attestation.lots.lot_witnessing import accepted_lot_keys, lot_log_keys
from carbonport.attestation.lots.range_contexts import consignment_context, remainder_context
from carbonport.attestation.lots.seller import ConsignmentOpening, ConsignmentRequest, LotState, correct, sell
from carbonport.crypto.ambient import system_random
from carbonport.crypto.canonical import Json
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.crypto.group import random_scalar
from carbonport.crypto.merkle import consistency_proof, leaf_hash, node_hash, tree_root
from carbonport.crypto.notes import VerifierKey
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.ranges import prove_openings
from carbonport.errors import CarbonportError, FailedVerification, Malformed, Misuse, Refused


def forge(
    seller: Seller, quantity: int, *, prove: Callable[[Opening, bytes, int], bytes] | None = None
) -> int:
    """Append an entry of any quantity, negative ones too, with the proof that `prove` can make of it."""
    state = seller.state
    k, bits, salt = state.history.size, seller.terms.bits, system_random(32)
    private, public = new_consignment_key()
    opening = ConsignmentOpening(quantity, random_scalar(system_random), salt)
    commitment, tag = commit(opening.of_commitment), recipient_tag(salt, IMPORTER, f"consignment-{k}")
    context = consignment_context(seller.lot.id, k, tag, commitment, bits)
    proof = (prove or honest_looking)(opening.of_commitment, context, bits)
    entry = ConsignmentEntry(k, commitment, tag, public, proof_digest(proof))
    seller.state = replace(
        state,
        history=state.history.extended(entry),
        openings={**state.openings, k: opening},
        proofs={**state.proofs, k: proof},
    )
    remainder = seller.state.remainder
    if 0 <= remainder.value < 1 << bits:
        seller.state = prove_forged_remainder(seller.state)
    seller.bought[k] = Bought(OwnConsignment(IMPORTER, f"consignment-{k}", quantity, public), private)
    return k


def honest_looking(opening: Opening, context: bytes, bits: int) -> bytes:
    """A proof of the right length and context, of the nearest value that has one."""
    value = min(max(opening.value, 0), (1 << bits) - 1)
    return prove_openings([Opening(value, opening.blinding)], [bits], context, nonce_secret=SECRET)


def prove_forged_remainder(state: LotState) -> LotState:
    at, remainder, bits = state.history.last, state.remainder, state.stated.terms.bits
    digest = bytes.fromhex(state.stated.digest)
    context = remainder_context(
        state.stated.lot.id, at, state.history.encoded[at], digest, commit(remainder), bits
    )
    proof = prove_openings([remainder], [bits], context, nonce_secret=SECRET)
    return replace(state, remainders={**state.remainders, at: proof})


def refuses(error_id: str, presentation: LotPresentation, seller: Seller, k: int) -> None:
    with pytest.raises(CarbonportError) as caught:
        check(presentation, seller.version.stated, seller.bought[k].own)
    assert caught.value.id == error_id


def test_negative_tonnes_make_no_room() -> None:
    """A first consignment of -1000 t that no importer holds, then 1000 t more than there are."""
    seller = Seller(tonnes=100, level_bits=10)
    forge(seller, -900)
    k = seller.sell(1000)
    assert not seller.state.closed
    refuses("range-proof", seller.present(k), seller, k)


def test_a_wrap_around_the_width_makes_no_room() -> None:
    """A proof over more bits than the lot's, or of the quantity modulo 2^bits."""
    seller = Seller(tonnes=100, level_bits=8)

    def over_a_wider_range(opening: Opening, context: bytes, bits: int) -> bytes:
        return prove_openings([opening], [bits * 2], context, nonce_secret=SECRET)

    def modulo(opening: Opening, context: bytes, bits: int) -> bytes:
        value = opening.value % (1 << bits)
        return prove_openings([Opening(value, opening.blinding)], [bits], context, nonce_secret=SECRET)

    wide = forge(seller, 300, prove=over_a_wider_range)
    refuses_without_remainder("range-proof-length", seller, wide)
    seller = Seller(tonnes=100, level_bits=8)
    low = forge(seller, -150, prove=modulo)
    refuses("range-proof", seller.present(low), seller, low)


def refuses_without_remainder(error_id: str, seller: Seller, k: int) -> None:
    """Present a consignment of an oversold lot with any remainder proof at all."""
    seller.state = replace(seller.state, remainders={k: b"\x00" * 700})
    refuses(error_id, seller.present(k), seller, k)


def test_more_than_the_production_has_no_remainder() -> None:
    seller = Seller(tonnes=100)
    seller.sell(60)
    with pytest.raises(Refused, match="lot-sold-out"):
        seller.sell(41)
    k = forge(seller, 41)
    earlier = seller.state.remainders[1]
    seller.state = replace(seller.state, remainders={k: earlier})
    refuses("range-proof", seller.present(k), seller, k)


def test_one_entry_serves_one_importer() -> None:
    seller = Seller()
    k = seller.sell(10, importer=IMPORTER, consignment="mine")
    presentation, stated, own = seller.present(k), seller.version.stated, seller.bought[k].own
    _, other_key = new_consignment_key()
    for another, error_id in (
        (replace(own, key=other_key), "lot-key"),
        (replace(own, importer="EU/529900IMPORTER000020"), "lot-recipient"),
        (replace(own, consignment="yours"), "lot-recipient"),
        (replace(own, quantity=11), "lot-quantity-opening"),
    ):
        with pytest.raises(FailedVerification, match=error_id):
            check(presentation, stated, another)


def test_swapped_tags_are_found() -> None:
    seller = Seller()
    first, second = seller.sell(10), seller.sell(10)
    entries = [decode_entry(data) for data in seller.state.history.encoded]
    one, two = entries[first], entries[second]
    assert isinstance(one, ConsignmentEntry)
    assert isinstance(two, ConsignmentEntry)
    entries[first], entries[second] = replace(one, tag=two.tag), replace(two, tag=one.tag)
    swapped = rewritten(seller, [entry.encode() for entry in entries], second)
    refuses("lot-recipient", swapped, seller, second)
    told = replace(swapped, salt=seller.state.openings[first].salt)
    renamed = replace(seller.bought[second].own, consignment=seller.bought[first].own.consignment)
    with pytest.raises(FailedVerification, match="range-proof"):  # the proofs are bound to the tags
        check(told, seller.version.stated, renamed)


def test_keys_and_tags_stand_once() -> None:
    seller = Seller()
    k = seller.sell(10)
    with pytest.raises(FailedVerification, match="lot-history"):
        sell(
            seller.state,
            request_like(seller, k),
            nonce_secret=SECRET,
        )


def request_like(seller: Seller, k: int) -> ConsignmentRequest:
    own = seller.bought[k].own
    return ConsignmentRequest(own.importer, own.consignment, own.quantity, own.key)


def test_a_proof_serves_one_consignment_of_one_lot() -> None:
    seller = Seller()
    first, second = seller.sell(10), seller.sell(10)
    presentation = seller.present(second)
    refuses(
        "lot-proof-digest", with_proof(presentation, {second: presentation.proofs[first]}), seller, second
    )
    # A replay that the entry names: the quantity, blinding and proof of entry 1 again as entry 3.
    replayed = forge(seller, 10)
    entry = seller.state.history.consignment(first)
    copy = replace(
        entry,
        k=replayed,
        key=seller.bought[replayed].own.key,
        tag=seller.state.history.consignment(replayed).tag,
    )
    encoded = [*seller.state.history.encoded[:-1], copy.encode()]
    told = replace(rewritten(seller, encoded, replayed), blinding=seller.state.openings[first].blinding)
    told = with_proof(told, {replayed: seller.state.proofs[first]})
    refuses("range-proof", told, seller, replayed)


def test_proofs_are_all_there_and_no_others() -> None:
    seller = Seller()
    first, second = seller.sell(10), seller.sell(10)
    presentation = seller.present(second)
    fewer = {k: proof for k, proof in presentation.proofs.items() if k != first}
    refuses("lot-proof-missing", replace(presentation, proofs=fewer), seller, second)
    refuses("lot-proof-missing", with_proof(presentation, {7: b""}), seller, second)
    changed = bytearray(presentation.remainder_proof)
    changed[-1] ^= 1
    refuses("range-proof", replace(presentation, remainder_proof=bytes(changed)), seller, second)


def rewritten(seller: Seller, encoded: Sequence[bytes], k: int) -> LotPresentation:
    """The presentation of k over other entries, with a checkpoint that fits them."""
    root = tree_root(leaf_hash(data) for data in encoded)
    note = sign_entries(seller.lot, root, len(encoded))
    return replace(seller.present(k), note=note, entries=tuple(encoded))


def test_entries_cannot_be_dropped_moved_or_added() -> None:
    seller = Seller()
    seller.sell(10)
    k = seller.sell(20)
    seller.sell(30)
    presentation, encoded = seller.present(k), seller.state.history.encoded
    moved = [encoded[0], encoded[2], encoded[1], encoded[3]]
    for entries in (encoded[:-1], encoded[:1] + encoded[2:], moved, [*encoded, encoded[-1]]):
        refuses_one_of({"lot-root", "lot-history"}, replace(presentation, entries=tuple(entries)), seller, k)
    # Also when the log signs them so, witnesses or not.
    refuses("lot-history", rewritten(seller, moved, k), seller, k)
    refuses("lot-history", rewritten(seller, [encoded[0], *encoded[2:]], k), seller, k)
    refuses("lot-history", rewritten(seller, encoded[1:], k), seller, k)


def refuses_one_of(error_ids: set[str], presentation: LotPresentation, seller: Seller, k: int) -> None:
    with pytest.raises(CarbonportError) as caught:
        check(presentation, seller.version.stated, seller.bought[k].own)
    assert caught.value.id in error_ids


def test_entries_of_no_known_form_are_malformed() -> None:
    seller = Seller()
    seller.sell(10)
    encoded = seller.state.history.encoded
    for data in (
        b"",
        b"\x01",
        encoded[0] + b"\x00",
        encoded[1][:-1],
        b"\x02" + encoded[0][1:],
        b"\x01\x09" + b"\x00" * 36,
    ):
        with pytest.raises(Malformed, match="lot-entry-format"):
            decode_entry(data)
    identity = encoded[1][:6] + b"\xc0" + b"\x00" * 47 + encoded[1][54:]
    with pytest.raises(Malformed, match="group-point"):
        decode_entry(identity)
    with pytest.raises(Malformed, match="lot-entry-count"):
        LotHistory.read(seller.lot, [])


def test_two_versions_of_a_lot_are_a_fork() -> None:
    seller = Seller(tonnes=100)
    first = seller.sell(60)
    common = seller.state
    k = seller.sell(40)
    stated, own = seller.version.stated, seller.bought[k].own
    kept = seen(check_sale(seller.present(k, cosigners=0), stated, own, node_keys=NODE_KEYS), k)
    seller.state = common
    other = seller.sell(40, importer="EU/529900IMPORTER000020")
    for tries in range(2):
        if tries:
            seller.sell(0)
        with pytest.raises(FailedVerification, match="lot-forked"):
            confirm(
                kept,
                checkpoint_note(seller.state, 2),
                seller.state.history.encoded,
                stated,
                node_keys=NODE_KEYS,
                participant=participant,
            )
    assert first < other == k


def test_checkpoints_compare_without_entries() -> None:
    leaves = [leaf_hash(bytes([n])) for n in range(3)]
    proof = consistency_proof(2, 3, lambda level, at: leaves[at] if level == 0 else node_hash(*leaves[:2]))
    earlier, later = Checkpoint("o", 2, tree_root(leaves[:2])), Checkpoint("o", 3, tree_root(leaves))
    require_same_log(earlier, later, proof)
    for wrong in (replace(later, origin="p"), replace(later, root=leaves[0])):
        with pytest.raises(FailedVerification, match="lot-forked"):
            require_same_log(earlier, wrong, proof)


def test_only_the_importer_gives_back() -> None:
    seller = Seller(tonnes=100)
    k, other = seller.sell(100), seller.sell(0)
    stranger, _ = new_consignment_key()
    for signature in (
        sign_give_back(stranger, seller.lot.id, k),
        sign_give_back(seller.bought[other].private, seller.lot.id, k),
        sign_give_back(seller.bought[k].private, seller.lot.id, other),
        sign_give_back(seller.bought[k].private, b"another lot", k),
    ):
        forged = GiveBackEntry(k, signature)
        with pytest.raises(FailedVerification, match="lot-give-back-signature"):
            seller.state.history.extended(forged)
        encoded = [*seller.state.history.encoded, forged.encode()]
        refuses("lot-give-back-signature", rewritten(seller, encoded, k), seller, k)
    for place in (0, 99):
        with pytest.raises(FailedVerification, match="lot-history"):
            seller.state.history.extended(GiveBackEntry(place, b"\x00" * 64))


def test_the_entry_named_is_a_consignment() -> None:
    seller = Seller()
    k = seller.sell(10)
    for place in (0, 99):
        refuses("lot-entry-missing", replace(seller.present(k), k=place), seller, k)
    with pytest.raises(FailedVerification, match="lot-entry-missing"):
        seller.state.history.consignment(-1)


def test_the_remainder_is_proved_at_the_consignment_or_later() -> None:
    seller = Seller(tonnes=100)
    first, k = seller.sell(60), seller.sell(40)
    presentation = seller.present(k)
    for place in (first, 99):
        refuses("lot-remainder-position", replace(presentation, position=place), seller, k)
    later = replace(seller.present(first), position=k)
    refuses("lot-proof-missing", later, seller, first)


def test_the_production_is_the_signed_one() -> None:
    seller = Seller(tonnes=100)
    k = seller.sell(60)
    presentation, shown = seller.present(k), seller.version.shown
    larger = seller.state_production(200, 1).shown
    for level in (larger, replace(shown, index=0), replace(shown, bits=9), replace(shown, decimals=1)):
        refuses("lot-level", replace(presentation, level=level), seller, k)
    other_process = replace(seller.terms, path="process/another/activity_level")
    with pytest.raises(FailedVerification, match="lot-level"):
        check_level(shown, replace(seller.version.stated, terms=other_process))


def test_a_correction_by_nobody_is_found() -> None:
    """The seller goes over to a larger production that no statement of its importer says."""
    seller = Seller(tonnes=100)
    k = seller.sell(60)
    honest = seller.version
    seller.correct(200)
    late = seller.sell(140)
    with pytest.raises(FailedVerification, match="lot-statement"):
        check(seller.present(late), honest.stated, seller.bought[late].own)
    with pytest.raises(FailedVerification, match="lot-level"):
        check(
            replace(seller.present(late), level=honest.shown), seller.version.stated, seller.bought[late].own
        )
    with pytest.raises(FailedVerification, match="lot-history"):
        seller.state.history.extended(StatementEntry(2, bytes(32)))
    assert k == 1


def test_a_second_statement_for_one_production_is_found() -> None:
    """A verifier's statement of a higher version, larger, that does not supersede the lot's."""
    seller = Seller(tonnes=100)
    seller.sell(100)
    second = seller.state_production(200, 2, "00" * 32)
    pretended = replace(second.stated, supersedes=seller.version.stated.digest)
    seller.state = correct(seller.state, pretended, second.level, nonce_secret=SECRET).state
    seller.version = second
    k = seller.sell(100)
    refuses("lot-correction-chain", seller.present(k), seller, k)


def test_a_correction_below_what_is_sold_has_no_proof() -> None:
    seller = Seller(tonnes=100)
    k = seller.sell(60)
    old = seller.state.remainders[k]
    seller.correct(50)
    at = seller.state.history.last
    seller.state = replace(seller.state, remainders={at: old})
    refuses("range-proof", seller.present(k, position=at), seller, k)


def test_cosignatures_of_one_witness_or_of_strangers_are_no_quorum() -> None:
    seller = Seller()
    k = seller.sell(10)
    refuses("lot-provisional", seller.present(k, cosigners=1), seller, k)
    noted = seller.present(k)
    line = noted.note.signatures[1]
    broken = replace(line, signature=line.signature[:-1] + bytes([line.signature[-1] ^ 1]))
    forged = replace(noted.note, signatures=(noted.note.signatures[0], broken, noted.note.signatures[2]))
    refuses("note-signature", replace(noted, note=forged), seller, k)


def test_a_checkpoint_of_another_log_is_none_of_the_lot() -> None:
    seller, other = Seller(), Seller(lot=Seller().lot.of("Steelworks", "sinter", "2026-01-01/2026-12-31"))
    k = seller.sell(10)
    refuses("note-unsigned", replace(seller.present(k), note=other.note()), seller, k)
    stranger = VerifierKey("cn.example/stranger", 1, NODE_KEYS[0].public)
    with pytest.raises(FailedVerification, match="lot-origin"):
        lot_log_keys(seller.version.stated, [stranger])


def test_a_witness_accepts_what_the_statement_names() -> None:
    stated = Seller().version.stated
    (key,) = accepted_lot_keys(stated, NODE_KEYS, witness=WITNESSES[0])
    assert (key.name, key.public) == (stated.terms.origin, NODE_KEYS[0].public)
    with pytest.raises(Refused, match="lot-not-witnessed-here"):
        accepted_lot_keys(stated, NODE_KEYS, witness=EXPORTER)
    elsewhere = replace(stated, terms=replace(stated.terms, origin=f"{NODE_KEYS[0].name}/lot/another"))
    with pytest.raises(FailedVerification, match="lot-origin"):
        accepted_lot_keys(elsewhere, NODE_KEYS, witness=WITNESSES[0])


@pytest.mark.parametrize(
    "change",
    [
        {"format": "carbonport-lot/2"},
        {"k": 0},
        {"k": "1"},
        {"position": -1},
        {"extra": 1},
        {"entries": ["AQ="]},
        {"salt": "00"},
        {"blinding": "_" * 43},
        {"checkpoint": "nothing"},
        {"proofs": [{"k": 2, "proof": ""}, {"k": 1, "proof": ""}]},
        {"proofs": [{"k": 1, "proof": ""}, {"k": 1, "proof": ""}]},
        {"remainder": "+"},
        {"level": {}},
    ],
)
def test_a_presentation_of_another_form_is_malformed(change: dict[str, Json]) -> None:
    seller = Seller()
    written = seller.present(seller.sell(1)).to_json()
    assert isinstance(written, dict)
    with pytest.raises(Malformed):
        read_lot_presentation({**written, **change})


def test_a_salt_is_32_bytes() -> None:
    with pytest.raises(Misuse, match="lot-salt"):
        recipient_tag(b"short", IMPORTER, "mine")
