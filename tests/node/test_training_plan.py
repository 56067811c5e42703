"""A training's plan as a person writes it, as it is signed, and what it cannot say."""

from dataclasses import replace
from decimal import Decimal

import pytest

from carbonport.crypto.jws import Jwk, SigningKey
from carbonport.errors import CarbonportError, Malformed
from carbonport.federated.packaged_tasks import PACKAGED, PLAUSIBILITY
from carbonport.node.training.exchange_record import ExchangeRecord, read_exchange_record
from carbonport.node.training.plan import PLAN, TrainingPlan
from carbonport.node.training.plan_file import read_plan_file

NOW = 1_800_000_000
COORDINATOR = "CN/894500DEMOCOORDCN022"
APP = "ab" * 32


def ids(word: str, count: int, country: str = "CN") -> str:
    return ", ".join(f'"{country}/894500{word}{number:03}00000"' for number in range(count))


PLAN_FILE = f"""
task = "plausibility"
version = 1
purpose = "Plausibility of steel"
year = 2026
days = 2
members = [{ids("WORKS0", 15)}]
holders = [{ids("HOLDER", 3, "EU")}]
threshold = 2
bucket_size = 5
"""
PRIVACY = '[privacy]\nepsilon = "4"\ndelta = "0.00001"\ntolerated = 2\n'


def read(text: str) -> TrainingPlan:
    return read_plan_file(text.encode(), where="plan.toml", nonce=bytes(32), now=NOW, app=APP)


def test_a_plan_reads_back_what_was_signed_and_names_the_task_by_its_definition() -> None:
    key = SigningKey.generate()

    def keys(participant: str, kid: str) -> Jwk:
        assert (participant, kid) == (COORDINATOR, key.kid)
        return key.public_jwk

    private = PLAN_FILE.replace('"plausibility"', '"plausibility-for-noise"').replace("size = 5", "size = 0")
    for text in (PLAN_FILE, private + PRIVACY):
        plan = read(text)
        signed = PLAN.sign(plan, COORDINATOR, key)
        assert PLAN.open(signed.token, COORDINATOR, keys).content == plan
    assert plan.privacy is not None
    assert plan.epsilon == Decimal(8), "4 for each of the two parts"
    assert plan.noise["independent"].honest == 3
    assert read(PLAN_FILE).definition == PLAUSIBILITY.definition
    assert len({task.definition for task in PACKAGED.values()}) == len(PACKAGED)
    with pytest.raises(Malformed, match="another definition"):
        _ = replace(plan, definition="00" * 32).packaged


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (("threshold = 2", "threshold = 3"), "training-plan"),
        (("size = 5", "size = 4"), "training-plan"),
        (("size = 5", "size = 6"), "training-plan"),
        (("size = 5", "size = 0\nminimum_rows = 9"), "training-plan"),
        (("size = 5", "size = 0\nminimum_cohort = 4"), "training-plan"),
        (("size = 5", "size = 0\nminimum_cohort = 16"), "training-plan"),
        (("size = 5", "size = 5\n" + PRIVACY), "training-plan"),
        (("size = 5", "size = 0\n" + PRIVACY), "training-plan"),
        (('"plausibility"', '"plausibility-for-noise"'), "training-plan"),
        (('"plausibility"', '"plausible"'), "training-task"),
        (("year = 2026", "year = 2026\nretrys = 1"), "document-field"),
        (("days = 2", "days = 0"), "document-field"),
        (("days = 2", "days = "), "training-plan-file"),
    ],
)
def test_a_plan_file_that_cannot_be_meant_is_refused(change: tuple[str, str], error: str) -> None:
    with pytest.raises(CarbonportError, match=error):
        read(PLAN_FILE.replace(*change))


def test_what_logs_say_of_an_exchange_reads_back() -> None:
    digest = "cd" * 32
    record = ExchangeRecord(
        plan=digest,
        membership=digest,
        task="plausibility 1",
        definition=digest,
        app=APP,
        exchange=3,
        attempt=1,
        asked=digest,
        cohort=5,
        epsilon="8",
        contributions={COORDINATOR: digest},
        refused={COORDINATOR: "training-awaits-approval"},
        sums=digest,
    )
    assert read_exchange_record(record.encode()) == record
