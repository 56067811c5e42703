"""A lot with many consignments for `bench proofs`, as the importer of the last one is shown it.

Every entry and every range proof is real. A seller would prove the remainder at each sale; here it is proved once, at
the end, for the importer of the last consignment is shown no other.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

from carbonport.attestation.commitments import ROLE_INPUT, LeafLabel, LeafOpening
from carbonport.attestation.evidence import StatementTree
from carbonport.attestation.lots.activity_level import ShownLevel, scaled_level
from carbonport.attestation.lots.consignment_check import OwnConsignment, check_consignment
from carbonport.attestation.lots.consignment_key import KEY_BYTES, SALT_BYTES, recipient_tag
from carbonport.attestation.lots.lot_history import LotHistory
from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.lots.lot_leaves import ConsignmentEntry, StatementEntry, proof_digest
from carbonport.attestation.lots.lot_presentation import present, read_lot_presentation
from carbonport.attestation.lots.lot_terms import LotTerms, StatedLot, width_of
from carbonport.attestation.lots.range_contexts import consignment_context
from carbonport.attestation.lots.seller import ConsignmentOpening, LotState, prove_remainder
from carbonport.attestation.participants import Participant, TrustedKey
from carbonport.crypto.ambient import system_random
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from carbonport.crypto.group import random_scalar
from carbonport.crypto.notes import TYPE_COSIGNATURE, TYPE_ED25519, NoteSigner
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.ranges import prove_openings
from carbonport.node.range_processes import RangeProcesses

NODE_ORIGIN = "bench.example/exporter"
EXPORTER, IMPORTER, WITNESS = "CN/BENCH-EXPORTER", "EU/BENCH-IMPORTER", "EU/BENCH-WITNESS"
LEVEL_PATH = "process/steel/activity_level"

LEVEL_DECIMALS, LEVEL_BITS = 3, 48
"""As the catalogue declares an activity level: kilograms."""

PRODUCTION = 4_836_291_472
"""The verified production in kilograms."""

TIME = 1_800_000_000
"""When everything was witnessed."""

PORTION = 25
"""Consignments that one process proves at a time."""

MAX_PRESENTATION_BYTES = 64 * 2**20


Spread: TypeAlias = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]
"""`map`, here or over processes."""


@dataclass(frozen=True)
class _Sale:
    k: int
    opening: ConsignmentOpening
    entry: bytes
    proof: bytes


def lot_check(consignments: int, spread: Spread, checkers: RangeProcesses) -> Callable[[], None]:
    """Sell `consignments` of a lot, and give the check that the importer of the last one makes: from the bytes in its
    bundle to the outcome, with all range proofs on every core."""
    lot = Lot.of("Bench", "steel", "2026-01-01/2026-12-31")
    terms = LotTerms(
        process=lot.process,
        path=LEVEL_PATH,
        origin=lot.origin(NODE_ORIGIN),
        unit="t",
        decimals=LEVEL_DECIMALS,
        bits=width_of(LEVEL_BITS, LEVEL_DECIMALS, LEVEL_DECIMALS),
        witnesses=(WITNESS,),
        quorum=1,
        dishonest=0,
    )
    leaf = LeafOpening(
        LeafLabel(ROLE_INPUT, LEVEL_PATH, "t", LEVEL_DECIMALS, LEVEL_BITS),
        PRODUCTION,
        random_scalar(system_random),
        system_random(SALT_BYTES),
    )
    tree = StatementTree([leaf])
    stated = StatedLot(lot, terms, EXPORTER, system_random(32).hex(), 1, "", leaf.leaf().hash(), 1)
    shown = ShownLevel(
        LEVEL_DECIMALS, LEVEL_BITS, leaf.leaf().commitment, leaf.salt, 0, tree.inclusion_proof(0)
    )

    portions = [
        (lot.id, terms.bits, range(start, min(start + PORTION, consignments + 1)))
        for start in range(1, consignments + 1, PORTION)
    ]
    sales = [sale for portion in spread(_sell, portions) for sale in portion]
    first = StatementEntry(1, bytes.fromhex(stated.digest)).encode()
    state = prove_remainder(
        LotState(
            stated,
            LotHistory.read(lot, [first, *(sale.entry for sale in sales)]),
            scaled_level(Opening(leaf.value, leaf.blinding), LEVEL_DECIMALS, terms),
            {sale.k: sale.opening for sale in sales},
            {sale.k: sale.proof for sale in sales},
            {},
        ),
        nonce_secret=system_random(32),
    )

    log = NoteSigner.generate(NODE_ORIGIN)
    signer = NoteSigner.from_pem(terms.origin, TYPE_ED25519, log.to_pem())
    witness = NoteSigner.generate("bench.example/witness", TYPE_COSIGNATURE)
    checkpoint = Checkpoint(terms.origin, state.history.size, state.history.root)
    note = cosign(sign_checkpoint(checkpoint, signer), witness, TIME)
    key = TrustedKey("witness-1", "witness", "vkey", {}, str(witness.verifier), 0, 2 * TIME)
    party = Participant(WITNESS, WITNESS, "EU", frozenset({"regulator"}), None, (key,))
    last = state.history.consignment(state.history.last)
    data = canonical_bytes(present(state, last.k, note, shown).to_json())
    own = OwnConsignment(IMPORTER, _name(last.k), _quantity(last.k), last.key)

    def check() -> None:
        presentation = read_lot_presentation(parse_canonical(data, max_bytes=MAX_PRESENTATION_BYTES))
        check_consignment(
            presentation,
            stated,
            own,
            node_keys=[log.verifier],
            participant=lambda _: party,
            verify_ranges=checkers.verify,
        )

    return check


def _sell(portion: tuple[bytes, int, range]) -> list[_Sale]:
    """In a process of its own where there are many: a few consignments with their proofs."""
    lot_id, bits, positions = portion
    secret = system_random(32)
    sales = []
    for k in positions:
        opening = ConsignmentOpening(_quantity(k), random_scalar(system_random), system_random(SALT_BYTES))
        commitment = commit(opening.of_commitment)
        tag = recipient_tag(opening.salt, IMPORTER, _name(k))
        context = consignment_context(lot_id, k, tag, commitment, bits)
        proof = prove_openings([opening.of_commitment], [bits], context, nonce_secret=secret)
        entry = ConsignmentEntry(k, commitment, tag, system_random(KEY_BYTES), proof_digest(proof))
        sales.append(_Sale(k, opening, entry.encode(), proof))
    return sales


def _name(k: int) -> str:
    return f"BENCH-{k}"


def _quantity(k: int) -> int:
    return 1_000_000 + k
