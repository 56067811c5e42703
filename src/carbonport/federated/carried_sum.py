"""The secure sum with letters in between: what `secure_sum` does by calls, over any relay.

The coordinator asks every contributor a question and gets its shares sealed to the holders; it hands each holder the
shares that are its own, and reads the sum from the holders' answers. Whoever carries the letters sees sealed shares and
holders' answers, which is what the coordinator sees. Two exchanges of letters make one sum.

For tables of one party (`carbonport federate evaluate`), tests and measurements: nothing is signed, voted on or logged,
and the holders' keys are known beforehand. Trainings between nodes have all of that and the same sums.
"""

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.canonical import Json
from carbonport.crypto.sealing import HpkeKeyPair, hpke_generate
from carbonport.crypto.sums.fast_sum import (
    RESIDUE_BYTES,
    FastExchange,
    add_shares,
    combine_fast_answers,
    open_share,
    seal_shares,
)
from carbonport.errors import Malformed
from carbonport.federated.frames import Frame, decode_frame
from carbonport.federated.relay import Desk, Relay
from carbonport.federated.secure_sum import DEFAULT_THRESHOLD, PLAN_HASH_BYTES
from carbonport.federated.training import Question, Sums

QUESTION: Final = "question"
"""Kind of the letter to a contributor."""

SHARES: Final = "shares"
"""Kind of the letter to a holder."""

TIMEOUT_S: Final = 60.0
"""How long an exchange of letters may take."""

AskFor = Callable[[Question], Sequence[int]]
"""A contributor's checked vector for a question."""


@dataclass(frozen=True, slots=True)
class SumSetting:
    """What all parties know beforehand: a plan's hash, the threshold, the holders' public keys, the cohort."""

    plan_hash: bytes
    holder_keys: Mapping[int, bytes]
    contributors: tuple[str, ...]

    def exchange(self, number: int, question: Question) -> FastExchange:
        """The exchange of a question, which has a number of its own."""
        return FastExchange(
            plan_hash=self.plan_hash,
            exchange=f"{number} {question.name}",
            attempt=0,
            threshold=DEFAULT_THRESHOLD,
            length=question.length,
            value_bits=question.bound.bit_length(),
            roster_limit=len(self.contributors),
        )


@dataclass(frozen=True, slots=True)
class ContributorDesk:
    """Answers a question with sealed shares of its own vector."""

    name: str
    setting: SumSetting
    vector_of: AskFor = field(repr=False)
    random_bytes: RandomBytes = field(default=system_random, repr=False)

    async def answer(self, kind: str, letter: bytes) -> bytes:
        """See `carbonport.federated.relay.Desk`."""
        number, question = question_in(kind, QUESTION, decode_frame(letter))
        sealed = seal_shares(
            self.setting.exchange(number, question),
            self.name,
            self.vector_of(question),
            self.setting.holder_keys,
            self.random_bytes,
        )
        return Frame({}, {str(holder): share for holder, share in sealed.items()}).encode()


@dataclass(frozen=True, slots=True)
class HolderDesk:
    """Opens its own shares of every contributor and answers with their sum."""

    index: int
    setting: SumSetting
    keys: HpkeKeyPair = field(repr=False)

    async def answer(self, kind: str, letter: bytes) -> bytes:
        """See `carbonport.federated.relay.Desk`."""
        frame = decode_frame(letter)
        exchange = self.setting.exchange(*question_in(kind, SHARES, frame))
        if set(frame.bodies) != set(self.setting.contributors):
            raise _unlike("shares of another cohort")
        shares = (
            open_share(exchange, name, self.index, self.keys.private, sealed)
            for name, sealed in frame.bodies.items()
        )
        return b"".join(value.to_bytes(RESIDUE_BYTES, "big") for value in add_shares(exchange, shares))


@dataclass(slots=True)
class CarriedSum:
    """The coordinator's side: asks questions of a cohort over a relay."""

    setting: SumSetting
    relay: Relay = field(repr=False)
    asked: int = 0

    async def sum_of(self, question: Question) -> Sums:
        """The sum of the contributors' vectors; an answer that is missing ends it (`training-participant`)."""
        exchange = self.setting.exchange(self.asked, question)
        about = about_question(self.asked, question)
        self.asked += 1
        letter = Frame(about).encode()
        replies = await self.relay.exchange(
            QUESTION, dict.fromkeys(self.setting.contributors, letter), timeout_seconds=TIMEOUT_S
        )
        sealed = {name: decode_frame(replies[name].opened(name)).bodies for name in self.setting.contributors}
        expected = {str(holder) for holder in exchange.threshold.indices}
        if any(set(shares) != expected for shares in sealed.values()):
            raise _unlike("shares for other holders")
        letters = {
            holder_name(holder): Frame(
                about, {name: shares[str(holder)] for name, shares in sealed.items()}
            ).encode()
            for holder in exchange.threshold.indices
        }
        replies = await self.relay.exchange(SHARES, letters, timeout_seconds=TIMEOUT_S)
        answers = {
            holder: _residues(replies[holder_name(holder)].opened(holder_name(holder)), exchange.length)
            for holder in exchange.threshold.indices
        }
        return tuple(combine_fast_answers(exchange, answers))


def holder_name(index: int) -> str:
    """The name under which a relay knows a holder."""
    return f"holder-{index}"


def carried_cohort(
    vectors_of: Mapping[str, AskFor], relay_of: Callable[[Mapping[str, Desk]], Relay]
) -> CarriedSum:
    """A cohort with fresh holders' keys and a relay around all of them, in one process."""
    keys = {holder: hpke_generate(system_random) for holder in DEFAULT_THRESHOLD.indices}
    setting = SumSetting(
        system_random(PLAN_HASH_BYTES),
        {holder: pair.public for holder, pair in keys.items()},
        tuple(vectors_of),
    )
    desks: dict[str, Desk] = {
        name: ContributorDesk(name, setting, vector_of) for name, vector_of in vectors_of.items()
    }
    desks |= {holder_name(holder): HolderDesk(holder, setting, pair) for holder, pair in keys.items()}
    return CarriedSum(setting, relay_of(desks))


def carried_adder(
    relay_of: Callable[[Mapping[str, Desk]], Relay],
) -> Callable[[Question, Mapping[str, tuple[int, ...]]], Sums]:
    """Adds vectors that are all here, as an evaluation has them, through a relay; from outside any event loop."""

    def add(question: Question, vectors: Mapping[str, tuple[int, ...]]) -> Sums:
        cohort = carried_cohort({name: _always(vector) for name, vector in vectors.items()}, relay_of)
        return asyncio.run(cohort.sum_of(question))

    return add


def _always(vector: tuple[int, ...]) -> AskFor:
    return lambda _: vector


def about_question(number: int, question: Question) -> dict[str, Json]:
    """A question with its number, as the head of a letter."""
    return {
        "number": number,
        "name": question.name,
        "parameters": question.parameters,
        "length": question.length,
        "bound": str(question.bound),
    }


def question_in(kind: str, expected: str, frame: Frame) -> tuple[int, Question]:
    """The same read from a letter of the kind `expected`; Malformed (`carried-sum`) for anything else."""
    match kind, frame.about:
        case str(kind), {
            "number": int(number),
            "name": str(name),
            "parameters": dict(parameters),
            "length": int(length),
            "bound": str(bound),
        } if kind == expected and bound.isdecimal():
            return number, Question(name, parameters, length, int(bound))
        case _:
            raise _unlike("a letter of another kind or shape")


def _residues(answer: bytes, length: int) -> list[int]:
    if len(answer) != length * RESIDUE_BYTES:
        raise _unlike("an answer of another length")
    return list(struct.unpack(f">{length}Q", answer))


def _unlike(found: str) -> Malformed:
    return Malformed(
        "carried-sum",
        found=found,
        expected="the letters of a secure sum",
        remedy="Run the same version of Carbonport everywhere.",
    )
