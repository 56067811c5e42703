"""The unchanged apps on a grid in process: a training over them is the pooled one, and replies are checked."""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor

import pytest
from flwr.app import ArrayRecord, ConfigRecord, Context, Error, Message, RecordDict
from flwr.clientapp import ClientApp
from small_tables import cohort, ridge_task, together

from carbonport.errors import Refused
from carbonport.federated import relay
from carbonport.federated.carried_sum import carried_cohort
from carbonport.federated.flower.apps import Exchange, carry, client_app
from carbonport.federated.flower.in_process import InProcessFlower, InProcessGrid
from carbonport.federated.flower.messages import ACTION, HEAD, MAX_PARTS, PART_BYTES
from carbonport.federated.relay import InProcessRelay, Reply
from carbonport.federated.training import Participants, Question, Sums, train


@pytest.mark.parametrize("carrier", [InProcessFlower, InProcessRelay])
def test_a_training_carried_by_flower_is_the_pooled_one_to_the_last_integer(
    carrier: Callable[..., relay.Relay],
) -> None:
    task, parts = ridge_task(), cohort(6)

    def vectors_of(name: str) -> Callable[[Question], tuple[int, ...]]:
        return lambda question: question.checked(task.contribution(question, parts[name]))

    carried = carried_cohort({name: vectors_of(name) for name in parts}, carrier)

    def sum_of(question: Question) -> Sums:
        return asyncio.run(carried.sum_of(question))

    federated = train(task.training(), sum_of)
    pooled = train(task.alone().training(), Participants(task, {"all": together(parts)}).sum_of)
    assert federated.integers() == pooled.integers()
    assert carried.asked == 2


class Echo:
    async def answer(self, kind: str, letter: bytes) -> bytes:
        return kind.encode() + b" " + letter


class Refusing:
    async def answer(self, kind: str, letter: bytes) -> bytes:
        raise Refused("training-cohort", found="row 17: 4.2", expected="secret", remedy="secret")


class Slow:
    async def answer(self, kind: str, letter: bytes) -> bytes:
        await asyncio.sleep(60)
        return b""


def test_flower_gives_the_replies_that_the_reference_gives() -> None:
    desks: dict[str, relay.Desk] = {"a": Echo(), "b": Refusing(), "c": Slow(), "unasked": Echo()}
    letters = dict.fromkeys(("a", "b", "c", "nobody"), b"question")
    both = [
        asyncio.run(carrier(desks).exchange("question", letters, timeout_seconds=0.1))
        for carrier in (InProcessFlower, InProcessRelay)
    ]
    assert both[0] == both[1]
    assert both[0]["a"] == Reply(letter=b"question question")
    assert both[0]["b"] == Reply(error="training-cohort")


def app_that(reply: Callable[[Message], Message]) -> ClientApp:
    app = ClientApp()

    @app.query(ACTION)
    def letter(message: Message, _: Context) -> Message:
        return reply(message)

    return app


def records(**fields: object) -> Callable[[Message], Message]:
    """A reply of these records: the first is `head`."""
    named = {HEAD if name == "head" else name.replace("_", "-"): value for name, value in fields.items()}
    content = RecordDict({name: ConfigRecord(value) for name, value in named.items()})  # type: ignore[arg-type]
    return lambda message: Message(content, reply_to=message)


def letter(of: bytes = b"forged") -> Callable[[Message], Message]:
    return records(head={"further": 0, "bytes": of})


def of_another_node(message: Message) -> Message:
    reply = letter()(message)
    reply.metadata.__dict__["_src_node_id"] = 99
    return reply


def in_answer_to_another(message: Message) -> Message:
    reply = letter()(message)
    reply.metadata.__dict__["_reply_to_message_id"] = "somebody else's"
    return reply


def raising(message: Message) -> Message:
    raise ValueError("row 17: 4.2")


LYING: Mapping[str, tuple[Callable[[Message], Message], str]] = {
    "another-key": (records(head={"model": b"x"}), relay.BAD_REPLY),
    "two-keys": (records(head={"further": 0, "bytes": b"", "error": "training-cohort"}), relay.BAD_REPLY),
    "a-number": (records(head={"further": float("nan"), "bytes": b""}), relay.BAD_REPLY),
    "text": (records(head={"further": 0, "bytes": "x"}), relay.BAD_REPLY),
    "nothing": (records(), relay.BAD_REPLY),
    "no-bytes": (records(head={"further": 0}), relay.BAD_REPLY),
    "no-number": (records(head={"bytes": b"x"}), relay.BAD_REPLY),
    "text-behind": (records(head={"further": 1, "bytes": b"x"}, part_00={"bytes": "x"}), relay.BAD_REPLY),
    "an-error-with-words": (records(head={"error": "row 17: 4.2"}), relay.BAD_REPLY),
    "too-many-parts": (records(head={"further": MAX_PARTS, "bytes": b"x"}), relay.BAD_REPLY),
    "too-large-a-part": (letter(bytes(PART_BYTES + 1)), relay.BAD_REPLY),
    "too-large-behind": (
        records(head={"further": 1, "bytes": b"x"}, part_00={"bytes": bytes(PART_BYTES + 1)}),
        relay.BAD_REPLY,
    ),
    "a-part-less": (records(head={"further": 2, "bytes": b"x"}, part_00={"bytes": b"x"}), relay.BAD_REPLY),
    "a-part-more": (records(head={"further": 0, "bytes": b"x"}, part_00={"bytes": b"x"}), relay.BAD_REPLY),
    "an-array": (lambda m: Message(RecordDict({HEAD: ArrayRecord()}), reply_to=m), relay.BAD_REPLY),
    "another-node": (of_another_node, relay.BAD_REPLY),
    "another-answer": (in_answer_to_another, relay.NO_REPLY),
    "raising": (raising, relay.DEFECT),
    "flower-error": (lambda m: Message(Error(42, "row 17: 4.2"), reply_to=m), relay.BAD_REPLY),
    "unlisted": (lambda m: Message(Error(7, "row 17: 4.2"), reply_to=m), relay.UNLISTED_APP),
    "gone": (lambda m: Message(Error(5, "row 17: 4.2"), reply_to=m), relay.NO_REPLY),
}


def test_a_reply_that_is_none_is_its_participants_failure_alone_and_its_words_are_not_read() -> None:
    names = ["honest", *LYING]
    numbers = {name: number for number, name in enumerate(names, start=2)}
    apps = {numbers["honest"]: client_app(lambda _, letter: Reply(letter=letter))}
    apps |= {numbers[name]: app_that(reply) for name, (reply, _) in LYING.items()}
    handed: dict[str, Reply] = {}
    exchange = Exchange("question", dict.fromkeys(names, b"asked"), 0.4, handed.update)
    with ThreadPoolExecutor(2) as pool:
        replies = carry(InProcessGrid(apps, pool), exchange, numbers.get)
    expected = {"honest": Reply(letter=b"asked")}
    expected |= {name: Reply(error=error) for name, (_, error) in LYING.items()}
    assert replies == expected
    assert "17" not in str(replies)


@pytest.mark.parametrize(
    "asked",
    [
        {HEAD: {"kind": "question", "further": 0, "bytes": b"x", "path": "/etc/passwd"}},
        {HEAD: {"kind": "../../x", "further": 0, "bytes": b"x"}},
        {HEAD: {"kind": "question", "further": 0, "bytes": "text"}},
        {HEAD: {"kind": "question", "further": 1, "bytes": b"x"}, "part-00": {"bytes": b"x", "more": 1}},
        {HEAD: {"kind": "question"}},
        {HEAD: {"further": 0, "bytes": b"x"}},
    ],
)
def test_a_hostile_message_and_configuration_reach_nobody(asked: dict[str, dict[str, object]]) -> None:
    reached = []

    def answer(kind: str, letter: bytes) -> Reply:
        reached.append((kind, letter))
        return Reply(letter=b"answered")

    context = Context(1, 2, {}, RecordDict(), {"clip": 1e9, "epsilon": 1e9, "home": "/tmp"})  # noqa: S108
    content = RecordDict({name: ConfigRecord(fields) for name, fields in asked.items()})  # type: ignore[arg-type]
    message = Message(content, dst_node_id=2, message_type=f"query.{ACTION}")
    reply = client_app(answer)(message, context)
    assert dict(reply.content[HEAD]) == {"error": relay.BAD_REPLY}
    assert reached == []


def test_the_largest_letter_travels_in_parts() -> None:
    desks: dict[str, relay.Desk] = {"a": Echo()}
    letter = bytes(relay.MAX_LETTER_BYTES - len("question "))
    replies = asyncio.run(InProcessFlower(desks).exchange("question", {"a": letter}, timeout_seconds=20))
    assert replies == {"a": Reply(letter=b"question " + letter)}
