"""A sum over many contributors: adding up as they come, and checking what came.

Contributions of one metric are made in a process for each core, and go through a coordinator in a process of its own
(`sum_stream`), as they would come in over a network; then the roster is checked here.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from multiprocessing import get_context
from typing import IO, Any

from carbonport.crypto.group import Point, sum_points
from carbonport.crypto.sums.answers import (
    RosterCommitments,
    SumResult,
    answer_of_slots,
    check_answer,
    check_result,
    combine_answers,
    roster_commitments,
)
from carbonport.crypto.sums.attested import AttestedCommitment
from carbonport.crypto.sums.bfv_child import read_frame, write_frame
from carbonport.crypto.sums.bfv_worker import BfvWorker, HolderContext
from carbonport.crypto.sums.contribution import ContributionHead
from carbonport.crypto.sums.contribution_proofs import SubmittedHead, verify_heads
from carbonport.errors import Unavailable
from carbonport.node.bench.figures import Figure
from carbonport.node.bench.group_yardsticks import raw_multiplication
from carbonport.node.bench.sum_case import (
    DECIMALS,
    THRESHOLD,
    case_parameters,
    contribute,
    contributor_name,
    drawn_values,
    require_sums,
)
from carbonport.node.bench.timing import own_seconds, passed_seconds
from carbonport.node.range_processes import RangeProcesses

PARAMETERS = case_parameters(1)

PORTION = 4
"""Contributions made at a time: 3 MB on their way from one process to the other."""

ROUNDS, FEW_ROUNDS = 7, 3
"""Turns of short work, and of long work; the median is over them."""

POINTS_PER_HEAD = 16
"""Of one metric of 32 bits: A_0, A_1, C, two commitments of the relation proof, ten points of the range proof, and one
for what all proofs share. A multiplication over so many is the yardstick of checking a head."""


@dataclass(frozen=True)
class Made:
    """A contribution; `value` is for the bench alone."""

    contributor: str
    value: int
    attested: bytes
    head: bytes
    ciphertexts: tuple[bytes, ...]


def large_sum(worker: BfvWorker, roster: int, tell: Callable[[str], None]) -> list[Figure]:
    """Time and memory of the coordinator, and of the checks."""
    tell(f"making and streaming {roster} contributions")
    keys = {holder: worker.generate() for holder in THRESHOLD.indices}
    made, told, totals = _streamed(roster, [context.public for context in keys.values()])
    tell(f"checking {roster} contributions")
    submitted = [
        SubmittedHead(one.contributor, (AttestedCommitment(Point.decode(one.attested), DECIMALS),), one.head)
        for one in made
    ]
    heads = verify_heads(PARAMETERS, submitted)
    result = _read(worker, keys, totals, roster_commitments(PARAMETERS, heads))
    require_sums(result.values, [[one.value] for one in made])
    return [
        Figure.of(f"stream-{roster}", [told["processor_s"]], "s of processor"),
        Figure.of(f"stream-{roster}-memory", [told["peak_memory_bytes"] / 1_000_000], "MB"),
        *_final_check(heads, result),
        *_full_check(submitted),
    ]


def _streamed(
    roster: int, contexts: Sequence[bytes]
) -> tuple[list[Made], Mapping[str, float], Mapping[int, bytes]]:
    """Contributions without their ciphertexts, what the coordinator tells of itself, and its sums."""
    command = [sys.executable, "-m", "carbonport.node.bench.sum_stream", str(len(PARAMETERS.metrics))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as coordinator:
        stream, answer = coordinator.stdin, coordinator.stdout
        assert stream is not None
        assert answer is not None
        try:
            made = list(_sent(stream, roster, contexts))
            frame = read_frame(answer)
        except (OSError, ValueError):
            frame = None
        finally:
            stream.close()
    if frame is None:
        raise Unavailable(
            "bench-process",
            found="a coordinator's process that ended early",
            expected="a process that adds up all contributions",
            remedy="Close what else keeps the machine busy and run again; its message stands above.",
        )
    told: Mapping[str, float] = json.loads(frame[0])
    return made, told, dict(zip(THRESHOLD.indices, frame[1:], strict=True))


def _sent(stream: IO[bytes], roster: int, contexts: Sequence[bytes]) -> Iterator[Made]:
    write_frame(stream, contexts)
    for one in _made(roster, contexts):
        write_frame(stream, [one.contributor.encode("utf-8"), one.head, *one.ciphertexts])
        yield replace(one, ciphertexts=())
    write_frame(stream, [])


def _made(roster: int, contexts: Sequence[bytes]) -> Iterator[Made]:
    """Contributions, made on every core no faster than they are taken."""
    portions = [range(start, min(start + PORTION, roster)) for start in range(0, roster, PORTION)]
    cores = min(len(os.sched_getaffinity(0)), len(portions))
    with ProcessPoolExecutor(
        cores, get_context("spawn"), initializer=_start, initargs=(list(contexts),)
    ) as pool:
        waiting: list[Future[list[Made]]] = []
        for portion in portions:
            waiting.append(pool.submit(_make, portion))
            if len(waiting) > 2 * cores:
                yield from waiting.pop(0).result()
        for future in waiting:
            yield from future.result()


_in_this_process: dict[str, Any] = {}


def _start(contexts: Sequence[bytes]) -> None:
    """In a process of the pool: a worker of its own, which ends with it."""
    _in_this_process.update(worker=BfvWorker(), contexts=dict(zip(THRESHOLD.indices, contexts, strict=True)))


def _make(numbers: range) -> list[Made]:
    return [_make_one(number, _in_this_process["contexts"], _in_this_process["worker"]) for number in numbers]


def _make_one(number: int, contexts: Mapping[int, bytes], worker: BfvWorker) -> Made:
    (value,) = drawn_values(1)
    contribution = contribute(PARAMETERS, number, [value], contexts, worker)
    return Made(
        contributor_name(number),
        value.opening.value,
        value.public.commitment.encode(),
        contribution.head,
        tuple(contribution.ciphertexts[holder] for holder in THRESHOLD.indices),
    )


def _read(
    worker: BfvWorker,
    keys: Mapping[int, HolderContext],
    totals: Mapping[int, bytes],
    roster: RosterCommitments,
) -> SumResult:
    answers = {}
    for holder, total in totals.items():
        worker.unlock(keys[holder].secret)
        answers[holder] = answer_of_slots(
            PARAMETERS, holder, worker.decrypt(total, slots=PARAMETERS.slots).slots
        )
        check_answer(PARAMETERS, roster, answers[holder])
    return combine_answers(PARAMETERS, roster, answers)


def _final_check(heads: Sequence[ContributionHead], result: SumResult) -> list[Figure]:
    """What anyone does with a published result: decode every A_0, add them up, open the sum."""
    encoded = [head.commitments[0][0].encode() for head in heads]

    def check() -> None:
        total = sum_points([Point.decode(data) for data in encoded])
        check_result(PARAMETERS, RosterCommitments(len(encoded), ((total,),)), result)

    raw = raw_multiplication(len(heads))
    yardstick = Figure.of(
        f"multiplication-{len(heads)}", [own_seconds(raw) * 1000 for _ in range(ROUNDS)], "ms of processor"
    )
    rounds = [own_seconds(check) * 1000 for _ in range(ROUNDS)]
    return [
        yardstick,
        Figure.of(f"final-check-{len(heads)}", rounds, "ms of processor", yardstick=yardstick),
    ]


def _full_check(submitted: Sequence[SubmittedHead]) -> list[Figure]:
    """The same with every proof, on every core and on one."""
    points = POINTS_PER_HEAD * len(submitted)
    raw = raw_multiplication(points)
    yardstick = Figure.of(f"multiplication-{points}", [passed_seconds(raw) for _ in range(FEW_ROUNDS)], "s")
    alone = partial(verify_heads, PARAMETERS, submitted)
    with RangeProcesses() as checkers:
        together = partial(alone, check_ranges=checkers.verify)
        together()  # starts the processes
        rounds = [passed_seconds(together) for _ in range(FEW_ROUNDS)]
    own = [own_seconds(alone) for _ in range(FEW_ROUNDS)]
    return [
        yardstick,
        Figure.of(f"full-check-{len(submitted)}", rounds, "s", yardstick=yardstick),
        Figure.of(f"full-check-{len(submitted)}-1-core", own, "s of processor"),
    ]
