"""What several parties' logs say of one training, and every way in which they may not say the same."""

from dataclasses import replace

import pytest

from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.node.log.audited_entry import AuditedEntry
from carbonport.node.regulator.training_audits import (
    DISAGREES,
    MISSING,
    UNREADABLE,
    TrainingLogs,
    compare_trainings,
    training_logs,
    trainings_json,
)
from carbonport.node.training.exchange_record import ExchangeRecord

COORDINATOR, HOLDER = "CN/894500DEMOCOORDCN035", "EU/894500DEMOHOLDER0131"
FIRST, SECOND = MEMBERS = ("CN/894500DEMOSTEEL00137", "CN/894500DEMOSTEEL00234")
HASHES = {member: str(number) * 64 for number, member in enumerate(MEMBERS, start=1)}
RECORD = ExchangeRecord(
    plan="a" * 64,
    membership="b" * 64,
    task="plausibility 1",
    definition="c" * 64,
    app="d" * 64,
    exchange=0,
    attempt=0,
    asked="e" * 64,
    cohort=5,
)
MODEL = replace(RECORD, exchange=1, asked="", model="f" * 64)


def log(owner: str, *entries: tuple[EntryType, ExchangeRecord]) -> TrainingLogs:
    return training_logs(
        owner,
        [
            AuditedEntry(index, kind, "x", 1_800_000_000, "00", {FieldName.TRAINING: record.encode()})
            for index, (kind, record) in enumerate(entries)
        ],
    )


def told(record: ExchangeRecord = RECORD, model: ExchangeRecord = MODEL) -> list[TrainingLogs]:
    """What everybody logs of a training of one exchange; the arguments are the coordinator's."""
    released = replace(record, contributions=record.contributions or HASHES, sums="9" * 64)
    answered = replace(RECORD, contributions=HASHES, sums="8" * 64)
    given = {member: replace(RECORD, contributions={member: HASHES[member]}) for member in MEMBERS}
    return [
        log(COORDINATOR, (EntryType.TRAINING, released), (EntryType.TRAINING, model)),
        log(HOLDER, (EntryType.TRAINING, answered), (EntryType.TRAINING, MODEL)),
        *(log(name, (EntryType.CROSSING, one), (EntryType.TRAINING, MODEL)) for name, one in given.items()),
    ]


def test_honest_logs_agree_and_are_shown() -> None:
    logs = told()
    assert compare_trainings(logs) == []
    (shown,) = trainings_json(logs[0])
    assert isinstance(shown, dict)
    assert (shown["model"], shown["cohort"]) == ("f" * 64, 5)
    (exchange,) = shown["exchanges"]
    assert exchange["contributions"] == HASHES


@pytest.mark.parametrize(
    ("record", "model", "says"),
    [
        *(
            (record, MODEL, f"another {name}")
            for name, record in (
                ("membership", replace(RECORD, membership="0" * 64)),
                ("definition", replace(RECORD, definition="0" * 64)),
                ("app", replace(RECORD, app="0" * 64)),
                ("task", replace(RECORD, task="other 1")),
                ("cohort", replace(RECORD, cohort=6)),
                ("epsilon", replace(RECORD, epsilon="4")),
            )
        ),
        (replace(RECORD, asked="0" * 64), MODEL, "another question in exchange 0, attempt 0"),
        (RECORD, replace(MODEL, model="0" * 64), "another model"),
        (
            replace(RECORD, contributions={**HASHES, FIRST: "0" * 64}),
            MODEL,
            f"another contribution of {FIRST} in exchange 0, attempt 0",
        ),
    ],
)
def test_whatever_the_coordinator_tells_otherwise_is_found(
    record: ExchangeRecord, model: ExchangeRecord, says: str
) -> None:
    logs = told(record, model)
    others = {f"training {'a' * 16}, {COORDINATOR} and {other}" for other in (HOLDER, *MEMBERS)}
    found = [each for each in compare_trainings(logs) if each.id == DISAGREES]
    assert {each.found for each in found} == {says}
    assert {each.where for each in found} <= others
    assert any(each.where.endswith(FIRST) for each in found)


def test_a_log_that_contradicts_itself_is_found_alone() -> None:
    logs = log(
        COORDINATOR, (EntryType.TRAINING, RECORD), (EntryType.TRAINING, replace(MODEL, membership="0" * 64))
    )
    assert [(each.id, each.found) for each in logs.findings] == [(DISAGREES, "another membership")]


def test_sums_with_a_contribution_that_was_never_given_or_without_one_that_was() -> None:
    coordinator, _, first, second = told()
    unaware = log(FIRST, (EntryType.TRAINING, MODEL))
    (found,) = compare_trainings([coordinator, unaware, second])
    assert (found.id, found.found) == (MISSING, "no entry of the contribution to exchange 0, attempt 0")
    silent = TrainingLogs(FIRST, {}, ())
    assert [each.id for each in compare_trainings([coordinator, silent])] == [MISSING]
    without = told(replace(RECORD, contributions={SECOND: HASHES[SECOND]}))[0]
    (found,) = compare_trainings([without, first, second])
    assert (found.id, found.found) == (MISSING, "sums without the contribution to exchange 0, attempt 0")


def test_a_record_that_cannot_be_read_is_a_finding() -> None:
    entry = AuditedEntry(7, EntryType.TRAINING, "x", 1, "00", {FieldName.TRAINING: b"{}"})
    (found,) = training_logs(COORDINATOR, [entry]).findings
    assert (found.id, found.where) == (UNREADABLE, f"{COORDINATOR}, entry 7")
