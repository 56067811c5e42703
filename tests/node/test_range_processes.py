"""Batches of range proofs over processes: the same outcomes as in one, whatever becomes of a process."""

import os
import signal
from collections.abc import Iterator
from dataclasses import replace
from functools import cache

import pytest

from carbonport.crypto.group import Point
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.crypto.proofs.ranges import prove_openings
from carbonport.errors import FailedVerification, Malformed
from carbonport.node.range_processes import MIN_CLAIMS, RangeProcesses

CONTEXT = bytes(64)
WIDTH = 4


@cache
def claims() -> list[RangeClaim[Point]]:
    made = []
    for i in range(MIN_CLAIMS + 3):
        opening = Opening(i % (1 << WIDTH), 1000 + i)
        proof = prove_openings([opening], [WIDTH], CONTEXT, nonce_secret=bytes(32))
        made.append(RangeClaim((commit(opening),), (WIDTH,), CONTEXT, proof))
    return made


@pytest.fixture(scope="module")
def checkers() -> Iterator[RangeProcesses]:
    with RangeProcesses(2) as running:
        yield running


def test_a_large_batch_of_true_claims_holds(checkers: RangeProcesses) -> None:
    checkers.verify(claims())


@pytest.mark.parametrize("place", [0, 1, -1])
def test_one_false_claim_in_any_portion_is_found(checkers: RangeProcesses, place: int) -> None:
    changed = list(claims())
    changed[place] = replace(changed[place], context=b"\x01" * 64)
    with pytest.raises(FailedVerification, match="range-proof"):
        checkers.verify(changed)


def test_bytes_that_are_no_proof_are_malformed(checkers: RangeProcesses) -> None:
    changed = list(claims())
    changed[1] = replace(changed[1], proof=changed[1].proof[:-1])
    with pytest.raises(Malformed, match="range-proof-length"):
        checkers.verify(changed)


def test_a_small_batch_starts_no_process() -> None:
    with RangeProcesses(2) as unused:
        unused.verify(claims()[:5])
        assert "_pool" not in unused.__dict__


def test_a_process_that_dies_is_no_verdict(checkers: RangeProcesses) -> None:
    checkers.verify(claims())
    for process in list(checkers._pool._processes.values()):
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    false = [*claims()[1:], replace(claims()[0], context=b"\x01" * 64)]
    with pytest.raises(FailedVerification, match="range-proof"):
        checkers.verify(false)
    checkers.verify(claims())
