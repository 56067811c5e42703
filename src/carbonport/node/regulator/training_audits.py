"""Trainings in logs: what a party's log says of each, and whether the logs of several parties say the same.

A member logs what it gave, a holder what it added up, the coordinator what was released and the model
(`carbonport.node.training.exchange_record`). Each log alone can be complete and still tell another story than the
others; what all of them must say alike is compared here. Not compared: the hash of a holder's answer, which is its own.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise, permutations

from carbonport.crypto.canonical import Json
from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import CarbonportError
from carbonport.node.log.audited_entry import AuditedEntry
from carbonport.node.log.fsck import Finding
from carbonport.node.training.exchange_record import ExchangeRecord, read_exchange_record

UNREADABLE, DISAGREES, MISSING = (
    "training-audit-unreadable",
    "training-audit-disagrees",
    "training-audit-missing",
)

OF_THE_PLAN = ("membership", "task", "definition", "app", "cohort", "epsilon")
"""What every record of one plan says alike."""


@dataclass(frozen=True, slots=True)
class LoggedExchange:
    """A record with the entry that holds it."""

    entry: AuditedEntry
    record: ExchangeRecord

    @property
    def place(self) -> tuple[int, int]:
        """Exchange and attempt."""
        return self.record.exchange, self.record.attempt


@dataclass(frozen=True, slots=True)
class TrainingLogs:
    """What one log says of its owner's trainings, by the hash of the plan."""

    owner: str
    trainings: Mapping[str, tuple[LoggedExchange, ...]]
    findings: tuple[Finding, ...]


def training_logs(owner: str, entries: Iterable[AuditedEntry]) -> TrainingLogs:
    """The records in an audited log; findings for what cannot be read, or contradicts itself."""
    trainings: dict[str, list[LoggedExchange]] = {}
    findings = []
    for entry in entries:
        if FieldName.TRAINING not in entry.values:
            continue
        try:
            record = read_exchange_record(entry.values[FieldName.TRAINING])
        except CarbonportError as problem:
            findings.append(Finding(UNREADABLE, f"{owner}, entry {entry.index}", problem.id))
            continue
        trainings.setdefault(record.plan, []).append(LoggedExchange(entry, record))
    for logged in trainings.values():
        for one, other in pairwise(logged):
            findings += _contradictions(owner, one, owner, other)
    return TrainingLogs(owner, {plan: tuple(logged) for plan, logged in trainings.items()}, tuple(findings))


def compare_trainings(logs: Sequence[TrainingLogs]) -> list[Finding]:
    """Where audited logs of several parties do not say the same of a training that they share."""
    findings = []
    for one, other in combinations(logs, 2):
        for plan in sorted(one.trainings.keys() & other.trainings.keys()):
            findings += _differences(one.owner, one.trainings[plan], other.owner, other.trainings[plan])
    for one, member in permutations(logs, 2):
        for plan, logged in one.trainings.items():
            findings += _missing(plan, one.owner, logged, member.owner, member.trainings.get(plan, ()))
    return findings


def trainings_json(logs: TrainingLogs) -> list[Json]:
    """A log's trainings for scripts and for printing, in the order of their first entries."""
    shown: list[Json] = []
    for plan, logged in logs.trainings.items():
        record = logged[0].record
        shown.append(
            {
                "plan": plan,
                "membership": record.membership,
                "task": record.task,
                "definition": record.definition,
                "app": record.app,
                "cohort": record.cohort,
                "epsilon": record.epsilon,
                "refused": dict(record.refused),
                "model": next((each.record.model for each in logged if each.record.model), ""),
                "exchanges": [_exchange_json(each) for each in logged if each.record.asked],
            }
        )
    return shown


def _exchange_json(logged: LoggedExchange) -> Json:
    record, entry = logged.record, logged.entry
    return {
        "exchange": record.exchange,
        "attempt": record.attempt,
        "entry": entry.index,
        "time": entry.time,
        "asked": record.asked,
        "contributions": dict(record.contributions),
        "sums": record.sums,
        "failed": entry.text(FieldName.REASON),
        "policy": entry.text(FieldName.POLICY),
        "decision": entry.text(FieldName.DECISION),
    }


def _contradictions(whose: str, one: LoggedExchange, others: str, other: LoggedExchange) -> list[Finding]:
    """Where two records of one plan differ in what is the plan's."""
    return [
        _finding(one.record.plan, whose, others, f"another {name}")
        for name in OF_THE_PLAN
        if getattr(one.record, name) != getattr(other.record, name)
    ]


def _other_exchange(whose: str, one: LoggedExchange, others: str, other: LoggedExchange) -> list[Finding]:
    """Where two records of one attempt differ: in the question, or in what somebody gave."""
    exchange, attempt = one.place
    at = f"exchange {exchange}, attempt {attempt}"
    found = [f"another question in {at}"] if one.record.asked != other.record.asked else []
    given, seen = one.record.contributions, other.record.contributions
    found += [
        f"another contribution of {member} in {at}"
        for member in sorted(given.keys() & seen.keys())
        if given[member] != seen[member]
    ]
    return [_finding(one.record.plan, whose, others, each) for each in found]


def _differences(
    whose: str, ours: Sequence[LoggedExchange], others: str, theirs: Sequence[LoggedExchange]
) -> list[Finding]:
    """Where two logs tell different things of one training."""
    findings = _contradictions(whose, ours[0], others, theirs[0])
    by_place = {each.place: each for each in theirs if each.record.asked}
    for each in ours:
        if each.record.asked and each.place in by_place:
            findings += _other_exchange(whose, each, others, by_place[each.place])
    if len({each.record.model for each in (*ours, *theirs)} - {""}) > 1:
        findings.append(_finding(ours[0].record.plan, whose, others, "another model"))
    return findings


def _missing(
    plan: str, whose: str, logged: Sequence[LoggedExchange], member: str, own: Sequence[LoggedExchange]
) -> list[Finding]:
    """Sums in one log that count what a member's own log does not tell, or leave out what it does."""
    gave = {each.place for each in own if each.entry.type is EntryType.CROSSING}
    found = []
    for each in logged:
        if not (each.record.sums and each.entry.type is EntryType.TRAINING):
            continue
        counted = member in each.record.contributions
        if counted != (each.place in gave):
            exchange, attempt = each.place
            what = "no entry of the contribution to" if counted else "sums without the contribution to"
            found.append(f"{what} exchange {exchange}, attempt {attempt}")
    return [Finding(MISSING, f"training {plan[:16]}, {whose} and {member}", text) for text in found]


def _finding(plan: str, one: str, other: str, found: str) -> Finding:
    return Finding(DISAGREES, f"training {plan[:16]}, {one} and {other}", found)
