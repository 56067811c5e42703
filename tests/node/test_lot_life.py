"""The life of a lot between real processes: sold to the last tonne, given back, corrected, closed and opened again."""

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from life_stage import until
from played_demo import (
    EXPORTER,
    IMPORTER,
    REGULATOR,
    STEELWORKS,
    VERIFIER,
    Part,
    do,
    played_demo,
    question,
)
from warm_programs import programs

from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.statement_draft import StatementDraft, open_draft, seal_draft
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError, Malformed, Misuse, Refused, Unavailable
from carbonport.node.home import open_home
from carbonport.node.identity.key_ring import KeyUse

PRODUCED, LESS = "4836291.472", "4835000.000"
"""The demo's production, of which its own consignment took 2450.500 t, and a corrected one."""

MAX_TRIES = 6


@dataclass
class LotStage:
    """Copies of the demo's homes, all of them serving."""

    folder: Path
    homes: dict[str, Path]

    def do(self, part: Part, operation: str, **arguments: Json) -> dict[str, Any]:
        return asyncio.run(do(self.homes[part.key], operation, **arguments))

    def ask(self, consignment: str, mass: str, request_id: str = "") -> dict[str, Any]:
        """Until it is answered: the first proofs of a process may take longer than a caller waits."""
        asked = {**question(request_id, consignment=consignment), "net_mass_t": mass}
        for _ in range(MAX_TRIES):
            with suppress(Unavailable):
                return self.do(IMPORTER, "query", **asked)
        raise AssertionError("no answer")

    def fetch(self, asked: dict[str, Any]) -> Path:
        out = self.folder / f"{asked['request']}.json"
        self.do(IMPORTER, "fetch", request=asked["request"], out=str(out))
        return out

    def refresh(self, asked: dict[str, Any]) -> dict[str, Any]:
        out = str(self.folder / f"{asked['request']}.json")
        return self.do(IMPORTER, "refresh", request=asked["request"], out=out)

    def verify(self, bundle: Path) -> Report:
        anchors = open_home(self.homes[IMPORTER.key], environ={}).trust.anchors()
        return verify_bundle(bundle.read_bytes(), now=system_clock(), anchors=anchors, importer=IMPORTER.id)

    def failed(self, bundle: Path) -> dict[str, str]:
        return {check.id: check.error for check in self.verify(bundle).checks if not check.ok}

    def lot(self) -> dict[str, Any]:
        (found,) = self.do(EXPORTER, "lot-list")["lots"]
        assert isinstance(found, dict)
        return found

    def revoke(self, *attestations: str) -> None:
        for attestation in attestations:
            self.do(EXPORTER, "revoke", attestation=attestation, reason="returned")

    def give_back(self, asked: dict[str, Any]) -> dict[str, Any]:
        return self.do(IMPORTER, "give-back", request=asked["request"])

    def audited(self) -> dict[str, Any]:
        """The one lot, as the regulator finds it in an audit of the exporter that holds."""
        audit = self.do(REGULATOR, "audit", target=EXPORTER.id)
        (found,) = audit["lots"]
        assert audit["ok"], found
        assert isinstance(found, dict)
        return found

    def correct(self, produced: str, **signing: Json) -> dict[str, Any]:
        """A new ledger with another production, and the verifier's next version over it."""
        document = self.folder / "corrected.yaml"
        document.write_text(STEELWORKS.read_text().replace(PRODUCED, produced))
        openings, statement = str(self.folder / "openings"), str(self.folder / "statement")
        self.do(EXPORTER, "intake", path=str(document))
        self.do(EXPORTER, "commit", verifier=VERIFIER.id, out=openings)
        signed = self.sign(openings, **signing)
        self.do(EXPORTER, "statement-add", path=statement)
        return signed

    def sign(self, openings: str, **signing: Json) -> dict[str, Any]:
        """The verifier's statement over a draft, into the file `statement`."""
        store, out = str(self.homes[EXPORTER.key] / "data"), str(self.folder / "statement")
        return self.do(
            VERIFIER, "sign", store=store, openings=openings, out=out, opinion="satisfactory", **signing
        )

    def resealed(self, path: Path, change: Callable[[StatementDraft], StatementDraft]) -> StatementDraft:
        """A draft changed by an exporter of bad faith, in its place; gives what it was before."""
        identity = open_home(self.homes[VERIFIER.key], environ={}).identity
        record = identity.record(KeyUse.HPKE)
        key, kid = identity.x25519(record), record.kid
        draft = open_draft(
            path.read_bytes(), verifier=VERIFIER.id, hpke_kid=kid, hpke_private=key.private_bytes_raw()
        )
        public = key.public_key().public_bytes_raw()
        path.write_bytes(seal_draft(change(draft), verifier=VERIFIER.id, hpke_kid=kid, hpke_public=public))
        return draft


@pytest.fixture
def lots(tmp_path: Path) -> Iterator[LotStage]:
    homes = played_demo().copy_homes(tmp_path)
    with ExitStack() as serving:
        for part in (REGULATOR, VERIFIER, EXPORTER, IMPORTER):
            serving.enter_context(programs().serve(homes[part.key]))
        yield LotStage(tmp_path, homes)


def outcome(asked: dict[str, Any]) -> tuple[str, str]:
    return asked["state"], asked["reason"]


def test_a_lot_is_sold_to_the_last_gram_returned_and_corrected(lots: LotStage) -> None:
    # Asked again, under its own id or a new one, a consignment is sold once.
    first = lots.ask("LIFE-1", "1000")
    with pytest.raises(Misuse) as unseen:
        lots.give_back(first)
    assert unseen.value.id == "consignment-not-fetched"
    assert lots.ask("LIFE-1", "1000", first["request"])["attestation"] == first["attestation"]
    again = lots.ask("LIFE-1", "1000")
    assert again["state"] == "issued"
    assert again["attestation"] != first["attestation"]
    assert (lots.lot()["consignments"], lots.lot()["entries"]) == (2, 3)
    assert outcome(lots.ask("LIFE-1", "1000.000001")) == ("refused", "lot-consignment-sold")
    assert lots.verify(lots.fetch(first)).ok

    # The last tonnes: a gram more is refused, and the refusal says no number.
    assert outcome(lots.ask("LIFE-2", "4832840.972001")) == ("refused", "lot-sold-out")
    rest = lots.ask("LIFE-2", "4832840.972")
    assert rest["state"] == "issued"
    assert outcome(lots.ask("LIFE-3", "0.000001")) == ("refused", "lot-sold-out")
    assert lots.verify(lots.fetch(rest)).ok

    # Given back: only after every attestation of it is revoked, and once.
    for premature in ((), (first["attestation"],)):
        lots.revoke(*premature)
        with pytest.raises(Refused) as problem:
            lots.give_back(first)
        assert problem.value.id == "lot-give-back-unrevoked"
    lots.revoke(again["attestation"])
    returned = lots.give_back(first)
    assert lots.give_back(first)["entry"] == returned["entry"] == 4
    assert lots.lot()["returned"] == 1
    assert lots.refresh(first)["state"] == "revoked"
    assert lots.failed(lots.folder / f"{first['request']}.json") == {
        "attestation-status": "status-revoked",
        "lot-standing": "lot-cancelled",
    }

    # What was returned is sold again: under the same name it is a consignment of its own.
    anew = lots.ask("LIFE-1", "900")
    assert anew["state"] == "issued"
    assert lots.verify(lots.fetch(anew)).ok

    # A correction below what is sold closes the lot.
    lots.correct(LESS)
    assert lots.lot()["closed"]
    assert any("is closed" in warning for warning in lots.do(EXPORTER, "status")["warnings"])
    assert outcome(lots.ask("LIFE-4", "1")) == ("refused", "lot-closed")
    assert outcome(lots.ask("LIFE-2", "4832840.972")) == ("refused", "lot-closed")
    assert lots.refresh(rest)["state"] == "revoked"
    assert lots.failed(lots.folder / f"{rest['request']}.json")["lot-standing"] == "lot-superseded"

    closed = lots.audited()
    assert (closed["closed"], closed["cancelled"], closed["superseded"]) == (True, [2], [1, 3, 5])
    assert closed["unclaimed"] == []

    # A give-back opens it, and the attestation of what stays is made again over the entry that it has.
    lots.revoke(rest["attestation"])
    lots.give_back(rest)
    assert not lots.lot()["closed"]
    entries = lots.lot()["entries"]
    corrected = lots.ask("LIFE-1", "900")
    assert corrected["state"] == "issued"
    assert lots.lot()["entries"] == entries
    assert lots.verify(lots.fetch(corrected)).ok
    assert lots.ask("LIFE-4", "1")["state"] == "issued"
    opened = lots.audited()
    assert (opened["closed"], opened["cancelled"], opened["entries"]) == (False, [2, 3], 9)
    _the_exported_folder_holds_and_no_change_of_it(lots, opened)
    _no_correction_reuses_blindings(lots)

    # A lot without witnesses sells, and says that nobody can exclude another version of it.
    lots.correct(LESS, lot_witnesses=[EXPORTER.id])
    alone = lots.ask("LIFE-5", "1")
    assert alone["state"] == "issued"
    assert lots.failed(lots.fetch(alone)) == {"lot-standing": "lot-unwitnessed"}
    assert lots.refresh(alone)["state"] == "unwitnessed"
    audit = lots.do(REGULATOR, "audit", target=EXPORTER.id)
    failed = {check["id"]: check["error"] for check in audit["lots"][0]["checks"] if not check["ok"]}
    assert (audit["ok"], failed) == (False, {"lot-quorum": "lot-unwitnessed"})


def _the_exported_folder_holds_and_no_change_of_it(lots: LotStage, asked: dict[str, Any]) -> None:
    """An audit of files finds in the lot what an audit of the node found, and every change."""
    folder = lots.folder / "exported"
    assert lots.do(EXPORTER, "log-export", out=str(folder))["lots"] == 1
    (file,) = (folder / "lots").iterdir()
    written = file.read_text()

    def audited() -> dict[str, Any]:
        audit = lots.do(REGULATOR, "audit", target=str(folder))
        (found,) = audit["lots"]
        assert isinstance(found, dict)
        assert audit["ok"] == found["ok"]
        return found

    def errors() -> set[str]:
        return {check["error"] for check in audited()["checks"] if not check["ok"]}

    assert {**audited(), "checks": []} == {**asked, "checks": []}
    content = json.loads(written)
    for place, name in (
        (("run", "entries", 1), "entry"),
        (("run", "entries", 1), "proof"),
        (("run", "entries", 8), "remainderProof"),
        (("listed", "statements", 0), "statement"),
        (("listed",), "checkpoint"),
    ):
        changed = json.loads(written)
        at = changed
        for step in place:
            at = at[step]
        # One character in the middle: of a checkpoint in the root, of a token in the payload.
        middle = len(at[name]) // 2
        other = "A" if at[name][middle] != "A" else "B"
        at[name] = at[name][:middle] + other + at[name][middle + 1 :]
        file.write_text(json.dumps(changed))
        assert errors(), name
    content["run"]["entries"].pop(3)
    file.write_text(json.dumps(content))
    assert errors() == {"lot-audit-answer"}
    file.write_text("{}")
    with pytest.raises(Malformed) as problem:
        audited()
    assert problem.value.id == "lot-folder-format"
    file.unlink()
    assert errors() == {"lot-audit-hidden"}


def _no_correction_reuses_blindings(lots: LotStage) -> None:
    """Two versions over the same values share no blinding; one under an earlier version's nonce is refused."""
    openings = lots.folder / "openings"
    signed = lots.correct(LESS)
    before = lots.resealed(
        openings, lambda draft: replace(draft, version=draft.version + 1, supersedes=signed["statement"])
    )
    # The same commitments under the next number: what was signed is found, and nothing else is signed.
    assert lots.sign(str(openings))["statement"] == signed["statement"]

    lots.do(EXPORTER, "commit", verifier=VERIFIER.id, out=str(openings))
    after = lots.resealed(openings, lambda draft: replace(draft, nonce=before.nonce))
    with pytest.raises(CarbonportError) as reused:
        lots.sign(str(openings))
    assert reused.value.id == "bench-nonce-reused"
    values, blindings = [
        [[getattr(leaf.opening, name) for leaf in draft.leaves] for draft in (before, after)]
        for name in ("value", "blinding")
    ]
    assert sorted(values[0]) == sorted(values[1])
    assert not set(blindings[0]) & set(blindings[1])


def test_without_its_witness_a_sale_is_provisional_and_confirmed_later(tmp_path: Path) -> None:
    """The lot was seen by its witness before; the sale is made and fetched while the witness is gone."""
    homes = played_demo().copy_homes(tmp_path)
    lots = LotStage(tmp_path, homes)
    with ExitStack() as serving:
        for part in (VERIFIER, EXPORTER, IMPORTER):
            serving.enter_context(programs().serve(homes[part.key]))
        with programs().serve(homes[REGULATOR.key]):
            lots.fetch(lots.ask("LIFE-5", "10"))
        asked = lots.ask("LIFE-6", "20")
        bundle = lots.fetch(asked)
        assert lots.failed(bundle)["lot-standing"] == "lot-provisional"
        with programs().serve(homes[REGULATOR.key]):
            until(lambda: lots.refresh(asked)["state"] == "complete")
    assert lots.verify(bundle).ok
