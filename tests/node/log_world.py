"""A log with its key, its regulator and its witness, as the tests of the log need them."""

import hashlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from carbonport.crypto.log_entry import EntryType, FieldName, payload_digest
from carbonport.crypto.notes import TYPE_COSIGNATURE, NoteSigner, VerifierKey
from carbonport.crypto.receipt import Receipt, verify_receipt
from carbonport.crypto.sealing import HpkeKeyPair, hpke_generate
from carbonport.crypto.witness_policy import WitnessPolicy
from carbonport.errors import Unavailable
from carbonport.node.log.add_checkpoint import Cosigner, Outcome
from carbonport.node.log.audit import Auditor
from carbonport.node.log.audited_entry import LoggedItem, items_field
from carbonport.node.log.draft import CompanionWrite, Draft
from carbonport.node.log.exchange_log import ExchangeLog
from carbonport.node.log.settings import LogSettings
from carbonport.node.log.witness import LocalWitness, LogWitness
from carbonport.node.store import Store

ORIGIN = "exporter.example/log"
IMPORTER = "DE/529900IMPORTER00001"
EXPORTER = "CN/5299000CARBONPORT01"
READER = "cn-regulator"
NOW = 1_790_000_000


@dataclass
class Ticking:
    """A clock that stands still until it is moved."""

    now: int = NOW

    def __call__(self) -> int:
        return self.now


@dataclass
class FickleWitness:
    """A real witness behind a line that a test can cut, and answers that it can replace."""

    inner: Cosigner
    cut: bool = False
    lie: Callable[[bytes], Outcome] | None = None
    claim: int | None = None
    requests: list[bytes] = field(default_factory=list)

    @property
    def key(self) -> VerifierKey:
        return self.inner.key

    async def add_checkpoint(self, request: bytes) -> Outcome:
        self.requests.append(request)
        if self.cut:
            raise _unreachable()
        return self.lie(request) if self.lie else await self.inner.add_checkpoint(request)

    async def witnessed_size(self, origin: str) -> int:
        if self.cut:
            raise _unreachable()
        return self.claim if self.claim is not None else await self.inner.witnessed_size(origin)


def _unreachable() -> Unavailable:
    return Unavailable("test-cut", found="a cut line", expected="a witness", remedy="Mend it.")


@dataclass
class LogWorld:
    """Keys that stay the same while stores and processes come and go."""

    folder: Path
    clock: Ticking = field(default_factory=Ticking)
    signer: NoteSigner = field(default_factory=lambda: NoteSigner.generate(ORIGIN))
    own_key: bytes = field(default_factory=lambda: os.urandom(32))
    regulator: HpkeKeyPair = field(default_factory=hpke_generate)
    witness_signer: NoteSigner = field(
        default_factory=lambda: NoteSigner.generate("regulator.example", TYPE_COSIGNATURE)
    )
    quorum: int = 1

    def __post_init__(self) -> None:
        self.witness_store = Store.open(self.folder / "witness")
        self.log_witness = LogWitness(
            self.witness_store,
            self.witness_signer,
            lambda origin: [self.signer.verifier] if origin == ORIGIN else [],
            clock=self.clock,
        )
        self.witness = FickleWitness(LocalWitness(self.log_witness))

    @property
    def policy(self) -> WitnessPolicy:
        return WitnessPolicy.of(self.quorum, [self.witness_signer.verifier])

    @property
    def auditor(self) -> Auditor:
        return Auditor(READER, self.regulator.private)

    async def open(
        self,
        store: Store,
        *,
        settings: LogSettings | None = None,
        cosigners: Sequence[Cosigner] | None = None,
        policy: WitnessPolicy | None = None,
    ) -> ExchangeLog:
        return await ExchangeLog.open(
            store,
            origin=ORIGIN,
            signer=self.signer,
            own_key=self.own_key,
            readers={READER: self.regulator.public},
            policy=policy or self.policy,
            cosigners=[self.witness] if cosigners is None else cosigners,
            settings=settings or LogSettings(witness_timeout_s=60),
            clock=self.clock,
        )

    def verify(self, receipt: Receipt, payload: bytes) -> int | None:
        """As an importer would."""
        return verify_receipt(
            receipt,
            log_key=self.signer.verifier,
            policy=self.policy,
            payload=payload,
            expected={FieldName.RECIPIENT: IMPORTER.encode()},
        )

    def close(self) -> None:
        self.witness_store.close()


def exchange_id(number: int) -> str:
    return f"{number:032x}"


def crossing(number: int, *, payload: bytes = b"", write: CompanionWrite | None = None) -> Draft:
    """The crossing of `payload` (default: its number) to the importer, always with the same key."""
    items = (
        LoggedItem("see_direct", "result", "S2", "raw", "minimal-set", f"d{number}"),
        LoggedItem("cn", "identity", "S1", "raw", "minimal-set", f"d{number}"),
    )
    return Draft(
        type=EntryType.CROSSING,
        exchange=exchange_id(number),
        request_digest=hashlib.sha256(b"%d" % number).digest(),
        fields={
            FieldName.PAYLOAD: payload_digest(payload or b"%d" % number),
            FieldName.RECIPIENT: IMPORTER.encode(),
            FieldName.PURPOSE: b"cbam-declaration",
            FieldName.ITEMS: items_field(items),
        },
        opened=(FieldName.PAYLOAD, FieldName.RECIPIENT),
        write=write,
    )
