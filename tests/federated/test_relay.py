"""A carrier gives one reply per participant, and of a failure its id alone."""

import asyncio

import pytest

from carbonport.errors import Misuse, Refused, Unavailable
from carbonport.federated import relay
from carbonport.federated.relay import InProcessRelay, Reply


class Echo:
    async def answer(self, kind: str, letter: bytes) -> bytes:
        return kind.encode() + b" " + letter


class Refusing:
    async def answer(self, kind: str, letter: bytes) -> bytes:
        raise Refused("training-cohort", found="row 17: 4.2", expected="secret", remedy="secret")


class Defect:
    async def answer(self, kind: str, letter: bytes) -> bytes:
        raise ZeroDivisionError("row 17: 4.2")


class Slow:
    async def answer(self, kind: str, letter: bytes) -> bytes:
        await asyncio.sleep(60)
        return b""


class TooLong:
    async def answer(self, kind: str, letter: bytes) -> bytes:
        return bytes(relay.MAX_LETTER_BYTES + 1)


def test_every_participant_has_one_reply_and_of_a_failure_only_its_id_travels() -> None:
    carrier = InProcessRelay(
        {"a": Echo(), "b": Refusing(), "c": Defect(), "d": Slow(), "e": TooLong(), "unasked": Echo()}
    )
    letters = dict.fromkeys(("a", "b", "c", "d", "e", "nobody"), b"question")
    replies = asyncio.run(carrier.exchange("question", letters, timeout_seconds=0.05))
    assert replies == {
        "a": Reply(letter=b"question question"),
        "b": Reply(error="training-cohort"),
        "c": Reply(error=relay.DEFECT),
        "d": Reply(error=relay.NO_REPLY),
        "e": Reply(error="training-letter"),
        "nobody": Reply(error=relay.NO_REPLY),
    }
    assert "17" not in str(replies)
    with pytest.raises(Unavailable, match="training-cohort") as caught:
        replies["b"].opened("b")
    assert caught.value.where == "b"


@pytest.mark.parametrize(
    ("kind", "letters"),
    [
        ("question", {}),
        ("question", {str(number): b"" for number in range(relay.MAX_PARTICIPANTS + 1)}),
        ("question", {"a": bytes(relay.MAX_LETTER_BYTES + 1)}),
        ("Question", {"a": b""}),
        ("", {"a": b""}),
        ("q" * 33, {"a": b""}),
    ],
)
def test_what_cannot_be_meant_is_not_carried(kind: str, letters: dict[str, bytes]) -> None:
    with pytest.raises(Misuse, match="training-letter"):
        asyncio.run(InProcessRelay({"a": Echo()}).exchange(kind, letters, timeout_seconds=1))
