"""The demo of a sum, step by step: five steelworks, independent key holders, a coordinator, each a process of its own.

Every step is an operation in the node's own process, as the commands of `carbonport aggregate` would have it done.
What is shown at the end was checked from the result file alone, and compared with the figures that only the demo knows.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError
from carbonport.node.aggregation.result_check import CheckedResult, check_result_file
from carbonport.node.aggregation.result_statement import exact_sums
from carbonport.node.control import call_control
from carbonport.node.demo.aggregate_cast import (
    COORDINATOR,
    AggregateStage,
    plan_file,
    set_aggregate_stage,
    true_sums,
    verify_works,
)
from carbonport.node.demo.cast import Part
from carbonport.node.demo.processes import NodeProcesses

EXPORTER_COUNT = 5
"""Steelworks of the demo: the least cohort without anybody's special consent."""

Tell = Callable[[str, str], None]
"""Tells a step: a heading and a sentence."""


@dataclass(frozen=True)
class SumOutcome:
    """What the play came to. `exact`: the sums are those of the figures; `again`: the error id with which a second sum
    over the same year was refused."""

    seconds: float
    result: Path
    checked: CheckedResult
    exact: bool
    again: str
    folder: Path

    @property
    def ok(self) -> bool:
        """Whether every check held, the sums are exact, and no second sum came about."""
        return self.checked.report.ok and self.exact and self.again == "aggregation-contributed-before"

    def as_json(self) -> dict[str, Json]:
        """The contract for scripts."""
        plan, result = self.checked.plan, self.checked.result
        sums = {} if plan is None or result is None else exact_sums(plan, result)
        threshold = None if plan is None else plan.content.holder_threshold
        return {
            "ok": self.ok,
            "seconds": f"{self.seconds:.2f}",
            "result": str(self.result),
            "folder": str(self.folder),
            "released": {
                cohort: {metric: format(value, "f") for metric, value in one.items()}
                for cohort, one in sums.items()
            },
            "exact": self.exact,
            "second_sum": self.again,
            "holders": {}
            if threshold is None
            else {
                "n": threshold.holders,
                "k": threshold.threshold,
                "votes_needed": threshold.votes_needed,
                "absent_tolerated": threshold.absent_tolerated,
            },
            "checks": [check.as_json() for check in self.checked.report.checks],
        }


@dataclass
class SumPlay:
    """One performance in `folder`."""

    folder: Path
    tell: Tell
    holders: int = 3
    threshold: int = 2

    def perform(self) -> SumOutcome:
        """Set the stage, have every ledger verified, run the nodes, play, and stop them again."""
        started = time.monotonic()
        self.tell(
            "stage",
            f"{EXPORTER_COUNT} steelworks, {self.holders} key holders, a coordinator, two trust lists",
        )
        stage = set_aggregate_stage(self.folder, exporter_count=EXPORTER_COUNT, holder_count=self.holders)
        verify_works(stage)
        self.tell("verify", "each ledger recomputed on site; the verifier signed commitments to every figure")
        homes = {part.key: stage.home(part).path for part in stage.serving}
        with asyncio.Runner() as runner, NodeProcesses() as nodes:
            runner.get_loop()
            nodes.start(homes)
            self.tell("nodes", f"{len(homes)} processes, mutual TLS between them")
            return runner.run(_SumScenes(self, stage, started).play())


@dataclass
class _SumScenes:
    """The scenes, in order."""

    show: SumPlay
    stage: AggregateStage
    started: float

    async def play(self) -> SumOutcome:
        session = await self._plan("plan.toml", plan_file(self.stage, self.show.threshold))
        await self._joined(session)
        standing = await self._run(session)
        self.show.tell(
            "roster", f"{standing['counts']['contribution']} contributions added up under encryption"
        )
        await self._hold()
        standing = await self._run(session)
        self.show.tell(
            "votes",
            f"{standing['counts']['vote']} votes for one roster, {standing['votes_needed']} needed: each holder "
            "checked every proof and its own decryption",
        )
        await self._hold()
        await self._run(session)
        out = self.show.folder / "result.json"
        await self._do(COORDINATOR, "result", {"session": session, "out": str(out)})
        await self._join(session)
        await self._hold()
        self.show.tell("result", "every steelworks checked it; every holder destroyed its keys")
        again = await self._second_sum()
        checked = check_result_file(out.read_bytes(), now=system_clock())
        return SumOutcome(
            seconds=time.monotonic() - self.started,
            result=out,
            checked=checked,
            exact=_total(checked) == true_sums(len(self.stage.exporters)),
            again=again,
            folder=self.show.folder,
        )

    async def _plan(self, name: str, text: str) -> str:
        path = self.show.folder / name
        path.write_text(text)
        begun = await self._do(COORDINATOR, "plan", {"path": str(path)})
        await self._hold()
        await self._run(str(begun["session"]))
        self.show.tell(
            "plan", f"signed with {len(self.stage.holders)} fresh holder keys; everyone sees who is invited"
        )
        return str(begun["session"])

    async def _joined(self, session: str) -> None:
        await self._join(session, agree=True)
        self.show.tell(
            "join",
            f"{len(self.stage.exporters)} steelworks gave consents, commitments, proofs and ciphertexts; logged before "
            "they left",
        )

    async def _join(self, session: str, *, agree: bool = False) -> None:
        """All steelworks at once."""
        arguments: dict[str, Json] = {"coordinator": COORDINATOR.id, "session": session, "agree": agree}
        await asyncio.gather(*(self._do(part, "join", arguments) for part in self.stage.exporters))

    async def _second_sum(self) -> str:
        """Another plan over the same year, with other words: the first steelworks is asked again."""
        text = plan_file(self.stage, self.show.threshold).replace('"output"', '"production"')
        session = await self._plan("second-plan.toml", text)
        try:
            await self._joined(session)
        except CarbonportError as refusal:
            self.show.tell("refusal", f"a second sum over the same year: {refusal.id}")
            return refusal.id
        return ""

    async def _hold(self) -> None:
        """All holders at once."""
        arguments: dict[str, Json] = {"coordinator": COORDINATOR.id}
        await asyncio.gather(*(self._do(part, "hold", arguments) for part in self.stage.holders))

    async def _run(self, session: str) -> Mapping[str, Any]:
        return await self._do(COORDINATOR, "run", {"session": session})

    async def _do(self, part: Part, operation: str, arguments: Mapping[str, Json]) -> Mapping[str, Any]:
        result = await call_control(self.stage.home(part).path, f"aggregate-{operation}", dict(arguments))
        assert isinstance(result, dict), "operations give objects"
        return result


def _total(checked: CheckedResult) -> Mapping[str, object]:
    if checked.plan is None or checked.result is None:
        return {}
    return exact_sums(checked.plan, checked.result).get("total", {})
