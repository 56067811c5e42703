"""What passes between a node and the process that prepares its entries: orders one way, sealed entries back.

    message   length of what follows, number of parts, length of each (4 bytes each, big-endian), then the parts
    orders    origin; then per order: type (1 byte), exchange, time (8 bytes), how many fields and readers (2 bytes
              each), per field name, value, and 1 if it is opened, else nothing, per reader key id and key
    answers   per order one empty part (it could not be prepared), or entry, event, key, marks, body, body key

Both ends are of one program on one machine, and the first message of the process names the version it runs. Every
length is bounded before so many bytes are read, and `Malformed` (`log-preparation-format`) refuses anything else.
"""

import struct
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from typing import TypeAlias

from carbonport.crypto.log_entry import EntryType
from carbonport.errors import Malformed
from carbonport.node.log.sealed_entry import EntryOrder, SealedEntry

MAX_MESSAGE_BYTES = 16 * 2**20
"""Longest message either way."""

MAX_ORDERS = 64
"""Most orders of one message."""

MAX_VALUE_BYTES = 4 * 2**20
"""Field values of one message together, but for its first order: sealed and in base64 twice they stay far below the
longest message."""

LENGTH_BYTES = 4
"""Length of a length."""

MARK_BYTES = 32
"""Length of a mark: a salt or a digest."""

Answer: TypeAlias = SealedEntry | None
"""None: the order could not be prepared; whoever asked finds out why by preparing it itself."""


def message(parts: Sequence[bytes]) -> bytes:
    """A message of these parts."""
    lengths = struct.pack(f">{len(parts)}I", *map(len, parts))
    content = b"".join((len(parts).to_bytes(LENGTH_BYTES, "big"), lengths, *parts))
    return len(content).to_bytes(LENGTH_BYTES, "big") + content


def message_length(head: bytes) -> int:
    """How many bytes follow the head of a message; Malformed when they are too many."""
    length = int.from_bytes(head, "big")
    if len(head) != LENGTH_BYTES or length > MAX_MESSAGE_BYTES:
        raise _malformed(f"a message of {length} bytes")
    return length


def split_message(content: bytes) -> Iterator[bytes]:
    """The parts of a message without its head."""
    count = int.from_bytes(content[:LENGTH_BYTES], "big")
    begin = LENGTH_BYTES * (count + 1)
    if begin > len(content):
        raise _malformed(f"{count} parts in {len(content)} bytes")
    lengths = struct.unpack(f">{count}I", content[LENGTH_BYTES:begin])
    if begin + sum(lengths) != len(content):
        raise _malformed("parts that do not fill the message")
    ends = islice(accumulate(lengths, initial=begin), 1, None)
    return iter([content[end - length : end] for end, length in zip(ends, lengths, strict=True)])


def orders_message(origin: str, orders: Sequence[EntryOrder]) -> bytes:
    """The message that asks for these entries of the log `origin`."""
    parts = [origin.encode()]
    for order in orders:
        parts += (
            bytes((order.type,)),
            order.exchange.encode(),
            order.time.to_bytes(8, "big"),
            len(order.fields).to_bytes(2, "big"),
            len(order.readers).to_bytes(2, "big"),
        )
        opened = order.opened
        for name, value in order.fields.items():
            parts += (name.encode(), value, b"\x01" if name in opened else b"")
        for reader, public in order.readers.items():
            parts += (reader.encode(), public)
    return message(parts)


def read_orders(content: bytes) -> tuple[str, list[EntryOrder]]:
    """Origin and orders of a message without its head."""
    parts = split_message(content)
    try:
        origin = next(parts).decode()
        orders = []
        for kind in parts:
            exchange, time = next(parts).decode(), int.from_bytes(next(parts), "big")
            fields_count, readers_count = (
                int.from_bytes(next(parts), "big"),
                int.from_bytes(next(parts), "big"),
            )
            fields, opened = dict[str, bytes](), list[str]()
            for _ in range(fields_count):
                name = next(parts).decode()
                fields[name] = next(parts)
                if next(parts):
                    opened.append(name)
            readers = {next(parts).decode(): next(parts) for _ in range(readers_count)}
            orders.append(EntryOrder(EntryType(kind[0]), exchange, time, fields, opened, readers))
    except (StopIteration, ValueError, IndexError):
        raise _malformed("orders that end early or are none") from None
    return origin, orders


def answers_message(answers: Sequence[Answer]) -> bytes:
    """The message that gives what was asked for, in order."""
    parts: list[bytes] = []
    for each in answers:
        if each is None:
            parts.append(b"")
        else:
            parts += (each.entry, each.event, each.key, b"".join(each.marks), each.body, each.body_key)
    return message(parts)


def read_answers(content: bytes, count: int) -> list[Answer]:
    """The answers to `count` orders from a message without its head."""
    parts, answers = split_message(content), list[Answer]()
    try:
        for entry in parts:
            if not entry:
                answers.append(None)
                continue
            event, key, marks, body, body_key = (next(parts) for _ in range(5))
            split = tuple(marks[at : at + MARK_BYTES] for at in range(0, len(marks), MARK_BYTES))
            answers.append(SealedEntry(entry, event, key, split, body, body_key))
    except (StopIteration, RuntimeError):
        raise _malformed("answers that end early") from None
    if len(answers) != count:
        raise _malformed(f"{len(answers)} answers to {count} orders")
    return answers


def _malformed(found: str) -> Malformed:
    return Malformed(
        "log-preparation-format",
        found=found,
        expected="a message between a node and its preparing process, as this version writes it",
        remedy="Restart the node: the program may have been exchanged while it ran.",
    )
