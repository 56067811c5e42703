"""The secure sum of a training, with contributors and key holders in one process.

The same calls that nodes make: every contributor shares its vector and seals each share to its one holder, every holder
opens its shares and adds them, and the sums are read from the holders' consistent answers
(`carbonport.crypto.sums.fast_sum`). What is missing beside a training between nodes is the network, the votes and the
log; the integers are the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.sealing import HpkeKeyPair, hpke_generate
from carbonport.crypto.sums.fast_sum import (
    FastExchange,
    add_shares,
    combine_fast_answers,
    open_share,
    seal_shares,
)
from carbonport.crypto.sums.threshold import Threshold
from carbonport.federated.training import Question, Sums

DEFAULT_THRESHOLD = Threshold(holders=3, threshold=2)
"""Three holders, of whom two together could read."""

PLAN_HASH_BYTES = 32
"""Length of a plan's hash; here random bytes stand in its place, for there is no plan to sign."""


@dataclass(slots=True)
class InProcessHolders:
    """Key holders with fresh keys, which add what contributors seal to them. One object serves one training or
    several; every exchange has a number of its own."""

    threshold: Threshold = DEFAULT_THRESHOLD
    random_bytes: RandomBytes = field(default=system_random, repr=False)
    exchanges: int = 0
    _plan: bytes = field(init=False)
    _keys: dict[int, HpkeKeyPair] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self._plan = self.random_bytes(PLAN_HASH_BYTES)
        self._keys = {holder: hpke_generate(self.random_bytes) for holder in self.threshold.indices}

    def add(self, question: Question, vectors: Mapping[str, tuple[int, ...]]) -> Sums:
        """The sum of the contributors' vectors for `question`, through shares."""
        exchange = FastExchange(
            plan_hash=self._plan,
            exchange=f"{self.exchanges} {question.name}",
            attempt=0,
            threshold=self.threshold,
            length=question.length,
            value_bits=question.bound.bit_length(),
            roster_limit=len(vectors),
        )
        self.exchanges += 1
        public = {holder: pair.public for holder, pair in self._keys.items()}
        sealed = {
            contributor: seal_shares(exchange, contributor, vector, public, self.random_bytes)
            for contributor, vector in vectors.items()
        }
        answers = {
            holder: add_shares(
                exchange,
                (
                    open_share(exchange, contributor, holder, pair.private, shares[holder])
                    for contributor, shares in sealed.items()
                ),
            )
            for holder, pair in self._keys.items()
        }
        return tuple(combine_fast_answers(exchange, answers))
