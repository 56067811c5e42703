"""How a letter lies in a message of Flower's, and the checks of one that came.

The first record says what it is (`kind` of a letter, nothing of an answer, or the `error` of one) and has the first
`bytes`; `further` parts follow in records of their own. Flower sends each record as one request, which costs it ten
times what the bytes cost, and repeats a request that takes five seconds. Whatever deviates is no message of ours, as a
whole.
"""

from typing import Final

from flwr.app import ConfigRecord, Message, RecordDict

from carbonport.federated.relay import BAD_REPLY, DEFECT, ERROR_ID, KIND, MAX_LETTER_BYTES, Reply

ACTION: Final = "letter"
MESSAGE_TYPE: Final = f"query.{ACTION}"
"""How Flower routes a letter to the function that answers it."""

HEAD: Final = "carbonport"
"""Name of the first record."""

PART_BYTES: Final = 1 << 20
"""Bytes of one part."""

MAX_PARTS: Final = MAX_LETTER_BYTES // PART_BYTES
"""Parts of the largest letter."""

MAX_OBJECTS: Final = 2 + MAX_PARTS
"""Objects that Flower makes of the largest message: itself, its dictionary, a record for each part."""


def letter_record(kind: str, letter: bytes) -> RecordDict:
    """A letter to a participant."""
    return _record({"kind": kind}, letter)


def reply_record(reply: Reply) -> RecordDict:
    """A participant's answer."""
    if reply.letter is not None:
        return _record({}, reply.letter)
    return RecordDict({HEAD: ConfigRecord({"error": reply.error or DEFECT})})


def letter_in(message: Message) -> tuple[str, bytes] | None:
    """Kind and bytes of a letter; None for a message that holds none."""
    head, letter = _read(message)
    match head:
        case {"kind": str(kind), **others} if not others and letter is not None and KIND.fullmatch(kind):
            return kind, letter
        case _:
            return None


def reply_in(message: Message) -> Reply:
    """An answer; `relay-bad-reply` for anything else."""
    head, letter = _read(message)
    match head:
        case {"error": str(error), **others} if not others and letter is None and ERROR_ID.fullmatch(error):
            return Reply(error=error)
        case {} if letter is not None and not head:
            return Reply(letter=letter)
        case _:
            return Reply(error=BAD_REPLY)


def _record(head: dict[str, str], letter: bytes) -> RecordDict:
    first, further = letter[:PART_BYTES], range(PART_BYTES, len(letter), PART_BYTES)
    record = RecordDict({HEAD: ConfigRecord({**head, "further": len(further), "bytes": first})})
    for place, part in enumerate(letter[start : start + PART_BYTES] for start in further):
        record[_name(place)] = ConfigRecord({"bytes": part})
    return record


def _name(place: int) -> str:
    return f"part-{place:02d}"


def _read(message: Message) -> tuple[dict[str, object] | None, bytes | None]:
    """The first record without what is about the letter, and the letter when it has one."""
    content = message.content if message.has_content() else RecordDict()
    head = content.get(HEAD)
    if not isinstance(head, ConfigRecord):
        return None, None
    fields: dict[str, object] = dict(head)
    further, first = fields.pop("further", None), fields.pop("bytes", None)
    if further is None and first is None:
        return (fields, None) if len(content) == 1 else (None, None)
    if not isinstance(further, int) or not 0 <= further < MAX_PARTS or len(content) != 1 + further:
        return None, None
    if not isinstance(first, bytes) or len(first) > PART_BYTES:
        return None, None
    parts = [first]
    for place in range(further):
        part = content.get(_name(place))
        held = dict(part) if isinstance(part, ConfigRecord) else {}
        match held:
            case {"bytes": bytes(some), **others} if not others and 0 < len(some) <= PART_BYTES:
                parts.append(some)
            case _:
                return None, None
    return fields, b"".join(parts)
