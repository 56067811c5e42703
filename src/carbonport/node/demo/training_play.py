"""The demo of a training, step by step: five exporters, three key holders and a coordinator, each a node of its own;
a SuperLink, and beside every member and holder a SuperNode and an executor. TLS on loopback between all of them.

Every step is an operation in the node's own process, as the commands of `carbonport federate`, `requests`, `approve`
and `audit` would have it done. The table at the end is made by the demo, which alone has all rows.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json
from carbonport.errors import Unavailable
from carbonport.federated.plausibility_model import PlausibilityModel
from carbonport.node.control import call_control
from carbonport.node.demo.aggregate_cast import COORDINATOR
from carbonport.node.demo.cast import IMPORTER, REGULATOR, Part
from carbonport.node.demo.processes import NodeProcesses, Service
from carbonport.node.demo.resident_memory import Resident, resident_memory
from carbonport.node.demo.training_cast import (
    HOLDERS,
    MEMBERS,
    MONTHS,
    SERVING,
    TrainingStage,
    set_training_stage,
    training_plan_file,
)
from carbonport.node.demo.training_judgement import Judgement, judge
from carbonport.node.plausibility.model_files import read_listed_model

CARRY = Service(("federate", "serve", "--listen", "127.0.0.1:0"), "federate-serve.log", 180.0)
"""The coordinator's SuperLink, front and carrier; on a busy machine Flower starts slowly."""

JOIN = Service(("federate", "join", COORDINATOR.id), "federate-join.log", 400.0)
"""A SuperNode and its executor: eight of them start at once."""

TRAINING_S = 600.0
"""How long the training may take from the plan to the model."""

STEP_S = 300.0
"""How long one run of it may take."""

AGAIN_S = 1.0
"""Pause between two runs."""

FEW_HONEST = 0.1
"""Largest share of honest claims that may be flagged."""

MOST_PLANTED = 0.9
"""Smallest share of planted claims that has to be flagged."""

TRAINING_ENTRY = "training"
"""Type of the log entries that record an exchange of a training, or its model, in the logs of all parties."""

Tell = Callable[[str, str], None]
"""Tells a step: a heading and a sentence."""


@dataclass(frozen=True)
class TrainingOutcome:
    """What the play came to. `seconds` of everything, `training_seconds` from the persons' approvals to the model."""

    folder: Path
    seconds: float
    training_seconds: float
    exchanges: int
    model: Path
    judged: Judgement
    memory: Mapping[str, Resident]
    checks: list[dict[str, Json]]

    @property
    def ok(self) -> bool:
        """Whether every check held."""
        return all(bool(check["ok"]) for check in self.checks)

    def as_json(self) -> dict[str, Any]:
        """The contract for scripts."""
        judged = self.judged
        return {
            "ok": self.ok,
            "seconds": f"{self.seconds:.2f}",
            "folder": str(self.folder),
            "training": {
                "task": "plausibility",
                "exporters": len(MEMBERS),
                "holders": len(HOLDERS),
                "exchanges": self.exchanges,
                "seconds": f"{self.training_seconds:.2f}",
                "results": {name: scores.as_json() for name, scores in judged.results.items()},
                "amounts_seen": judged.amounts_seen.as_json(),
                "max_weight_difference": judged.max_weight_difference,
                "flagged": {"honest": judged.honest_flagged, "planted": judged.planted_flagged},
                "claims": {"honest": judged.honest, "planted": judged.planted},
                "model": str(self.model),
                "log": str(self.folder / "logs" / COORDINATOR.key),
                "memory": {kind: asdict(resident) for kind, resident in self.memory.items()},
            },
            "checks": self.checks,
        }


@dataclass
class TrainingPlay:
    """One performance in `folder`."""

    folder: Path
    tell: Tell

    def perform(self) -> TrainingOutcome:
        """Set the stage, run nodes and carriers, play, and stop them again."""
        started = time.monotonic()
        stage = set_training_stage(self.folder)
        self.tell(
            "stage",
            f"{len(MEMBERS)} arc furnaces with {MONTHS} monthly ledgers each, {len(HOLDERS)} key holders (an importer "
            "and a regulator among them), a coordinator, two trust lists",
        )
        homes = {part.key: stage.home(part).path for part in SERVING}
        # Carriers are stopped before the nodes that they bring letters to.
        with asyncio.Runner() as runner, NodeProcesses() as nodes, NodeProcesses() as carriers:
            runner.get_loop()
            # The coordinator's carrier needs no node to start, and a SuperLink starts on one core.
            carrier = {"carrier": homes[COORDINATOR.key]}
            carriers.launch(carrier, CARRY)
            nodes.start(homes)
            self.tell("nodes", f"{len(homes)} processes, mutual TLS between them")
            carriers.await_ready(carrier, CARRY)
            self.tell(
                "carrier", "a SuperLink on loopback, and our front before it that passes fleet routes only"
            )
            joining = {part.key: homes[part.key] for part in (*MEMBERS, *HOLDERS)}
            carriers.start(joining, JOIN)
            self.tell(
                "join",
                f"{len(joining)} SuperNodes with fresh keys, enrolled by the trust list, executors beside them",
            )
            return runner.run(_TrainingScenes(self, stage, started).play())


@dataclass
class _TrainingScenes:
    """The scenes, in order."""

    show: TrainingPlay
    stage: TrainingStage
    started: float

    async def play(self) -> TrainingOutcome:
        out = self.show.folder / "plausibility.model"
        session = await self._planned()
        approved = await self._approved(session)
        began = time.monotonic()
        state = await self._until(session, out, lambda state: bool(state["done"]))
        trained = time.monotonic() - began
        memory = resident_memory()
        done = state["phase"] == "done"
        self.show.tell(
            "train",
            f"{state['exchanges']} exchanges in {trained:.1f} s; nobody saw a row or a single contribution",
        )
        model = self._believed(out)
        self.show.tell("model", f"signed by {model.issuer}; the importer checked it against its trust lists")
        judged = await asyncio.to_thread(judge, self.stage, model)
        checks = [
            _check(
                "plan-approved",
                approved == len(MEMBERS),
                f"{approved} approvals",
                f"{len(MEMBERS)} approvals",
            ),
            _check("trained", done, str(state["phase"]), "done"),
            _check(
                "model-delivered",
                hashlib.sha256(out.read_bytes()).hexdigest() == state["model"],
                "the file whose hash the logs have",
                "the model that everyone was sent",
            ),
            *judged_checks(judged),
            *[await self._audited(part) for part in (COORDINATOR, MEMBERS[0])],
        ]
        return TrainingOutcome(
            folder=self.show.folder,
            seconds=time.monotonic() - self.started,
            training_seconds=trained,
            exchanges=int(state["exchanges"]),
            model=out,
            judged=judged,
            memory=memory,
            checks=checks,
        )

    async def _planned(self) -> str:
        path = self.show.folder / "plan.toml"
        path.write_text(training_plan_file())
        begun = await self._do(COORDINATOR, "federate-plan", {"path": str(path)})
        self.show.tell("plan", "signed; it names the task, everyone in it, and the app that carries letters")
        return str(begun["session"])

    async def _approved(self, session: str) -> int:
        """Everyone is asked, and a person of each exporter says yes to this one plan."""
        waiting = dict.fromkeys(MEMBERS, "")

        async def look() -> None:
            for part in MEMBERS:
                listed = (await self._do(part, "requests", {"all": False}))["trainings"]
                waiting[part] = next((str(one["request"]) for one in listed), "")

        await self._until(session, None, lambda _: all(waiting.values()), look)
        answers = [
            await self._do(part, "approve", {"request": plan, "by": "data officer (demo)", "days": "2"})
            for part, plan in waiting.items()
        ]
        self.show.tell(
            "approve", "in every exporter's inbox, and approved there by a person for this one plan"
        )
        return sum(answer["state"] == "approved" for answer in answers)

    async def _until(
        self,
        session: str,
        out: Path | None,
        reached: Callable[[Mapping[str, Any]], bool],
        look: Callable[[], Any] | None = None,
    ) -> Mapping[str, Any]:
        """Run the training again and again until it stands where it should."""
        deadline = time.monotonic() + TRAINING_S
        arguments: dict[str, Json] = {"session": session, "out": "" if out is None else str(out)}
        while True:
            state = await self._do(COORDINATOR, "federate-run", arguments)
            if look is not None:
                await look()
            if reached(state):
                return state
            if state["done"] or time.monotonic() > deadline:
                raise Unavailable(
                    "demo-training",
                    found=f"a training in the phase {state['phase']}, {state['reason'] or 'waiting for answers'}",
                    expected="a training that ends with a model",
                    remedy="Read the files federate-*.log and federation/*.log in the homes.",
                    where=str(self.show.folder),
                )
            await asyncio.sleep(AGAIN_S)

    def _believed(self, path: Path) -> PlausibilityModel:
        home = self.stage.home(IMPORTER)
        return read_listed_model(path, home.trust.store(), own=IMPORTER.id, now=system_clock())

    async def _audited(self, part: Part) -> dict[str, Json]:
        """The regulator audits a log, and it is exported for others."""
        folder = self.show.folder / "logs" / part.key
        await self._do(part, "log-export", {"out": str(folder)})
        audit = await self._do(REGULATOR, "audit", {"target": part.id})
        told = [entry for entry in audit["entries"] if entry["type"] == TRAINING_ENTRY]
        self.show.tell("audit", f"the regulator recomputes {part.name}'s log: {audit['size']} entries")
        return _check(
            f"log-{part.key}",
            bool(audit["ok"]) and bool(told),
            f"{audit['size']} entries, {len(told)} of exchanges and the model",
            "a log that holds, and tells of the training",
        )

    async def _do(self, part: Part, operation: str, arguments: Mapping[str, Json]) -> Mapping[str, Any]:
        home = self.stage.home(part).path
        result = await call_control(home, operation, dict(arguments), wait_seconds=STEP_S)
        assert isinstance(result, dict), "operations give objects"
        return result


def judged_checks(judged: Judgement) -> list[dict[str, Json]]:
    """What has to hold of the model: that of the pooled rows, better than what there was, and able to tell lies."""
    errors = {name: scores.rmse for name, scores in judged.results.items()}
    better = errors["federated"] < min(errors["local"], errors["default"])
    return [
        _check(
            "federated-is-pooled",
            judged.max_weight_difference == 0,
            f"largest difference of a weight: {judged.max_weight_difference}",
            "the same integers",
        ),
        _check(
            "federated-is-better",
            better,
            f"RMSE {errors['federated']:.3f}; local {errors['local']:.3f}, default {errors['default']:.3f}",
            "a smaller error than an exporter's own model and than no model",
        ),
        _check(
            "honest-claims",
            judged.honest_flagged <= FEW_HONEST,
            f"{judged.honest_flagged:.0%} flagged",
            f"at most {FEW_HONEST:.0%} flagged",
        ),
        _check(
            "planted-claims",
            judged.planted_flagged >= MOST_PLANTED,
            f"{judged.planted_flagged:.0%} flagged",
            f"at least {MOST_PLANTED:.0%} flagged",
        ),
    ]


def _check(name: str, ok: bool, found: str, expected: str) -> dict[str, Json]:
    return {"id": name, "ok": ok, "found": found, "expected": expected}
