"""The ridge training of three participants over a relay: by the secure sum, and by plain sums as its yardstick.

Each participant contributes and holds a key, so that three processes make a whole training. Three ways to the same
integers:

    secure     a question, sealed shares back; shares to the holders, sums back
    plain      the same letters between the same participants, with the vectors themselves in place of shares
    direct     a question, vectors back: a training that keeps nothing from its server

What secure takes beside plain is cryptography; what plain takes beside direct is the way through holders. Plain letters
and answers are numbered, and name whom they are to and of: Flower carries what is the same only once, and while a
question to all is the same, sealed shares never are.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from carbonport.examples.plants.ledgers import EmissionsEngine
from carbonport.examples.plants.routes import ARC_FURNACE
from carbonport.examples.plants.table import draw_cohort
from carbonport.federated.carried_sum import (
    QUESTION,
    SHARES,
    TIMEOUT_S,
    about_question,
    carried_cohort,
    holder_name,
    question_in,
)
from carbonport.federated.features import Integers
from carbonport.federated.frames import Frame, decode_frame
from carbonport.federated.plausibility_tasks import INDEPENDENT_TASK
from carbonport.federated.relay import Desk, Relay, Reply
from carbonport.federated.ridge import RidgeModel, RidgeTask
from carbonport.federated.secure_sum import DEFAULT_THRESHOLD
from carbonport.federated.training import Participants, Question, Sums, train
from carbonport.node.bench.plant_members import SEED, member_rows

VECTORS, VECTOR_SUMS = "vectors", "vector-sums"
"""Kinds of the yardsticks' letters: a question, and what all answered."""

SUMS = "sums"
"""Name of the one body of a plain holder's answer."""

VALUE_TYPE = np.dtype(">i8")
"""A plain value takes eight bytes, as a share does."""

PLACES = tuple(f"participant-{index}" for index in DEFAULT_THRESHOLD.indices)
"""The participants, as many as there are holders."""

SumOf = Callable[[Question], Coroutine[Any, Any, Sums]]
"""Asks a question over the relay."""


@dataclass(frozen=True)
class CarriedRidge:
    """A training whose participants sit behind a relay, and the three `ways` of it."""

    task: RidgeTask
    cohort: Participants
    ways: Mapping[str, SumOf] = field(repr=False)

    async def trained(self, way: str) -> RidgeModel:
        """The model, learned that way."""
        loop = asyncio.get_running_loop()

        def sum_of(question: Question) -> Sums:
            return asyncio.run_coroutine_threadsafe(self.ways[way](question), loop).result()

        return await asyncio.to_thread(train, self.task.training(), sum_of)


def carried_ridge(relay_of: Callable[[Mapping[str, Desk]], Relay]) -> CarriedRidge:
    """The training, over the relay that is made of a desk for each of `PLACES`.

    Its cohort is smaller than any that a node takes part in, and its minimum is its size.
    """
    task = replace(INDEPENDENT_TASK, minimum_cohort=len(PLACES))
    engine = EmissionsEngine()
    plants = draw_cohort(SEED, ((ARC_FURNACE, len(PLACES)),))
    rows = {place: member_rows(plant, engine) for place, plant in zip(PLACES, plants, strict=True)}
    cohort = Participants(task, {place: own.take(task.usable(own)) for place, own in rows.items()})
    place_of = dict(zip(map(holder_name, DEFAULT_THRESHOLD.indices), PLACES, strict=True))
    place_of |= {_contributor(place): place for place in PLACES}

    def at_places(desks: Mapping[str, Desk]) -> Relay:
        together: dict[str, Desk] = {
            place: _Participant(
                {name: desk for name, desk in desks.items() if place_of[name] == place}, place, cohort
            )
            for place in PLACES
        }
        return _PlacedRelay(relay_of(together), place_of)

    vectors_of = {_contributor(place): partial(_answer, cohort, place) for place in PLACES}
    secure = carried_cohort(vectors_of, at_places)
    plain = _PlainSums(secure.relay)
    ways = {"secure": secure.sum_of, "plain": plain.through_holders, "direct": plain.direct}
    return CarriedRidge(task, cohort, ways)


def _contributor(place: str) -> str:
    return f"contributor {place}"


def _answer(cohort: Participants, place: str, question: Question) -> tuple[int, ...]:
    return question.checked(cohort.task.contribution(question, cohort.rows[place]))


@dataclass(frozen=True, slots=True)
class _PlacedRelay:
    """Brings what is for a contributor or a holder to the place where it sits; one of each name in an exchange."""

    relay: Relay
    place_of: Mapping[str, str]

    async def exchange(
        self, kind: str, letters: Mapping[str, bytes], *, timeout_seconds: float
    ) -> Mapping[str, Reply]:
        replies = await self.relay.exchange(
            kind,
            {self.place_of[name]: letter for name, letter in letters.items()},
            timeout_seconds=timeout_seconds,
        )
        return {name: replies[self.place_of[name]] for name in letters}


class _Participant:
    """The desk of a place: contributor and holder of the secure sum by the letter's kind, and of the plain ones."""

    def __init__(self, secure: Mapping[str, Desk], place: str, cohort: Participants) -> None:
        contributor = _contributor(place)
        self._by_kind = {QUESTION if name == contributor else SHARES: desk for name, desk in secure.items()}
        self._place, self._cohort = place, cohort

    async def answer(self, kind: str, letter: bytes) -> bytes:
        if kind in self._by_kind:
            return await self._by_kind[kind].answer(kind, letter)
        frame = decode_frame(letter)
        if kind == VECTORS:
            number, question = question_in(kind, VECTORS, frame)
            vector = _packed(_answer(self._cohort, self._place, question))
            copies = frame.about["copies"]
            assert isinstance(copies, int), "asked for by this module"
            return Frame(
                {"of": self._place, "number": number}, {str(copy): vector for copy in range(copies)}
            ).encode()
        sums = _packed(np.sum([_values(body) for body in frame.bodies.values()], axis=0))
        return Frame({"of": self._place, "number": frame.about["number"]}, {SUMS: sums}).encode()


@dataclass(slots=True)
class _PlainSums:
    """The coordinator's side of both plain ways."""

    relay: Relay = field(repr=False)
    asked: int = 0

    async def direct(self, question: Question) -> Sums:
        """One exchange: everybody's vector, added here."""
        vectors = await self._vectors(question, copies=1)
        return tuple(np.sum([_values(bodies["0"]) for bodies in vectors.values()], axis=0).tolist())

    async def through_holders(self, question: Question) -> Sums:
        """Two exchanges: everybody's vector once for each holder, and the sum of each."""
        vectors = await self._vectors(question, copies=len(PLACES))
        letters = {}
        for copy, index in enumerate(DEFAULT_THRESHOLD.indices):
            bodies = {name: given[str(copy)] for name, given in vectors.items()}
            letters[holder_name(index)] = Frame(
                {"to": holder_name(index), "number": self.asked}, bodies
            ).encode()
        replies = await self.relay.exchange(VECTOR_SUMS, letters, timeout_seconds=TIMEOUT_S)
        (sums,) = {decode_frame(replies[name].opened(name)).bodies[SUMS] for name in letters}
        return tuple(_values(sums).tolist())

    async def _vectors(self, question: Question, copies: int) -> dict[str, Mapping[str, bytes]]:
        letter = Frame({**about_question(self.asked, question), "copies": copies}).encode()
        self.asked += 1
        letters = {_contributor(place): letter for place in PLACES}
        replies = await self.relay.exchange(VECTORS, letters, timeout_seconds=TIMEOUT_S)
        return {name: decode_frame(replies[name].opened(name)).bodies for name in letters}


def _packed(values: Sequence[int] | Integers) -> bytes:
    return np.asarray(values, dtype=VALUE_TYPE).tobytes()


def _values(data: bytes) -> Integers:
    return np.frombuffer(data, dtype=VALUE_TYPE).astype(np.int64)
