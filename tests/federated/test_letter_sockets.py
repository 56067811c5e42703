"""Letters through a node's sockets: a desk's, and a relay's whose carrier may die and come back."""

import asyncio
import stat
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pytest

from carbonport.errors import Refused, Unavailable
from carbonport.federated import letter_sockets
from carbonport.federated.letter_sockets import CarrierSocket, DeskSocket, RelaySocket, serve_desk
from carbonport.federated.relay import NO_REPLY, Reply

R = TypeVar("R")


class Desk:
    async def answer(self, kind: str, letter: bytes) -> bytes:
        if kind == "refused":
            raise Refused("training-cohort", found="row 17", expected="x", remedy="x")
        return kind.encode() + b" " + letter


async def blocking(call: Callable[[], R]) -> R:
    return await asyncio.to_thread(call)


def test_a_desk_answers_through_its_socket_which_is_the_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "desk.sock"

    async def run() -> list[Reply]:
        server = await serve_desk(path, Desk())
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        desk = DeskSocket(path)
        replies = [
            await blocking(lambda: desk.answer("question", b"a" * 3_000_000)),
            await blocking(lambda: desk.answer("refused", b"")),
        ]
        server.close()
        path.unlink()
        return [*replies, await blocking(lambda: desk.answer("question", b""))]

    assert asyncio.run(run()) == [
        Reply(letter=b"question " + b"a" * 3_000_000), Reply(error="training-cohort"), Reply(error=NO_REPLY),
    ]  # fmt: skip


def carry_until_end(path: Path, replies: Callable[[dict[str, bytes]], dict[str, Reply]]) -> list[str]:
    kinds = []
    with CarrierSocket(path) as socket:
        for carried in socket.exchanges():
            kinds.append(carried.kind)
            socket.hand_back(replies(dict(carried.letters)))
    return kinds


def echoed(letters: dict[str, bytes]) -> dict[str, Reply]:
    return {
        name: Reply(letter=letter) if letter else Reply(error=NO_REPLY) for name, letter in letters.items()
    }


def test_a_carrier_takes_exchanges_until_the_training_ends(tmp_path: Path) -> None:
    path = tmp_path / "relay.sock"

    async def run() -> tuple[list[dict[str, Reply]], list[str]]:
        async with RelaySocket(path) as relay:
            carrier = asyncio.create_task(blocking(lambda: carry_until_end(path, echoed)))
            got = [
                dict(await relay.exchange(kind, {"a": kind.encode(), "b": b""}, timeout_seconds=5))
                for kind in ("one", "two")
            ]
        return got, await carrier

    got, kinds = asyncio.run(run())
    assert got == [
        {"a": Reply(letter=b"one"), "b": Reply(error=NO_REPLY)},
        {"a": Reply(letter=b"two"), "b": Reply(error=NO_REPLY)},
    ]
    assert kinds == ["one", "two"]
    assert not path.exists()


def test_a_carrier_that_comes_back_is_handed_the_open_exchange_and_a_lying_one_is_not_believed(
    tmp_path: Path,
) -> None:
    path = tmp_path / "relay.sock"

    def dies() -> None:
        with CarrierSocket(path) as socket:
            next(socket.exchanges())

    def others(letters: dict[str, bytes]) -> dict[str, Reply]:
        return {"somebody else": Reply(letter=b"x")}

    async def run() -> dict[str, Reply]:
        async with RelaySocket(path) as relay:
            asked = asyncio.create_task(relay.exchange("one", {"a": b"asked"}, timeout_seconds=5))
            await blocking(dies)
            with pytest.raises(OSError, match="closed"):
                await blocking(lambda: carry_until_end(path, others))
            carrier = asyncio.create_task(blocking(lambda: carry_until_end(path, echoed)))
            got = dict(await asked)
        await carrier
        return got

    assert asyncio.run(run()) == {"a": Reply(letter=b"asked")}


def test_without_a_carrier_an_exchange_says_what_to_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(letter_sockets, "HAND_BACK_GRACE_S", 0.01)

    async def run() -> None:
        async with RelaySocket(tmp_path / "relay.sock") as relay:
            await relay.exchange("one", {"a": b"asked"}, timeout_seconds=0.05)

    with pytest.raises(Unavailable, match="training-carrier"):
        asyncio.run(run())
