"""How the documents of a training travel: as letters that whoever carries them neither reads nor decides about.

A letter is a signed document of the training in its bytes, with a short name of its kind. The coordinator's half hands
one letter to each named participant and gets a reply of each; a participant's desk (an exporter's or a key holder's)
answers one letter with another. Flower (`carbonport.federated.flower`) is one carrier and `InProcessRelay` is another:
a training cannot tell them apart. A carrier may lose, delay, repeat or swap letters, and what it says of a failure is a
word, not evidence: signatures, hashes and the log tell what was said by whom.

Of a failure only its id travels, never its text: a sentence about rows is a leak.
"""

import asyncio
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from carbonport.errors import CarbonportError, Misuse, Unavailable

logger = logging.getLogger("carbonport.federated.relay")
"""Failures of a desk by a defect; the trace stays on its own machine."""

MAX_LETTER_BYTES: Final = 32 * 2**20
"""Largest letter. A question of 65,536 values is 0.5 MB sealed to one holder: 1.6 MB from a contributor to three, and
21 MB to a holder from a cohort of 40."""

MAX_PARTICIPANTS: Final = 256
"""Letters of one exchange."""

KIND: Final = re.compile(r"[a-z-]{1,32}")
"""Form of a letter's kind."""

ERROR_ID: Final = re.compile(r"[a-z0-9-]{1,64}")
"""Form of what is said about a failure: the id of a `CarbonportError`, or one of the four below."""

NO_REPLY: Final = "relay-no-reply"
"""The participant did not answer in time, or cannot be reached."""

BAD_REPLY: Final = "relay-bad-reply"
"""Something came back that is not a reply: another shape, too large, from another participant."""

UNLISTED_APP: Final = "relay-unlisted-app"
"""The participant does not run the app that the carrier named."""

TOLD_OF_APP: Final = "unlisted-app"
"""Kind of what an executor tells its own node when it refused a run: the app's hash, for the log."""

DEFECT: Final = "relay-defect"
"""The participant's program failed in a way that it did not foresee."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back from one participant: a letter, or the id of what went wrong there or on the way."""

    letter: bytes | None = field(default=None, repr=False)
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.letter is None) == (self.error is None):
            raise ValueError("a reply is a letter or an error")
        if self.error is not None and not ERROR_ID.fullmatch(self.error):
            raise ValueError("not the id of an error")

    def opened(self, participant: str) -> bytes:
        """The letter; Unavailable (`training-participant`) with the id of what went wrong otherwise."""
        if self.letter is None:
            raise Unavailable(
                "training-participant",
                found=f"the error {self.error} in place of an answer",
                expected="an answer of every participant of the exchange",
                remedy="Ask the participant what its own log says, and start the training again.",
                where=participant,
            )
        return self.letter


class Relay(Protocol):
    """The coordinator's side of a carrier."""

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        """One letter of `kind` to each named participant; a reply for each of exactly these, however it went. Comes
        back within `timeout_seconds` and what the carrier needs to notice. Raises Misuse (`training-letter`) for what
        is no letter, and Unavailable when the carrier itself does not work."""
        ...


class Desk(Protocol):
    """The participant's side of a carrier: one object per node, for whatever kinds it knows."""

    async def answer(self, kind: str, letter: bytes) -> bytes:
        """The answer to a letter. Raises a CarbonportError, of which the id alone leaves the node. The same letter may
        come twice: a carrier that lost an answer asks again."""
        ...


def check_letter(kind: str, letter: bytes) -> None:
    """Misuse (`training-letter`) for a kind of another form or a letter that is too large to travel."""
    if not KIND.fullmatch(kind) or len(letter) > MAX_LETTER_BYTES:
        raise Misuse(
            "training-letter",
            found=f"{len(letter)} bytes of kind {kind[:40]!r}",
            expected=f"at most {MAX_LETTER_BYTES} bytes of a kind of 1 to 32 small letters and hyphens",
            remedy="Use a smaller question, or fewer participants in a training.",
        )


def check_exchange(kind: str, letters: Mapping[str, bytes]) -> None:
    """Misuse (`training-letter`) for an exchange that cannot be meant: nobody, too many, or something not a letter."""
    if not 1 <= len(letters) <= MAX_PARTICIPANTS:
        raise Misuse(
            "training-letter",
            found=f"letters to {len(letters)} participants",
            expected=f"1 to {MAX_PARTICIPANTS}",
            remedy="Name the participants of the training in its plan.",
        )
    for letter in letters.values():
        check_letter(kind, letter)


async def reply_of(desk: Desk, kind: str, letter: bytes) -> Reply:
    """What a participant sends back: its desk's answer, or the id of the error and nothing else of it."""
    try:
        check_letter(kind, letter)
        answer = await desk.answer(kind, letter)
        check_letter(kind, answer)
    except CarbonportError as error:
        return Reply(error=error.id)
    except Exception:
        logger.exception("a letter of kind %s was not answered", kind)
        return Reply(error=DEFECT)
    return Reply(letter=answer)


class InProcessRelay:
    """Carries letters to desks in the same process: the reference that every other carrier is compared with."""

    def __init__(self, desks: Mapping[str, Desk]) -> None:
        self._desks = dict(desks)

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        """See `Relay`; a name without a desk is one that cannot be reached."""
        check_exchange(kind, letters)
        replies = await asyncio.gather(
            *(self._ask(name, kind, letter, timeout_seconds) for name, letter in letters.items())
        )
        return dict(zip(letters, replies, strict=True))

    async def _ask(self, name: str, kind: str, letter: bytes, timeout_seconds: float) -> Reply:
        if name not in self._desks:
            return Reply(error=NO_REPLY)
        try:
            return await asyncio.wait_for(reply_of(self._desks[name], kind, letter), timeout_seconds)
        except TimeoutError:
            return Reply(error=NO_REPLY)
