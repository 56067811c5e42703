"""A lot in memory: a statement's leaves, a seller, two witnesses, importers. Every part is the real one.

The statement itself is taken as verified (`StatedLot`); its tree holds the activity level among other leaves.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from carbonport.attestation.commitments import ROLE_INPUT, LeafLabel, LeafOpening
from carbonport.attestation.evidence import StatementTree
from carbonport.attestation.lots.activity_level import ShownLevel, scaled_level
from carbonport.attestation.lots.consignment_check import OwnConsignment, check_consignment
from carbonport.attestation.lots.consignment_key import new_consignment_key, sign_give_back
from carbonport.attestation.lots.lot_identity import Lot
from carbonport.attestation.lots.lot_presentation import LotPresentation, present
from carbonport.attestation.lots.lot_terms import LotTerms, StatedLot, width_of
from carbonport.attestation.lots.seller import (
    ConsignmentRequest,
    LotState,
    correct,
    give_back,
    open_lot,
    sell,
)
from carbonport.attestation.participants import Participant, TrustedKey
from carbonport.crypto.ambient import system_random
from carbonport.crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from carbonport.crypto.group import random_scalar
from carbonport.crypto.merkle import tree_root
from carbonport.crypto.notes import TYPE_COSIGNATURE, TYPE_ED25519, NoteSigner, SignedNote
from carbonport.crypto.pedersen import Opening

EXPORTER = "CN/529900EXPORTER000010"
IMPORTER = "EU/529900IMPORTER000010"
NODE_ORIGIN = "cn.example/529900EXPORTER000010"
WITNESSES = ("CN/529900REGULATOR00010", "EU/529900REGULATOR00010")
LEVEL_PATH = "process/blast-furnace/activity_level"
TIME = 1_800_000_000
SECRET = b"\x07" * 32

NODE_SIGNER = NoteSigner.generate(NODE_ORIGIN)
NODE_KEYS = (NODE_SIGNER.verifier,)
COSIGNERS = {name: NoteSigner.generate(f"witness.example/{name[:2]}", TYPE_COSIGNATURE) for name in WITNESSES}


def participant(name: str) -> Participant:
    """A witness as a trust list holds it."""
    key = str(COSIGNERS[name].verifier)
    trusted = TrustedKey("witness-1", "witness", "vkey", {}, key, valid_from=0, valid_until=2 * TIME)
    return Participant(name, name, name[:2], frozenset({"regulator"}), None, (trusted,))


def lot_of(period: str = "2026-01-01/2026-12-31") -> Lot:
    return Lot.of("Steelworks", "blast-furnace", period)


def terms_of(lot: Lot, *, level_bits: int, decimals: int = 0, witnesses: int = 2) -> LotTerms:
    return LotTerms(
        process=lot.process,
        path=LEVEL_PATH,
        origin=lot.origin(NODE_ORIGIN),
        unit="t",
        decimals=decimals,
        bits=width_of(level_bits, 0, decimals),
        witnesses=WITNESSES[:witnesses],
        quorum=witnesses,
        dishonest=1 if witnesses > 1 else 0,
    )


@dataclass(frozen=True)
class Version:
    """One version of the statement, with the opening of its (scaled) activity level."""

    stated: StatedLot
    shown: ShownLevel
    level: Opening


def state_production(
    tonnes: int, *, version: int, supersedes: str, terms: LotTerms, level_bits: int, lot: Lot
) -> Version:
    """A statement that commits to this production, in whole tonnes, beside two other inputs."""
    openings = [
        LeafOpening(
            LeafLabel(ROLE_INPUT, path, "t", 0, level_bits),
            value,
            random_scalar(system_random),
            system_random(32),
        )
        for path, value in (("process/another/activity_level", 200), (LEVEL_PATH, tonnes), ("stream/coke", 3))
    ]
    tree = StatementTree(openings)
    opening = openings[1]
    leaf = opening.leaf()
    shown = ShownLevel(0, level_bits, leaf.commitment, leaf.salt, 1, tree.inclusion_proof(1))
    root = tree_root(each.leaf().hash() for each in openings)
    stated = StatedLot(
        lot, terms, EXPORTER, system_random(32).hex(), version, supersedes, root, len(openings)
    )
    return Version(stated, shown, scaled_level(Opening(opening.value, opening.blinding), 0, terms))


@dataclass(frozen=True)
class Bought:
    """What an importer has of a consignment beside what it was shown."""

    own: OwnConsignment
    private: bytes


@dataclass
class Seller:
    """An honest seller that writes each step at once; `bought` is what its importers know, by k."""

    level_bits: int = 8
    decimals: int = 0
    witnesses: int = 2
    tonnes: int = 100
    lot: Lot = field(default_factory=lot_of)
    bought: dict[int, Bought] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.terms = terms_of(
            self.lot, level_bits=self.level_bits, decimals=self.decimals, witnesses=self.witnesses
        )
        self.version = self.state_production(self.tonnes, 1)
        self.state: LotState = open_lot(self.version.stated, self.version.level).state

    def state_production(self, tonnes: int, version: int, supersedes: str = "") -> Version:
        return state_production(
            tonnes,
            version=version,
            supersedes=supersedes,
            terms=self.terms,
            level_bits=self.level_bits,
            lot=self.lot,
        )

    def sell(self, quantity: int, *, importer: str = IMPORTER, consignment: str = "") -> int:
        """Sell to an importer that made its key for it; gives k."""
        private, public = new_consignment_key()
        name = consignment or f"consignment-{self.state.history.size}"
        request = ConsignmentRequest(importer, name, quantity, public)
        step = sell(self.state, request, nonce_secret=SECRET)
        self.state = step.state
        self.bought[step.position] = Bought(OwnConsignment(importer, name, quantity, public), private)
        return step.position

    def give_back(self, k: int) -> None:
        signature = sign_give_back(self.bought[k].private, self.lot.id, k)
        self.state = give_back(self.state, k, signature, attestation_revoked=True).state

    def correct(self, tonnes: int) -> None:
        in_force = self.version.stated
        self.version = self.state_production(tonnes, in_force.version + 1, in_force.digest)
        self.state = correct(self.state, self.version.stated, self.version.level, nonce_secret=SECRET).state

    def note(self, cosigners: int | None = None) -> SignedNote:
        """The checkpoint over all entries, cosigned by the first so many witnesses of the lot, all by default."""
        return checkpoint_note(self.state, self.witnesses if cosigners is None else cosigners)

    def present(
        self, k: int, *, position: int | None = None, cosigners: int | None = None
    ) -> LotPresentation:
        return present(self.state, k, self.note(cosigners), self.version.shown, position=position)


def checkpoint_note(state: LotState, cosigners: int) -> SignedNote:
    """The checkpoint over all entries of a state."""
    return sign_entries(state.stated.lot, state.history.root, state.history.size, cosigners)


def sign_entries(lot: Lot, root: bytes, size: int, cosigners: int = 2) -> SignedNote:
    """A checkpoint of the lot's log over this tree, whatever is in it."""
    signer = NoteSigner.from_pem(lot.origin(NODE_ORIGIN), TYPE_ED25519, NODE_SIGNER.to_pem())
    note = sign_checkpoint(Checkpoint(signer.name, size, root), signer)
    for name in WITNESSES[:cosigners]:
        note = cosign(note, COSIGNERS[name], TIME)
    return note


def check(presentation: LotPresentation, stated: StatedLot, own: OwnConsignment) -> int:
    """The importer's check with this world's keys."""
    return check_consignment(presentation, stated, own, node_keys=NODE_KEYS, participant=participant)


def with_proof(presentation: LotPresentation, changed: Mapping[int, bytes]) -> LotPresentation:
    """The presentation with other range proofs."""
    return replace(presentation, proofs={**presentation.proofs, **changed})
