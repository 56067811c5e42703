"""The demo, step by step: plant data become an attested value, and nothing sensitive crosses.

Every step is what a person would do with the command of the same name: the operation runs in the node's own process,
reached through its control socket. The play tells what happens as it happens and gives the result for scripts.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from carbonport.attestation.bundle import read_bundle
from carbonport.attestation.checks import verify_bundle
from carbonport.attestation.credential import (
    ATTESTED_RESULTS,
    Attestation,
    attestation_kid,
    verify_attestation,
)
from carbonport.attestation.presentation import Presentation
from carbonport.classification.forms import Form, Role
from carbonport.classification.graded_ledger import graded_ledger
from carbonport.classification.policy import Policy
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json
from carbonport.crypto.checkpoint import Checkpoint
from carbonport.footprint.calculation import calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake import read_ledger
from carbonport.footprint.ledger import Ledger
from carbonport.node.control import call_control
from carbonport.node.demo.cast import (
    CAST,
    EXPORTER,
    IMPORTER,
    REGULATOR,
    VERIFIER,
    Part,
    Stage,
    invented_consignment,
    set_stage,
)
from carbonport.node.demo.processes import NodeProcesses

PROTECTED_ITEM = "activity_level"
"""What the importer asks for and must not get: output tells capacity, cost and, with the SEE, total emissions."""

NET_MASS_T = "2450.500"
"""Net mass of the demo's consignment in tonnes."""

Tell = Callable[[str, str], None]
"""Tells a step: a heading and a sentence."""


@dataclass(frozen=True)
class Outcome:
    """What the play came to, for people and for scripts."""

    seconds: float
    bundle: Path
    attestation: Mapping[str, Json]
    crossed: Sequence[Mapping[str, Json]]
    stayed: Mapping[str, int]
    checks: Sequence[Mapping[str, Json]]
    refused: Mapping[str, Json]
    audit: Mapping[str, Json]
    lot: Mapping[str, Json]
    folder: Path

    @property
    def ok(self) -> bool:
        """Whether every check held."""
        return all(bool(check["ok"]) for check in self.checks)

    def as_json(self) -> dict[str, Json]:
        """The contract for scripts."""
        return {
            "ok": self.ok,
            "seconds": f"{self.seconds:.2f}",
            "bundle": str(self.bundle),
            "folder": str(self.folder),
            "attestation": dict(self.attestation),
            "crossed": [dict(item) for item in self.crossed],
            "stayed": dict(self.stayed),
            "checks": [dict(check) for check in self.checks],
            "refused": dict(self.refused),
            "audit": {name: self.audit[name] for name in ("ok", "origin", "size", "root", "by_grade")},
            "lot": dict(self.lot),
        }


@dataclass
class Play:
    """One performance in `folder` on the data of `document`.

    `launchers` and `stores` give single nodes, by key, another way of starting and another database.
    """

    folder: Path
    document: Path
    tell: Tell
    launchers: dict[str, Sequence[str]] = field(default_factory=dict)
    stores: dict[str, str] = field(default_factory=dict)

    def perform(self) -> Outcome:
        """Set the stage, run the nodes, play, and stop them again."""
        started = time.monotonic()
        ledger = read_ledger(self.document, Catalogue.load())
        groups = sorted({good.rules.entry.category for good in calculate(ledger).goods})
        self.tell("stage", "keys, certificates and signed trust lists for two jurisdictions")
        stage = set_stage(self.folder, tuple(groups), self.stores)
        homes = {part.key: stage.home(part).path for part in CAST if part.serves}
        # The loop is made before there is anything to see: Ctrl-C in the middle of making it would leave half a loop.
        with asyncio.Runner() as runner, NodeProcesses(self.launchers) as nodes:
            runner.get_loop()
            nodes.start(homes)
            return runner.run(_Scenes(self, stage, ledger, started).play())


@dataclass
class _Scenes:
    """The scenes, in order; each leaves what later ones need."""

    show: Play
    stage: Stage
    ledger: Ledger
    started: float

    async def play(self) -> Outcome:
        self.show.tell(
            "nodes", "exporter, verifier, importer and regulator run as processes, mutual TLS between them"
        )
        await self._verify_on_site()
        consignment = invented_consignment()
        bundle, fetched = await self._exchange(consignment)
        refused = await self._ask_too_much(consignment)
        audit = await self._audit()
        lot = _lot_of(audit, bundle)
        data = bundle.read_bytes()
        home = self.stage.home(IMPORTER)
        report = verify_bundle(
            data,
            now=system_clock(),
            anchors=home.trust.anchors(),
            importer=IMPORTER.id,
            consignment=consignment,
        )
        attestation = self._attestation(data)
        proof = report.check("result-proof")
        self.show.tell("verify", proof.found.partition("; opened")[0])
        crossed = _crossed(audit, proved=proof.ok and proof.found.startswith("proved"))
        checks = [
            *report.as_json()["checks"],  # type: ignore[misc]
            _check(
                "protected-item-refused", refused["state"] == "refused", str(refused["reason"]), "refused"
            ),
            _check("log-audited", bool(audit["ok"]), f"{audit['size']} entries", "a log that holds"),
            *_lot_checks(lot),
            _check("receipt-complete", fetched["state"] == "complete", str(fetched["state"]), "complete"),
        ]
        return Outcome(
            seconds=time.monotonic() - self.started,
            bundle=bundle,
            attestation=_attestation_json(attestation),
            crossed=crossed,
            stayed=self._stayed({str(item["field"]) for item in crossed}),
            checks=checks,
            refused=refused,
            audit=audit,
            lot=lot,
            folder=self.show.folder,
        )

    async def _verify_on_site(self) -> None:
        taken = await self._do(EXPORTER, "intake", {"path": str(self.show.document.resolve())})
        self.show.tell(
            "intake", f"{taken['installation']}: {taken['records']} figures in the exporter's own store"
        )
        handover = self.show.folder / "handover"
        handover.mkdir(exist_ok=True)
        openings, statement = handover / "openings.sealed", handover / "statement.json"
        committed = await self._do(EXPORTER, "commit", {"verifier": VERIFIER.id, "out": str(openings)})
        self.show.tell(
            "commit", f"{committed['commitments']} Pedersen commitments; openings sealed to the verifier"
        )
        store = self.stage.home(EXPORTER).config.store_url(self.stage.home(EXPORTER).path)
        signed = await self._do(
            VERIFIER,
            "sign",
            {
                "store": store.removeprefix("sqlite:///"),
                "openings": str(openings),
                "out": str(statement),
                "opinion": "satisfactory",
            },
        )
        openings.unlink()
        self.show.tell(
            "sign", f"recomputed on site, no deviation; statement {str(signed['statement'])[:16]}... logged"
        )
        await self._do(EXPORTER, "statement-add", {"path": str(statement)})

    async def _exchange(self, consignment: str) -> tuple[Path, Mapping[str, Json]]:
        query = await self._do(IMPORTER, "query", self._query(consignment, []))
        self.show.tell(
            "query", f"the importer asks for CN {self._good()}, consignment {consignment}: {query['state']}"
        )
        bundle = self.show.folder / "bundle.json"
        fetched = await self._do(IMPORTER, "fetch", {"request": query["request"], "out": str(bundle)})
        self.show.tell(
            "fetch", "logged durably and cosigned before it left; leaf recomputed from the bytes received"
        )
        self.show.tell(
            "lot",
            f"{NET_MASS_T} t sold from the lot of the verified production, hidden in an entry that is cosigned",
        )
        return bundle, fetched

    async def _ask_too_much(self, consignment: str) -> Mapping[str, Json]:
        refused = await self._do(IMPORTER, "query", self._query(consignment, [PROTECTED_ITEM]))
        self.show.tell(
            "refusal", f"the importer asks for {PROTECTED_ITEM}: {refused['state']} ({refused['reason']})"
        )
        return refused

    async def _audit(self) -> Mapping[str, Json]:
        for part in (EXPORTER, IMPORTER, VERIFIER):
            await self._do(part, "log-export", {"out": str(self.show.folder / "logs" / part.key)})
        audit = await self._do(REGULATOR, "audit", {"target": EXPORTER.id})
        self.show.tell(
            "audit",
            f"the regulator recomputes the exporter's log from its {audit['size']} entries, and its lots",
        )
        return audit

    async def _do(self, part: Part, operation: str, arguments: Mapping[str, Json]) -> Mapping[str, Json]:
        result = await call_control(self.stage.home(part).path, operation, dict(arguments))
        assert isinstance(result, dict), "operations give objects"
        return result

    def _query(self, consignment: str, items: list[Json]) -> Mapping[str, Json]:
        period = self.ledger.period
        return {
            "exporter": EXPORTER.id,
            "purpose": "cbam-declaration",
            "cn": self._good(),
            "period_start": period.start.isoformat(),
            "period_end": period.end.isoformat(),
            "consignment": consignment,
            "net_mass_t": NET_MASS_T,
            "items": items,
        }

    def _good(self) -> str:
        return self.ledger.goods[0].cn

    def _attestation(self, data: bytes) -> Attestation:
        credential = Presentation.decode(read_bundle(data).presentation).credential
        trust = self.stage.home(IMPORTER).trust.store()
        key = trust.participant(EXPORTER.id, now=system_clock()).key(attestation_kid(credential), "seal")
        assert key is not None, "the importer verified it with this key"
        return verify_attestation(credential, key.jwk)

    def _stayed(self, crossed: set[str]) -> Mapping[str, int]:
        """Ledger entries by grade that an importer may not see and that did not cross."""
        graded = graded_ledger(self.ledger, Policy.load().table)
        counts: dict[str, int] = {}
        for entry in graded.entries.values():
            if entry.entry.field in crossed or entry.rule.permits(Role.DECLARANT, Form.RAW, approved=False):
                continue
            counts[str(entry.grade)] = counts.get(str(entry.grade), 0) + 1
        return dict(sorted(counts.items()))


def _lot_of(audit: Mapping[str, Json], bundle: Path) -> Mapping[str, Json]:
    """The lot that the consignment was sold from, as the regulator found it; nothing where a production has none."""
    shown = read_bundle(bundle.read_bytes()).lot
    lots = audit["lots"]
    if shown is None:
        return {}
    assert isinstance(lots, list), "the audit lists lots"
    origin = Checkpoint.parse(shown.presentation.note.text).origin
    return {**next(lot for lot in lots if lot["origin"] == origin), "entry": shown.presentation.k}


def _lot_checks(lot: Mapping[str, Json]) -> list[dict[str, Json]]:
    if not lot:
        return []
    holds = bool(lot["ok"]) and not lot["closed"] and not lot["unclaimed"]
    found = f"{lot['entries']} entries of the lot of {lot['process']}"
    return [_check("lot-audited", holds, found, "an attestation for each entry, no more sold than produced")]


def _crossed(audit: Mapping[str, Json], *, proved: bool) -> list[dict[str, Json]]:
    """What crossed, as the regulator read it from the exporter's log, and what stands behind each item."""
    found: list[dict[str, Json]] = []
    entries = audit["entries"]
    assert isinstance(entries, list), "the audit lists entries"
    for entry in entries:
        if entry["type"] == "crossing":
            found += [
                {
                    "field": item["field"],
                    "grade": item["grade"],
                    "form": item["form"],
                    "behind": _behind(str(item["field"]), proved=proved),
                    "recipient": entry["recipient"],
                }
                for item in entry["items"]
            ]
    return found


def _behind(field: str, *, proved: bool) -> str:
    """What the importer has beside the exporter's word: a proof, the verifier's commitment, or nothing."""
    if field in ATTESTED_RESULTS:
        return "proved" if proved else "opened"
    return "opened in the proof" if "/" in field else "stated"


def _attestation_json(attestation: Attestation) -> dict[str, Json]:
    header = attestation.header
    return {
        "id": header.id,
        "issuer": header.issuer,
        "importer": header.importer,
        "process": header.process,
        "statement": header.statement.digest,
        "verifier": header.statement.issuer,
        **attestation.items,
    }


def _check(name: str, ok: bool, found: str, expected: str) -> dict[str, Json]:
    return {"id": name, "ok": ok, "found": found, "expected": expected}
