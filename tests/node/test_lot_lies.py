"""An exporter that lies about its lot, behind the real interface: the importer refuses each lie and keeps nothing.

Some change what an honest lot shows on the way. Others are lots of the cheat's own making, signed with its real key:
one without the consignments of others, one with a consignment of less than nothing that nobody bought.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from played_demo import IMPORTER, do, question
from test_exchange_lies import Scene, lying_exporter

from carbonport.attestation.lots.consignment_key import new_consignment_key, recipient_tag
from carbonport.attestation.lots.lot_leaves import ConsignmentEntry, proof_digest
from carbonport.attestation.lots.lot_presentation import LotPresentation, present
from carbonport.attestation.lots.seller import (
    ConsignmentOpening,
    ConsignmentRequest,
    LotState,
    open_lot,
    sell,
)
from carbonport.crypto.canonical import canonical_bytes
from carbonport.crypto.checkpoint import Checkpoint, sign_checkpoint
from carbonport.crypto.group import encode_scalar
from carbonport.crypto.notes import TYPE_ED25519, NoteSigner
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.ranges import prove_openings
from carbonport.errors import FailedVerification, Malformed, Unavailable
from carbonport.node.exporter import inbox
from carbonport.node.exporter.lots import lot_rows, lot_showing
from carbonport.node.exporter.lots.lot_states import level_opening, lots_of, shown_level
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.proving.proving_worker import ProvingWorker
from carbonport.node.proving.tasks import EVIDENCE, RANGES
from carbonport.node.services.lot_service import LotService
from carbonport.wire.v1 import lots_pb2

Head: TypeAlias = lots_pb2.GetConsignmentResponse
Page: TypeAlias = lots_pb2.ListLotEntriesResponse
SECRET = b"\x07" * 32
MAX_TRIES = 6


@dataclass
class Lies:
    """What happens to the next answers of the exporter's lot service."""

    head: Callable[[Head], None] = field(default=lambda _answer: None)
    page: Callable[[Page], None] = field(default=lambda _answer: None)

    def stop(self) -> None:
        """Honest answers again."""
        self.head, self.page = Lies().head, Lies().page


@pytest.fixture
def lies(monkeypatch: pytest.MonkeyPatch) -> Lies:
    told = Lies()
    honest_head, honest_page = LotService.GetConsignment, LotService.ListLotEntries

    async def head(self: LotService, request: Any, context: object) -> Head:
        answer = await honest_head(self, request, context)
        told.head(answer)
        return answer

    async def page(self: LotService, request: Any, context: object) -> Page:
        answer = await honest_page(self, request, context)
        told.page(answer)
        return answer

    monkeypatch.setattr(LotService, "GetConsignment", head)
    monkeypatch.setattr(LotService, "ListLotEntries", page)
    return told


def bit(data: bytes, place: int) -> bytes:
    place %= len(data)
    return data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]


def head(name: str, change: Callable[[Any], Any]) -> Lies:
    return Lies(head=lambda answer: setattr(answer, name, change(getattr(answer, name))))


def entry(place: int, name: str, change: Callable[[bytes], bytes]) -> Lies:
    def lie(answer: Page) -> None:
        setattr(answer.entries[place], name, change(getattr(answer.entries[place], name)))

    return Lies(page=lie)


def swap(answer: Page) -> None:
    first, second = answer.entries[1].entry, answer.entries[2].entry
    answer.entries[1].entry, answer.entries[2].entry = second, first


def left_out(answer: Page) -> None:
    del answer.entries[1]


def one_too_many(answer: Page) -> None:
    answer.entries.append(answer.entries[2])


CHANGES: dict[str, Lies] = {
    "another's quantity": entry(1, "entry", lambda data: bit(data, 40)),
    "another's key": entry(1, "entry", lambda data: bit(data, 130)),
    "entries swapped": Lies(page=swap),
    "an entry left out": Lies(page=left_out),
    "an entry too many": Lies(page=one_too_many),
    "another's proof": entry(1, "proof", lambda data: bit(data, 100)),
    "a proof left out": entry(1, "proof", lambda _data: b""),
    "the entry of another": head("k", lambda _k: 1),
    "the entry of a statement": head("k", lambda _k: 0),
    "a remainder elsewhere": head("position", lambda _position: 1),
    "another remainder": head("remainder_proof", lambda data: bit(data, 10)),
    "another level": head("level", lambda data: data.replace(b'"index":', b'"index":1')),
    "another blinding": head("blinding", lambda data: bit(data, 0)),
    "another salt": head("salt", lambda data: bit(data, 5)),
    "a checkpoint of another size": head("checkpoint", lambda data: data.replace(b"\n3\n", b"\n2\n")),
    "a checkpoint of a huge lot": head("checkpoint", lambda data: data.replace(b"\n3\n", b"\n99999999\n")),
    "a checkpoint of noise": head("checkpoint", lambda _data: b"noise"),
}


async def issued(scene: Scene, consignment: str) -> dict[str, Any]:
    """Ask until it is answered: the first proofs of a process may take longer than a caller waits."""
    for _ in range(MAX_TRIES):
        with contextlib.suppress(Unavailable):
            return await scene.issued(consignment)
    raise AssertionError("no answer")


async def refused(scene: Scene, asked: dict[str, Any], folder: Path) -> str:
    """The importer's word against a lie; fails when it kept anything."""
    before, out = scene.kept(), folder / "lie.json"
    with pytest.raises((FailedVerification, Malformed)) as problem:
        await do(scene.importer, "fetch", request=asked["request"], out=str(out))
    assert scene.kept() == before
    assert not out.exists()
    assert problem.value.remedy
    return f"{problem.value.id} {problem.value.found}"


async def test_whatever_is_changed_of_a_lot_is_refused(
    tmp_path: Path, lies: Lies, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with lying_exporter(tmp_path) as scene:
        asked = await issued(scene, "LOT-LIE")
        for name, lie in CHANGES.items():
            lies.head, lies.page = lie.head, lie.page
            said = await refused(scene, asked, tmp_path)
            assert "internal-error" not in said, name
        lies.stop()

        # A first consignment of less than nothing, with whatever proof: more could be sold than was produced.
        await _show(scene, asked, lies, alone=False)
        assert "lot-within-production" in await refused(scene, asked, tmp_path)

        # A lot of the importer's own, in which it would be the first: the proof of its results names another place.
        await _show(scene, asked, lies, alone=True, elsewhere=True)
        assert "result-proof" in await refused(scene, asked, tmp_path)

        # One that sold others nothing: nothing in it is wrong but that no witness has seen it.
        await _show(scene, asked, lies, alone=True)
        fetched = await do(scene.importer, "fetch", request=asked["request"], out=str(tmp_path / "a"))
        assert fetched["state"] == "provisional"
        lies.stop()
        with pytest.raises(FailedVerification) as forked:
            await do(scene.importer, "refresh", request=asked["request"], out=str(tmp_path / "a"))
        assert forked.value.id == "lot-forked"

        # And the other way round; an honest lot may also come in many pages.
        monkeypatch.setattr(lot_showing, "MAX_SHOWN_ENTRIES", 1)
        asked = await issued(scene, "LOT-HONEST")
        honest = await do(scene.importer, "fetch", request=asked["request"], out=str(tmp_path / "b"))
        assert honest["state"] == "complete"

        await _show(scene, asked, lies, alone=True)
        with pytest.raises(FailedVerification) as forked:
            await do(scene.importer, "refresh", request=asked["request"], out=str(tmp_path / "b"))
        assert forked.value.id == "lot-forked"

        await _what_the_lot_refuses_is_not_proved(scene, monkeypatch)


async def _what_the_lot_refuses_is_not_proved(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sale comes first: neither a proof of results nor one of a quantity is made of what is sold out."""
    made: list[str] = []
    run = ProvingWorker.run

    async def noted(self: ProvingWorker, name: str, argument: object) -> bytes:
        made.append(name)
        return await run(self, name, argument)

    monkeypatch.setattr(ProvingWorker, "run", noted)
    everything = {**question(consignment="LOT-ALL"), "net_mass_t": "4836291.472"}
    answered = await do(scene.importer, "query", **everything)
    assert (answered["state"], answered["reason"], made) == ("refused", "lot-sold-out", [])
    assert (await issued(scene, "LOT-SOME"))["state"] == "issued"
    assert made == [RANGES, RANGES, EVIDENCE]


async def _show(
    scene: Scene, asked: dict[str, Any], lies: Lies, *, alone: bool, elsewhere: bool = False
) -> None:
    """Show a lot in which the consignment is `alone`, at its place or at the first, or stands behind one of less than
    nothing."""
    node = scene.liar.node
    participant = node.participant
    with participant.store.reading() as connection:
        request = inbox.entry_of(connection, IMPORTER.id, asked["request"])
        place = lot_rows.consignment_of(connection, asked["attestation"])
    assert request is not None
    assert place is not None
    composition = await node.composer.compose(request.request, None)
    prepared = composition.prepared
    stated = next(
        each for each in lots_of(prepared) if each.lot.process == composition.egress.subject.process
    )
    state = open_lot(stated, level_opening(prepared, stated)).state
    if not alone:
        state = _with_less_than_nothing(state)
    while state.history.size < place[1] and not elsewhere:
        nobody = ConsignmentRequest("EU/NOBODY", "NOTHING", 0, new_consignment_key()[1])
        state = sell(state, nobody, nonce_secret=SECRET).state
    key = bytes.fromhex(request.request.consignment_key)
    quantity = stated.terms.quantity(request.request.net_mass_t)
    wanted = ConsignmentRequest(IMPORTER.id, request.request.consignment, quantity, key)
    step = sell(state, wanted, nonce_secret=SECRET)
    history = step.state.history
    signer = NoteSigner(stated.terms.origin, TYPE_ED25519, participant.identity.ed25519(KeyUse.LOG))
    note = sign_checkpoint(Checkpoint(signer.name, history.size, history.root), signer)
    shown = present(step.state, step.position, note, shown_level(prepared, stated))
    lies.head, lies.page = _as_answers(shown)


def _with_less_than_nothing(state: LotState) -> LotState:
    """A first consignment without an importer, of minus a million tonnes: it leaves more than was produced."""
    opening = ConsignmentOpening(-(10**12), 5, bytes(32))
    bits, entry_key = state.stated.terms.bits, new_consignment_key()[1]
    # The proof of another number: there is none of this one.
    proof = prove_openings([Opening(1, 1)], [bits], bytes(64), nonce_secret=SECRET)
    tag = recipient_tag(opening.salt, "EU/NOBODY", "NOTHING")
    written = ConsignmentEntry(1, commit(opening.of_commitment), tag, entry_key, proof_digest(proof))
    return replace(state, history=state.history.extended(written), openings={1: opening}, proofs={1: proof})


def _as_answers(shown: LotPresentation) -> tuple[Callable[[Head], None], Callable[[Page], None]]:
    def head_of(answer: Head) -> None:
        answer.checkpoint = shown.note.encode()
        answer.k, answer.position = shown.k, shown.position
        answer.remainder_proof = shown.remainder_proof
        answer.level = canonical_bytes(shown.level.to_json())
        answer.blinding, answer.salt = encode_scalar(shown.blinding), shown.salt

    def page_of(answer: Page) -> None:
        del answer.entries[:]
        for position, data in enumerate(shown.entries):
            answer.entries.add(position=position, entry=data, proof=shown.proofs.get(position, b""))

    return head_of, page_of
