"""Many range proofs at once, on every core.

The group's multiplication holds the interpreter's lock, so a batch is cut into portions for processes. Each portion is
one batch with weights of its own; all have to hold. Small batches are checked where they are asked for: a process
takes longer to start than they take. A process that dies is no verdict: its batch is checked by the caller.
"""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property
from multiprocessing import get_context
from types import TracebackType
from typing import Self, TypeAlias

from carbonport.crypto.group import Point
from carbonport.crypto.proofs.range_verifier import RangeClaim
from carbonport.crypto.proofs.ranges import verify_range_claims
from carbonport.errors import CarbonportError, error_from_dict

MIN_CLAIMS = 96
"""Fewer claims than these are checked in the calling process: they take some 200 ms there."""

_Encoded: TypeAlias = tuple[tuple[bytes, ...], tuple[int, ...], bytes, bytes]


class RangeProcesses:
    """Checks batches of range proofs in processes that start with the first large batch and stay until `close`."""

    def __init__(self, processes: int | None = None) -> None:
        """`processes` is one for each core this process may use, when nobody says otherwise."""
        self._processes = processes or len(os.sched_getaffinity(0))

    @cached_property
    def _pool(self) -> ProcessPoolExecutor:
        # Started afresh rather than forked: the program may hold threads and open connections.
        return ProcessPoolExecutor(self._processes, get_context("spawn"))

    def verify(self, claims: Sequence[RangeClaim[Point]]) -> None:
        """Raise `Malformed` or `FailedVerification` unless every claim holds. Waits: not for the event loop."""
        if len(claims) < MIN_CLAIMS or self._processes == 1:
            verify_range_claims(claims)
            return
        portions = [
            [_encoded(claim) for claim in claims[start :: self._processes]]
            for start in range(self._processes)
        ]
        try:
            outcomes = list(self._pool.map(_checked, portions))
        except BrokenProcessPool:
            self.close()
            verify_range_claims(claims)
            return
        for problem in outcomes:
            if problem is not None:
                raise error_from_dict(problem)

    def close(self) -> None:
        """End the processes; a later batch starts them again."""
        pool = self.__dict__.pop("_pool", None)
        if pool is not None:
            pool.shutdown()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _encoded(claim: RangeClaim[Point]) -> _Encoded:
    return tuple(point.encode() for point in claim.commitments), claim.widths, claim.context, claim.proof


def _checked(portion: Sequence[_Encoded]) -> dict[str, str] | None:
    """In a process of the pool: nothing, or the error as data."""
    try:
        verify_range_claims(
            [
                RangeClaim(tuple(Point.decode(data) for data in commitments), widths, context, proof)
                for commitments, widths, context, proof in portion
            ]
        )
    except CarbonportError as error:
        return error.as_dict()
    return None
