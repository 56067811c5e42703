"""An exporter that lies, behind the real interface: its own keys, its own log, a real server, and false answers.

The importer refuses each of them with a clear error and keeps nothing, or keeps the one answer that honesty could also
have given (a receipt without its quorum) as provisional.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from played_demo import EXPORTER, IMPORTER, REGULATOR, VERIFIER, do, played_demo, question
from sqlalchemy import func, select
from warm_programs import programs

from carbonport.crypto.log_entry import EntryType, FieldName, payload_digest
from carbonport.crypto.notes import TYPE_ED25519, NoteSigner, SignedNote
from carbonport.crypto.receipt import Receipt
from carbonport.errors import FailedVerification, Malformed
from carbonport.node.home import open_home
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.log.draft import Draft
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant
from carbonport.node.services.exchange_service import ExchangeService
from carbonport.node.services.lot_service import LotService
from carbonport.node.services.status_service import StatusService
from carbonport.node.status_lists import StatusLists
from carbonport.node.store import Store
from carbonport.node.store.exchange_schema import bundles
from carbonport.node.store.schema import log_entries
from carbonport.wire.v1 import (
    exchange_pb2,
    exchange_pb2_grpc,
    lots_pb2,
    lots_pb2_grpc,
    status_pb2,
    status_pb2_grpc,
)

Answer = exchange_pb2.FetchAttestationResponse
Lie = Callable[["Liar", exchange_pb2.FetchAttestationRequest, Answer], Awaitable[Answer]]


class Liar(ExchangeService):
    """The exporter's service; `lie` changes the honest answer to a fetch, `tale` that to a request. One that is `deaf`
    sells the goods of whatever installation it likes.
    """

    def __init__(self, node: OpenNode) -> None:
        super().__init__(node)
        self.node = node
        self.lie: Lie | None = None
        self.tale: Callable[[exchange_pb2.Request], None] | None = None
        self.earlier: Receipt | None = None
        self.other_attestation = ""
        self.deaf = False

    async def FetchAttestation(  # noqa: N802 - the name in the wire contract
        self, request: exchange_pb2.FetchAttestationRequest, context: object
    ) -> Answer:
        answer = await super().FetchAttestation(request, context)
        return answer if self.lie is None else await self.lie(self, request, answer)

    async def RequestAttestation(  # noqa: N802
        self, request: exchange_pb2.RequestAttestationRequest, context: object
    ) -> exchange_pb2.RequestAttestationResponse:
        if self.deaf:
            request.installation = ""
        answer = await super().RequestAttestation(request, context)
        if self.tale is not None:
            self.tale(answer.request)
        return answer

    async def logged(self, exchange: str, payload: bytes, **changed: Any) -> Receipt:
        """A receipt of the exporter's own log over whatever it chooses to log."""
        fields = {
            FieldName.PAYLOAD: payload_digest(payload),
            FieldName.RECIPIENT: IMPORTER.id.encode(),
            FieldName.SUBJECT: b"x",
            **changed.pop("fields", {}),
        }
        draft = Draft(
            type=changed.pop("type", EntryType.CROSSING),
            exchange=exchange,
            request_digest=payload_digest(exchange.encode() + payload + repr(changed).encode()),
            fields=fields,
            opened=changed.pop("opened", (FieldName.PAYLOAD, FieldName.RECIPIENT, FieldName.SUBJECT)),
        )
        return (await self.node.log.append(draft)).receipt


@dataclass
class Scene:
    """A liar that serves, and the importer that asks it."""

    homes: dict[str, Path]
    liar: Liar

    @property
    def importer(self) -> Path:
        return self.homes[IMPORTER.key]

    def kept(self) -> tuple[int, int]:
        """Bundles and log entries of the importer."""
        store = Store.open_read_only(str(self.importer / "data"))
        try:
            with store.reading() as connection:
                counts = [
                    connection.execute(select(func.count()).select_from(table)).scalar_one()
                    for table in (bundles, log_entries)
                ]
        finally:
            store.close()
        return counts[0], counts[1]

    async def issued(self, consignment: str) -> dict[str, Any]:
        return await do(self.importer, "query", **question(consignment=consignment))


@asynccontextmanager
async def lying_exporter(folder: Path) -> AsyncIterator[Scene]:
    """The exporter of the demo, served by this process; regulator, verifier and importer are processes."""
    # The demo runs an event loop of its own, if this is the first test to ask for it.
    homes = await asyncio.to_thread(lambda: played_demo().copy_homes(folder))
    with (
        programs().serve(homes[REGULATOR.key]),
        programs().serve(homes[VERIFIER.key]),
        programs().serve(homes[IMPORTER.key]),
    ):
        opened = open_home(homes[EXPORTER.key], environ={})
        node = await OpenNode.open(Participant.open(opened))
        server, liar = opened.server(), Liar(node)
        server.add(
            exchange_pb2_grpc.add_ExchangeServiceServicer_to_server,
            liar,
            exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"],
        )
        server.add(
            lots_pb2_grpc.add_LotServiceServicer_to_server,
            LotService(node.lots),
            lots_pb2.DESCRIPTOR.services_by_name["LotService"],
        )
        server.add(
            status_pb2_grpc.add_StatusServiceServicer_to_server,
            StatusService(StatusLists(node.participant), node.restore),
            status_pb2.DESCRIPTOR.services_by_name["StatusService"],
        )
        try:
            await server.start(opened.config.node.listen)
            yield Scene(homes, liar)
        finally:
            await server.stop(1)
            await node.close()


def changed(data: bytes, place: int) -> bytes:
    return data[:place] + (b"A" if data[place : place + 1] != b"A" else b"B") + data[place + 1 :]


def disclosure_changed_at(part: float) -> Lie:
    async def lie(_liar: Liar, _request: exchange_pb2.FetchAttestationRequest, answer: Answer) -> Answer:
        disclosure = answer.disclosure
        return Answer(disclosure=changed(disclosure, int(len(disclosure) * part)), receipt=answer.receipt)

    return lie


def disclosure(data: Callable[[bytes], bytes]) -> Lie:
    async def lie(_liar: Liar, _request: exchange_pb2.FetchAttestationRequest, answer: Answer) -> Answer:
        return Answer(disclosure=data(answer.disclosure), receipt=answer.receipt)

    return lie


def receipt(change: Callable[[Liar, Receipt], Receipt | bytes]) -> Lie:
    async def lie(liar: Liar, _request: exchange_pb2.FetchAttestationRequest, answer: Answer) -> Answer:
        made = change(liar, Receipt.decode(answer.receipt))
        data = made if isinstance(made, bytes) else made.encode()
        return Answer(disclosure=answer.disclosure, receipt=data)

    return lie


def logged(other_bytes: bytes = b"", **changes: Any) -> Lie:
    """A true receipt of a false entry, under the right exchange id."""

    async def lie(liar: Liar, request: exchange_pb2.FetchAttestationRequest, answer: Answer) -> Answer:
        made = await liar.logged(request.request_id, other_bytes or answer.disclosure, **dict(changes))
        return Answer(disclosure=answer.disclosure, receipt=made.encode())

    return lie


async def of_another_exchange(
    liar: Liar, request: exchange_pb2.FetchAttestationRequest, answer: Answer
) -> Answer:
    made = await liar.logged("ab" * 16, answer.disclosure)
    return Answer(disclosure=answer.disclosure, receipt=made.encode())


async def of_another_attestation(
    liar: Liar, request: exchange_pb2.FetchAttestationRequest, answer: Answer
) -> Answer:
    """Both true, and logged under the right fetch: only not what was asked for."""
    released = await liar.node.releases.release(
        liar.other_attestation, importer=IMPORTER.id, request_id=request.request_id
    )
    return Answer(disclosure=released.payload, receipt=released.receipt.encode())


def with_earlier_checkpoint(liar: Liar, honest: Receipt) -> Receipt:
    assert liar.earlier is not None
    return replace(honest, checkpoint=liar.earlier.checkpoint)


def with_earlier_place(liar: Liar, honest: Receipt) -> Receipt:
    """Checkpoint, index and proof of an entry that was logged before."""
    assert liar.earlier is not None
    return replace(
        honest, checkpoint=liar.earlier.checkpoint, index=liar.earlier.index, proof=liar.earlier.proof
    )


def with_forged_checkpoint(liar: Liar, honest: Receipt) -> Receipt:
    """The same text, signed under the log's name with a key of nobody's."""
    signer = NoteSigner.generate(liar.node.participant.config.log_origin)
    text = honest.checkpoint.text
    return replace(honest, checkpoint=SignedNote(text, (signer.sign(text),)))


def with_another_root(liar: Liar, honest: Receipt) -> Receipt:
    """A tree of its own that the log's real key signed: no witness has seen it, and the entry is not in it."""
    config, identity = liar.node.participant.config, liar.node.participant.identity
    signer = NoteSigner(config.log_origin, TYPE_ED25519, identity.ed25519(KeyUse.LOG))
    lines = honest.checkpoint.text.split("\n")
    lines[2] = "A" * 43 + "="
    text = "\n".join(lines)
    return replace(honest, checkpoint=SignedNote(text, (signer.sign(text),)))


LIES: dict[str, Lie] = {
    "disclosure changed at the start": disclosure_changed_at(0.01),
    "disclosure changed in the credential": disclosure_changed_at(0.2),
    "disclosure changed in the middle": disclosure_changed_at(0.5),
    "disclosure changed near the end": disclosure_changed_at(0.9),
    "disclosure cut": disclosure(lambda data: data[:-1]),
    "disclosure empty": disclosure(lambda _data: b""),
    "disclosure of another form": disclosure(lambda _data: b'{"format":"other"}'),
    "disclosure with a blank": disclosure(lambda data: data.replace(b":", b": ", 1)),
    "receipt for other bytes": logged(b"other bytes"),
    "receipt for another recipient": logged(fields={FieldName.RECIPIENT: VERIFIER.id.encode()}),
    "receipt that hides the recipient": logged(opened=(FieldName.PAYLOAD,)),
    "receipt of an issue, not of a crossing": logged(type=EntryType.ISSUE),
    "receipt of another exchange": of_another_exchange,
    "another attestation": of_another_attestation,
    "earlier checkpoint": receipt(with_earlier_checkpoint),
    "earlier place": receipt(with_earlier_place),
    "forged checkpoint": receipt(with_forged_checkpoint),
    "another root": receipt(with_another_root),
    "another index": receipt(lambda _liar, honest: replace(honest, index=honest.index + 1)),
    "another key": receipt(lambda _liar, honest: replace(honest, key=bytes(len(honest.key)))),
    "proof cut": receipt(lambda _liar, honest: replace(honest, proof=honest.proof[:-1])),
    "receipt empty": receipt(lambda _liar, _honest: b""),
    "receipt of noise": receipt(lambda _liar, _honest: bytes(range(256)) * 8),
    "receipt too large": receipt(lambda _liar, honest: honest.encode() + b" " * 300_000),
}


@pytest.fixture(scope="module")
def lies_told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, bool]]:
    """Every lie told once on one stage: what the importer said, and whether it kept anything."""
    return asyncio.run(_tell_all(tmp_path_factory.mktemp("lies")))


async def _tell_all(folder: Path) -> dict[str, tuple[Any, bool]]:
    told: dict[str, tuple[Any, bool]] = {}
    async with lying_exporter(folder) as scene:
        liar = scene.liar
        first, other = await scene.issued("LIES-1"), await scene.issued("LIES-2")
        liar.other_attestation = other["attestation"]
        out = folder / "bundle.json"
        await do(scene.importer, "fetch", request=first["request"], out=str(out))
        liar.earlier = Receipt.decode(json.loads(out.read_bytes())["receipt"].encode())
        out.unlink()
        for name, lie in LIES.items():
            before, liar.lie = scene.kept(), lie
            said: Any
            try:
                said = await do(scene.importer, "fetch", request=first["request"], out=str(out))
            except Exception as error:  # noqa: BLE001 - the tests say which it must be
                said = error
            told[name] = (said, scene.kept() != before or out.exists())
            out.unlink(missing_ok=True)
        liar.lie = None
        told["honest again"] = (
            await do(scene.importer, "fetch", request=first["request"], out=str(out)),
            True,
        )
    return told


@pytest.mark.parametrize("name", LIES)
def test_a_lie_is_refused_and_nothing_kept(name: str, lies_told: dict[str, tuple[Any, bool]]) -> None:
    said, kept = lies_told[name]
    assert isinstance(said, FailedVerification | Malformed), said
    assert said.remedy
    assert not kept


def test_honesty_is_believed_after_lies(lies_told: dict[str, tuple[Any, bool]]) -> None:
    answer, _kept = lies_told["honest again"]
    assert answer["state"] == "complete", answer


async def test_without_a_quorum_it_stays_provisional(tmp_path: Path) -> None:
    """What an exporter without its witness would send: kept, not valid, and complete once the quorum is there."""
    async with lying_exporter(tmp_path) as scene:
        log_key = scene.liar.node.participant.config.log_origin

        def without_witnesses(_liar: Liar, honest: Receipt) -> Receipt:
            lines = tuple(line for line in honest.checkpoint.signatures if line.name == log_key)
            assert len(lines) < len(honest.checkpoint.signatures)
            return replace(honest, checkpoint=SignedNote(honest.checkpoint.text, lines))

        scene.liar.lie = receipt(without_witnesses)
        asked, out = await scene.issued("LIES-3"), tmp_path / "bundle.json"
        answer = await do(scene.importer, "fetch", request=asked["request"], out=str(out))
        assert answer["state"] == "provisional"
        checked = programs().run("verify", out, "--home", scene.importer, "--json").expect(1)
        failed = [item["id"] for item in checked["checks"] if not item["ok"]]
        assert failed[0] == "exporter-receipt-witnessed"
        again = await do(scene.importer, "refresh", request=asked["request"], out=str(out))
        assert again["state"] == "provisional"
        scene.liar.lie = None
        whole = await do(scene.importer, "refresh", request=asked["request"], out=str(out))
        assert whole["state"] == "complete"
        programs().run("verify", out, "--home", scene.importer, "--json").expect(0)


async def test_an_answer_about_another_request_changes_nothing(tmp_path: Path) -> None:
    """An exporter cannot rewrite what became of a request that it was not asked about."""
    async with lying_exporter(tmp_path) as scene:
        first = await scene.issued("LIES-4")

        def about(request_id: str = "", **fields: Any) -> Callable[[exchange_pb2.Request], None]:
            def tale(answer: exchange_pb2.Request) -> None:
                answer.request_id = request_id or answer.request_id
                for name, value in fields.items():
                    setattr(answer, name, value)

            return tale

        for tale in (
            about(first["request"], attestation_id="00" * 16),
            about("", state=exchange_pb2.REQUEST_STATE_UNSPECIFIED),
            about("", state=77),
            about("f" * 32),
        ):
            scene.liar.tale = tale
            with pytest.raises(FailedVerification) as problem:
                await scene.issued("LIES-5")
            assert problem.value.id == "answer-request"
        scene.liar.tale = None
        out = tmp_path / "bundle.json"
        assert (await do(scene.importer, "fetch", request=first["request"], out=str(out)))[
            "state"
        ] == "complete"


async def test_a_true_attestation_of_the_wrong_kind_is_refused(tmp_path: Path) -> None:
    """Told that its request was answered by another attestation of its own, the importer sees that it is not."""
    async with lying_exporter(tmp_path) as scene:
        other = await scene.issued("LIES-6")

        def tale(answer: exchange_pb2.Request) -> None:
            answer.attestation_id = other["attestation"]

        scene.liar.tale = tale
        asked, before = await scene.issued("LIES-7"), scene.kept()
        with pytest.raises(FailedVerification) as problem:
            await do(scene.importer, "fetch", request=asked["request"], out=str(tmp_path / "b.json"))
        assert problem.value.id == "answer-not-asked"
        assert "consignment" in str(problem.value)
        assert scene.kept() == before

        scene.liar.tale, scene.liar.deaf = None, True
        named = {**question(consignment="LIES-8"), "installation": "Second Works"}
        asked = await do(scene.importer, "query", **named)
        with pytest.raises(FailedVerification) as problem:
            await do(scene.importer, "fetch", request=asked["request"], out=str(tmp_path / "b.json"))
        assert "with another installation" in str(problem.value)
        assert scene.kept() == before
