"""Kill -9 of a party in the middle of requests and fetches: nothing is half done, and a retry does it once.

The points are drawn at random from those that a whole run passes (`dying_launcher.py`), half of them near the
statements and commits of the database. The seed is printed, and `CARBONPORT_KILL_SEED` repeats it.
"""

import asyncio
import json
import os
import random
import secrets
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dying_party import AFTER_ARRIVAL, BEFORE_ARRIVAL
from exchange_rows import checked_rows
from played_demo import EXPORTER, IMPORTER, REGULATOR, VERIFIER, do, played_demo, question
from warm_programs import Node, programs

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType
from carbonport.errors import Unavailable

KILLS = 10
"""Points of a request, and as many of a fetch."""

NEAR = 40
"""Points before and after a statement of the database that count as near it."""

MAX_TRIES = 20
"""A call fails at once while the channel waits to connect again; each try lasts as long as gRPC's own retries."""

REQUEST, FETCH = "RequestAttestation", "FetchAttestation"


def draw(random_: random.Random, points: int, database: list[int]) -> list[int]:
    """Half of them anywhere, half near the database."""
    anywhere = [random_.randint(1, points) for _ in range(KILLS // 2)]
    near = [min(points, max(1, random_.choice(database) + random_.randint(-NEAR, NEAR))) for _ in anywhere]
    drawn = [*anywhere, *near]
    random_.shuffle(drawn)
    return drawn


@dataclass
class Stage:
    """The homes, and the exporter that runs on them now."""

    homes: dict[str, Path]
    exporter: Node | None = None
    clear_errors: list[Unavailable] = field(default_factory=list)

    @property
    def importer(self) -> Path:
        return self.homes[IMPORTER.key]

    def start_exporter(self, *dying: Any) -> Node:
        self.exporter = programs().serve(self.homes[EXPORTER.key], **({"dying": dying} if dying else {}))
        return self.exporter

    def query(self, request: str) -> "Coroutine[Any, Any, dict[str, Json]]":
        return do(self.importer, "query", **question(request, consignment=f"C-{request[:8]}"))

    def fetch(self, request: str, fetch: str) -> "Coroutine[Any, Any, dict[str, Json]]":
        out = str(self.homes[IMPORTER.key].parent / f"{fetch}.json")
        return do(self.importer, "fetch", request=request, fetch_id=fetch, out=out)

    async def answer_or_clear_error(
        self, call: "Coroutine[Any, Any, dict[str, Json]]"
    ) -> dict[str, Json] | None:
        try:
            return await call
        except Unavailable as error:
            self.clear_errors.append(error)
            return None

    async def until_answered(
        self, call: "Callable[[], Coroutine[Any, Any, dict[str, Json]]]"
    ) -> dict[str, Json]:
        for _ in range(MAX_TRIES):
            answer = await self.answer_or_clear_error(call())
            if answer is not None:
                return answer
        raise AssertionError("the exporter serves, and the importer cannot reach it")


def dry_run(stage: Stage, method: str, folder: Path) -> tuple[int, list[int]]:
    """How many points a whole call has."""
    request, fetch = secrets.token_hex(16), secrets.token_hex(16)
    exporter = stage.start_exporter(method, 0, str(folder / method))
    asyncio.run(stage.until_answered(lambda: stage.query(request)))
    if method == FETCH:
        asyncio.run(stage.until_answered(lambda: stage.fetch(request, fetch)))
    assert exporter.stop() == 0
    counted = json.loads((folder / method).read_text())
    return counted["points"], counted["database"]


def test_a_killed_exporter_leaves_nothing_half_done(tmp_path: Path) -> None:
    seed = int(os.environ.get("CARBONPORT_KILL_SEED") or secrets.randbelow(2**32))
    print(f"CARBONPORT_KILL_SEED={seed}")
    random_ = random.Random(seed)
    stage = Stage(played_demo().copy_homes(tmp_path))
    homes, exporter_home = stage.homes, stage.homes[EXPORTER.key]
    with (
        programs().serve(homes[REGULATOR.key]),
        programs().serve(homes[VERIFIER.key]),
        programs().serve(homes[IMPORTER.key]),
    ):
        request_points = draw(random_, *dry_run(stage, REQUEST, tmp_path))
        fetch_points = draw(random_, *dry_run(stage, FETCH, tmp_path))
        fetched: dict[str, str] = {}
        last: tuple[str, str] | None = None
        for request_point, fetch_point in zip(request_points, fetch_points, strict=True):
            request, fetch = secrets.token_hex(16), secrets.token_hex(16)
            where = f"{seed=} {request_point=} {fetch_point=}"

            exporter = stage.start_exporter(REQUEST, request_point, str(tmp_path / "unused"))
            if last is not None:
                await_fetch(stage, *last, where)
            asyncio.run(stage.answer_or_clear_error(stage.query(request)))
            exporter.kill()
            before = checked_rows(exporter_home)
            assert before.issued(request) <= 1, where

            exporter = stage.start_exporter(FETCH, fetch_point, str(tmp_path / "unused"))
            answer = asyncio.run(stage.until_answered(lambda request=request: stage.query(request)))  # type: ignore[misc]
            assert answer["state"] == "issued", where
            asyncio.run(stage.answer_or_clear_error(stage.fetch(request, fetch)))
            exporter.kill()
            after = checked_rows(exporter_home)
            assert (after.issued(request), after.attestations[request]) == (1, 1), where
            assert after.crossings(fetch) <= 1, where
            fetched[fetch], last = request, (request, fetch)

        stage.start_exporter()
        assert last is not None
        await_fetch(stage, *last, "last")
        assert stage.exporter is not None
        assert stage.exporter.stop() == 0
    rows = checked_rows(exporter_home)
    received = checked_rows(homes[IMPORTER.key])
    for fetch, request in fetched.items():
        assert (rows.attestations[request], rows.issued(request), rows.crossings(fetch)) == (1, 1, 1)
        assert received.bundles[fetch] == 1
    assert stage.clear_errors, "no call was ever broken off: the points were not reached"
    assert all(error.remedy for error in stage.clear_errors)


def test_an_importer_killed_with_the_answer_in_hand_takes_the_same_crossing_again(tmp_path: Path) -> None:
    """The exporter's entry is durable and the importer's is not, or is and nobody was told. Nobody names a fetch id."""
    stage = Stage(played_demo().copy_homes(tmp_path))
    homes, request, bundle = stage.homes, secrets.token_hex(16), tmp_path / "bundle.json"

    def fetch() -> "Coroutine[Any, Any, dict[str, Json]]":
        return do(stage.importer, "fetch", request=request, out=str(bundle))

    counted = []
    with programs().serve(homes[REGULATOR.key]), programs().serve(homes[VERIFIER.key]):
        exporter = stage.start_exporter()
        before = checked_rows(stage.importer).bundles.total()
        for point in (BEFORE_ARRIVAL, AFTER_ARRIVAL):
            importer = programs().serve(stage.importer, dying_party=point)
            asyncio.run(stage.until_answered(lambda: stage.query(request)))
            assert asyncio.run(stage.answer_or_clear_error(fetch())) is None
            importer.kill()
            counted.append(checked_rows(stage.importer).bundles.total() - before)
            assert not bundle.exists()
        with programs().serve(stage.importer):
            written = asyncio.run(stage.until_answered(fetch))
            assert written["state"] == "complete"
        assert exporter.stop() == 0
    assert counted == [0, 1]
    assert all(error.remedy for error in stage.clear_errors)
    sent, received = checked_rows(homes[EXPORTER.key]), checked_rows(stage.importer)
    crossed = {fetch: times for (fetch, kind), times in sent.entries.items() if kind is EntryType.CROSSING}
    assert crossed == dict(received.bundles), "each crossing is one entry there and one bundle here"


def await_fetch(stage: Stage, request: str, fetch: str, where: str) -> None:
    """The same fetch once more, which must come through complete."""
    answer = asyncio.run(stage.until_answered(lambda: stage.fetch(request, fetch)))
    assert answer["state"] == "complete", (where, answer)
