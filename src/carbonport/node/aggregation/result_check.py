"""The offline check of a result file: every check by name, with what was found; it never raises for a failed one.

A report that is ok says: the published sums are exactly the sums of the values that listed verifiers signed for exactly
these contributors, every range and link proof holds, and what was released is what disclosure control lets through. It
does not say who contributed what, and nobody can learn it from the file. Keys are judged as of the time that the
coordinator signed the result: by the reader's own trust lists where it has them, else by those in the file, which were
current then; without anchors of the reader's own, the pinned keys have to be compared by another channel.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from carbonport.attestation.check_report import CheckRun, Report
from carbonport.attestation.trust_store import Anchors, TrustStore
from carbonport.errors import FailedVerification
from carbonport.node.aggregation.answers import ANSWER, combined
from carbonport.node.aggregation.ballots import VOTE, require_quorum
from carbonport.node.aggregation.examination import Examined, Proposal, examine
from carbonport.node.aggregation.parties import check_parties
from carbonport.node.aggregation.plan import PLAN, SignedPlan
from carbonport.node.aggregation.result_file import ResultFile, read_result_file
from carbonport.node.aggregation.result_statement import RESULT, Result, SignedResult, result_of
from carbonport.node.aggregation.trust_lookups import add_lists, listed_statements
from carbonport.node.sessions.parties import directory, seal_keys
from carbonport.node.sessions.signed_document import SealKeys


@dataclass(frozen=True, slots=True)
class _Step:
    id: str
    expected: str
    action: Callable[["_ResultVerification"], str]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckedResult:
    """The report, and the plan and result when they could be read; rely on them only if the report is ok."""

    report: Report
    plan: SignedPlan | None
    result: Result | None


def check_result_file(
    data: bytes,
    *,
    now: int,
    anchors: Anchors | None = None,
    store: TrustStore | None = None,
) -> CheckedResult:
    """Check a result file as of `now` (unix seconds).

    `store` has the reader's own current lists; without it those in the file count, under `anchors` or, without these,
    under the keys pinned in the file.
    """
    verification = _ResultVerification(data, now, anchors, store)
    run = CheckRun()
    for step in _STEPS:
        run.step(step.id, step.expected, partial(step.action, verification), *step.needs)
    result = verification.result
    return CheckedResult(run.report(), verification.plan, None if result is None else result.content)


class _ResultVerification:
    """The steps, each leaving what later ones need."""

    def __init__(self, data: bytes, now: int, anchors: Anchors | None, store: TrustStore | None) -> None:
        self._data, self._now, self._anchors, self._own_store = data, now, anchors, store
        self._file: ResultFile
        self._store: TrustStore
        self._examined: Examined
        self._at = 0
        self._lists_at = now
        self.plan: SignedPlan | None = None
        self.result: SignedResult | None = None

    def read(self) -> str:
        """The file's form."""
        self._file = read_result_file(self._data)
        return f"{len(self._file.contributions)} contributions"

    def lists(self) -> str:
        """The lists by which keys and parties are judged."""
        self._at = self._file.issued_at
        if self._at > self._now:
            raise _failed(f"a result of {self._at}, after now ({self._now})")
        if self._own_store is not None:
            self._store = self._own_store
            return "the reader's own lists"
        self._lists_at = self._at
        anchors = self._file.anchors if self._anchors is None else self._anchors
        self._store = TrustStore(anchors)
        add_lists(self._store, self._file.trust_lists, now=self._at)
        kids = "; ".join(f"{name} {', '.join(kids)}" for name, kids in self._store.anchor_kids().items())
        return f"{kids}, {'pinned in the file' if self._anchors is None else 'given by the reader'}"

    def signed_result(self) -> str:
        """The coordinator's signature over the sums."""
        self.result = RESULT.open(self._file.result, self._file.coordinator, self._keys())
        if self.result.content.issued_at != self._at:
            raise _failed("a file that names another time than the result in it")
        return f"{len(self.result.content.sums)} cohorts, signed by {self._file.coordinator} at {self._at}"

    def signed_plan(self) -> str:
        """The plan, and that everybody in it may play its part."""
        plan = PLAN.open(self._file.plan, self._file.coordinator, self._keys())
        check_parties(plan, directory(self._store, now=self._lists_at))
        self.plan = plan
        threshold = plan.content.holder_threshold
        return f"{plan.content.purpose}; any {threshold.threshold} of {threshold.holders} independent holders read sums"

    def contributions(self) -> str:
        """Roster, consents, release, contributions with every proof."""
        assert self.plan is not None, "the plan was read"
        file, plan = self._file, self.plan
        self._examined = examine(
            plan,
            Proposal(file.roster, file.consents, file.contributions, file.closed, file.verdict),
            undertakings=check_parties(plan, directory(self._store, now=self._lists_at)),
            keys=self._keys(),
            statement_of=listed_statements(file.statements, self._store, at=self._at, now=self._lists_at),
        )
        count = len(self._examined.heads)
        return f"{count} contributions, each of its verifier's statement, in range; nobody twice"

    def votes(self) -> str:
        """The holders' quorum."""
        assert self.plan is not None, "the plan was read"
        votes = [VOTE.open(token, holder, self._keys()) for holder, token in self._file.votes.items()]
        require_quorum(self.plan, self._examined.roster, votes)
        return f"{len(votes)} votes"

    def sums(self) -> str:
        """Answers and published sums against the summed commitments."""
        assert self.plan is not None, "the plan was read"
        assert self.result is not None, "the result was read"
        answers = [ANSWER.open(token, holder, self._keys()) for holder, token in self._file.answers.items()]
        roster, content = self._examined.roster, self.result.content
        sums = combined(self.plan, roster, self._examined.commitments, answers)
        sizes = {name: one.size for name, one in self._examined.commitments.items()}
        expected = result_of(
            self.plan, roster, sums, sizes, self._examined.release.refused, now=content.issued_at
        )
        if content != expected:
            raise _failed("published sums or refusals that do not follow from roster and answers")
        return f"the sums of {', '.join(sorted(sums))} open the summed commitments"

    def _keys(self) -> SealKeys:
        return seal_keys(self._store, at=self._at, now=self._lists_at)


_STEPS = (
    _Step("file-form", "canonical JSON of the result file's format", _ResultVerification.read),
    _Step("trust-lists", "lists signed under the anchors", _ResultVerification.lists, ("file-form",)),
    _Step(
        "result-signature",
        "the coordinator's signature over the sums",
        _ResultVerification.signed_result,
        ("trust-lists",),
    ),
    _Step(
        "plan",
        "the coordinator's plan, with independent holders and listed parties",
        _ResultVerification.signed_plan,
        ("result-signature",),
    ),
    _Step(
        "contributions",
        "a roster that keeps to the plan, of contributions whose every proof holds",
        _ResultVerification.contributions,
        ("plan",),
    ),
    _Step(
        "votes",
        "the quorum of holders for exactly this roster",
        _ResultVerification.votes,
        ("contributions",),
    ),
    _Step("sums", "sums that open the roster's commitments", _ResultVerification.sums, ("contributions",)),
)

RESULT_CHECK_IDS = tuple(step.id for step in _STEPS)
"""The checks of a report, in order; the names are a public contract."""


def _failed(found: str) -> FailedVerification:
    return FailedVerification(
        "aggregation-result",
        found=found,
        expected="the result that follows from plan, roster and answers",
        remedy="Do not use the sums; ask the coordinator for the result file again.",
    )
