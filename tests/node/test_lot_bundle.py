"""The lot of a bundle, put together otherwise and sealed again by its importer: its checks say what is wrong."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from played_demo import EXPORTER, IMPORTER, played_demo

from carbonport.attestation.bundle import Bundle, read_bundle, write_bundle
from carbonport.attestation.bundled_lot import BundledLot
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.lots.lot_presentation import LotPresentation
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.jws import SigningKey
from carbonport.crypto.notes import NoteSigner
from carbonport.node.home import open_home
from carbonport.node.identity.key_ring import KeyUse

Change = Callable[[BundledLot], BundledLot | None]


def shown(change: Callable[[LotPresentation], LotPresentation]) -> Change:
    return lambda lot: replace(lot, presentation=change(lot.presentation))


def without_witness(shown: LotPresentation) -> LotPresentation:
    own = [line for line in shown.note.signatures if EXPORTER.lei in line.name]
    assert len(own) < len(shown.note.signatures)
    return replace(shown, note=replace(shown.note, signatures=tuple(own)))


def with_a_stranger(shown: LotPresentation) -> LotPresentation:
    line = NoteSigner.generate("stranger.example").sign(shown.note.text)
    return replace(shown, note=shown.note.with_signature(line))


CHANGES: dict[str, tuple[Change, str, str]] = {
    "no lot": (lambda _lot: None, "result-proof", "bundle-lot-missing"),
    "another place": (shown(lambda lot: replace(lot, k=lot.k + 1)), "result-proof", "range-proof"),
    "another key": (lambda lot: replace(lot, key=bytes(32)), "lot-own-entry", "lot-key"),
    "a stranger's line": (shown(with_a_stranger), "lot-entries", "bundle-unknown-cosignature"),
    "no witness": (shown(without_witness), "lot-standing", "lot-provisional"),
    "another blinding": (
        shown(lambda lot: replace(lot, blinding=lot.blinding + 1)),
        "lot-own-entry",
        "lot-quantity-opening",
    ),
    "another salt": (shown(lambda lot: replace(lot, salt=bytes(32))), "lot-own-entry", "lot-recipient"),
    "an entry left out": (
        shown(lambda lot: replace(lot, entries=lot.entries[:1])),
        "lot-entries",
        "lot-root",
    ),
    "a proof left out": (
        shown(lambda lot: replace(lot, proofs={})),
        "lot-within-production",
        "lot-proof-missing",
    ),
    "the remainder's proof for a quantity's": (
        shown(lambda lot: replace(lot, proofs={1: lot.remainder_proof})),
        "lot-within-production",
        "lot-proof-digest",
    ),
    "a quantity's proof for the remainder's": (
        shown(lambda lot: replace(lot, remainder_proof=lot.proofs[1])),
        "lot-within-production",
        "range-proof",
    ),
    "another level": (
        shown(lambda lot: replace(lot, level=replace(lot.level, index=lot.level.index + 1))),
        "lot-within-production",
        "lot-level",
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_lot_put_together_otherwise(name: str) -> None:
    change, check_id, error = CHANGES[name]
    bundle: Bundle = read_bundle(played_demo().bundle)
    assert bundle.lot is not None
    home = open_home(played_demo().folder / IMPORTER.key, environ={})
    key = SigningKey.from_pem(home.identity.signing_pem(KeyUse.SEAL))
    data = write_bundle(replace(bundle, lot=change(bundle.lot)), key)
    report = verify_bundle(data, now=system_clock(), anchors=home.trust.anchors(), importer=IMPORTER.id)
    first = next(check for check in report.checks if not check.ok)
    assert (first.id, first.error) == (check_id, error)
