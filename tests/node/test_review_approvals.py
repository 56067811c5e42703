"""An approval that is given several times at once is one approval, and counts fetches that come at once."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from life_stage import LifeStage

from carbonport.errors import CarbonportError
from carbonport.node.control import call_control
from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR, VERIFIER

USES = 2


def test_one_approval_however_often_it_is_given(tmp_path: Path) -> None:
    stage = LifeStage.make(tmp_path / "stage", approval="person")

    async def at_once(part: Any, operation: str, arguments: list[dict[str, Any]]) -> list[Any]:
        calls = [call_control(stage.folder / part.key, operation, each) for each in arguments]
        return await asyncio.gather(*calls, return_exceptions=True)

    with ExitStack() as nodes:
        stage.serve(nodes, EXPORTER, VERIFIER, REGULATOR, IMPORTER)
        stage.verify_on_site()
        request = stage.query("ONCE-1")["request"]
        approval = {"request": request, "by": "two people", "uses": str(USES), "days": ""}
        given = asyncio.run(at_once(EXPORTER, "approve", [approval] * 3))
        assert len({answer["approval"] for answer in given}) == 1

        fetches = [
            {"request": request, "out": str(stage.folder / f"{n}.json"), "fetch_id": f"{n:032x}"}
            for n in range(5)
        ]
        taken = asyncio.run(at_once(IMPORTER, "fetch", fetches))
        refused = [answer.id for answer in taken if isinstance(answer, CarbonportError)]
        assert refused == ["approval-spent"] * (len(fetches) - USES)
        audit = stage.do(REGULATOR, "audit", {"target": EXPORTER.id})
        types = [entry["type"] for entry in audit["entries"]]
        assert (types.count("approval"), types.count("issue"), types.count("crossing")) == (1, 1, USES)
