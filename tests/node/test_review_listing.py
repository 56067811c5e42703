"""Entries are listed in answers that fit into a message, however long their bodies are."""

import asyncio
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest
from log_world import LogWorld, crossing

from carbonport.crypto.log_entry import FieldName
from carbonport.node.services import log_services
from carbonport.node.services.log_services import LogService
from carbonport.node.store import Store
from carbonport.wire.v1 import log_pb2


@pytest.fixture
def world(tmp_path: Path) -> Iterator[LogWorld]:
    made = LogWorld(tmp_path)
    yield made
    made.close()


def test_long_bodies_make_short_answers(
    world: LogWorld, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_services, "MAX_BYTES_PER_ANSWER", 30_000)

    async def run() -> list[list[int]]:
        log = await world.open(Store.open(tmp_path / "log"))
        try:
            for number in range(7):
                draft = crossing(number)
                fields = {**draft.fields, FieldName.REASON: b"x" * (60_000 if number == 3 else 10_000)}
                await log.append(dataclasses.replace(draft, fields=fields))
            service, answers = LogService(log), list[list[int]]()
            while sum(map(len, answers)) < 7:
                start = sum(map(len, answers))
                request = log_pb2.ListEntriesRequest(start=start, limit=100)
                answer = await service.ListEntries(request, None)
                answers.append([each.index for each in answer.entries])
            return answers
        finally:
            await log.close()

    answers = asyncio.run(run())
    assert [index for answer in answers for index in answer] == list(range(7))
    assert [3] in answers
    assert len(answers) > 2
