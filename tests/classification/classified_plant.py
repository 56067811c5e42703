"""A small steel plant, built from the ledger's own types, and a gate over it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cache

from carbonport.classification.egress import Approval, EgressRequest, Recipient, Subject
from carbonport.classification.forms import Form, Purpose, Role
from carbonport.classification.gate import Gate
from carbonport.classification.graded_ledger import GradedLedger, graded_ledger
from carbonport.classification.grades import Grade
from carbonport.classification.policy import Policy
from carbonport.classification.results import Results, calculation_results
from carbonport.footprint.calculation import calculate
from carbonport.footprint.ledger import (
    DataQuality,
    Direction,
    Fact,
    Good,
    Ledger,
    Period,
    Precursor,
    ProductionProcess,
    Record,
    Source,
    SourceStream,
)
from carbonport.footprint.tables.rule_tables import RuleTables

NOW = 1_800_000_000
CN = "72083900"
CONSIGNMENT = "C-2027-0001"
SUBJECT = Subject("steel", CN, CONSIGNMENT)
IMPORTER = Recipient("DE/5299000IMPORTER00001", Role.DECLARANT, "DE")
VERIFIER = Recipient("CN/5299000VERIFIER00001", Role.VERIFIER, "CN")
PLANT = Source("plant.yaml", "here")

AMOUNTS = {
    "stream/coke/activity_data": "2186473.915",
    "stream/coke/carbon_content": "0.876149532",
    "process/steel/activity_level": "4836291.472",
    "process/steel/electricity": "1671948.263",
    "precursor/pig-iron/precursor_amount": "143628.917",
}
"""Figures of the plant that no importer may ever read."""

TEXTS = {
    "installation/installation_name": ("installation_name", "identity", "Yanhai Steelworks"),
    "installation/operator": ("operator", "identity", "Hebei Yanhai Iron and Steel Co., Ltd."),
    "installation/country": ("country", "identity", "CN"),
    "installation/unlocode": ("unlocode", "identity", "CNTGS"),
    "installation/latitude": ("latitude", "location", "39.214653"),
    "installation/longitude": ("longitude", "location", "118.467291"),
    "installation/contact_email": ("contact_email", "personal", "office@yanhai.example"),
}

_FIGURES = {  # field: class, unit, decimals, bits
    "activity_data": ("energy", "t", 3, 48),
    "carbon_content": ("factor", "tC/t", 9, 32),
    "activity_level": ("production", "t", 3, 48),
    "electricity": ("energy", "MWh", 3, 48),
    "precursor_amount": ("precursor", "t", 3, 48),
    "precursor_see_direct": ("precursor", "tCO2e/t", 9, 40),
    "precursor_see_indirect": ("precursor", "tCO2e/t", 9, 40),
}


def figure(path: str, value: Decimal, *, field_class: str = "") -> Record:
    name = path.rsplit("/", 1)[1]
    known_class, unit, decimals, bits = _FIGURES[name]
    return Record(
        path,
        name,
        field_class or known_class,
        value,
        unit,
        value,
        unit,
        decimals,
        bits,
        PLANT,
        DataQuality.MEASURED,
    )


def fact(path: str, name: str, field_class: str, text: str) -> Fact:
    return Fact(path, name, field_class, text, PLANT)


@dataclass
class Plant:
    """What a test may vary; `ledger()` puts it together."""

    amounts: dict[str, Decimal] = field(default_factory=lambda: {k: Decimal(v) for k, v in AMOUNTS.items()})
    texts: dict[str, tuple[str, str, str]] = field(default_factory=lambda: dict(TEXTS))
    label: str = "Hot-rolled coil"
    routes: tuple[str, ...] = ("Basic oxygen steelmaking",)
    see_direct: Decimal = Decimal("1.814263957")

    def ledger(self, *more: Record | Fact) -> Ledger:
        figures = [figure(path, value) for path, value in self.amounts.items()]
        figures.append(figure("precursor/pig-iron/precursor_see_direct", self.see_direct))
        figures.append(figure("precursor/pig-iron/precursor_see_indirect", Decimal("0.068194325")))
        texts = [fact(path, *text) for path, text in self.texts.items()]
        for entry in more:
            if isinstance(entry, Record):
                figures.append(entry)
            else:
                texts.append(entry)

        def paths(base: str, *names: str) -> Mapping[str, str]:
            return {name: f"{base}/{name}" for name in names}

        return Ledger(
            installation="Yanhai Steelworks",
            country="CN",
            period=Period(date(2026, 1, 1), date(2026, 12, 31)),
            records={record.path: record for record in figures},
            facts={text.path: text for text in texts},
            streams=(
                SourceStream(
                    "coke",
                    "Coke",
                    "mass-balance",
                    Direction.INPUT,
                    "steel",
                    paths("stream/coke", "activity_data", "carbon_content"),
                ),
            ),
            processes=(
                ProductionProcess(
                    "steel",
                    "Integrated steel route",
                    "Iron or steel products",
                    self.routes,
                    "streams",
                    paths("process/steel", "activity_level", "electricity"),
                    "grid",
                ),
            ),
            precursors=(
                Precursor(
                    "pig-iron",
                    "Pig iron",
                    "72011019",
                    "UA",
                    "steel",
                    "verified",
                    paths(
                        "precursor/pig-iron",
                        "precursor_amount",
                        "precursor_see_direct",
                        "precursor_see_indirect",
                    ),
                ),
            ),
            goods=(Good("steel", CN, self.label),),
        )


@cache
def policy() -> Policy:
    return Policy.load()


@cache
def rule_tables() -> RuleTables:
    return RuleTables.load()


def graded_with_results(
    ledger: Ledger, raised: Mapping[str, Grade] | None = None
) -> tuple[GradedLedger, Results]:
    graded = graded_ledger(ledger, policy().table, raised=raised)
    return graded, calculation_results(graded, calculate(ledger, None, rule_tables()))


def with_exchange(
    graded: GradedLedger,
    *,
    consignment: str = CONSIGNMENT,
    opinion: str = "unqualified, reasonable assurance",
    net_mass: str = "25.5",
) -> GradedLedger:
    return graded.with_consignment(consignment, Decimal(net_mass), "request").with_certificate(
        "verification_opinion", opinion, "statement"
    )


def gate_over(
    ledger: Ledger,
    *,
    approvals: Sequence[Approval] = (),
    now: int = NOW,
    consignment: str = CONSIGNMENT,
    opinion: str = "unqualified, reasonable assurance",
    net_mass: str = "25.5",
) -> Gate:
    graded, results = graded_with_results(ledger)
    counter = iter(range(1, 1 << 30))
    return Gate(
        policy(),
        with_exchange(graded, consignment=consignment, opinion=opinion, net_mass=net_mass),
        results,
        home="CN",
        clock=lambda: now,
        random_bytes=lambda count: next(counter).to_bytes(count, "big"),
        approvals=lambda reference: [approval for approval in approvals if approval.reference == reference],
    )


def asked(
    *items: str,
    recipient: Recipient = IMPORTER,
    form: Form = Form.RAW,
    approval: str = "",
    subject: Subject = SUBJECT,
) -> EgressRequest:
    purpose = {
        Role.DECLARANT: Purpose.CBAM_DECLARATION,
        Role.VERIFIER: Purpose.VERIFICATION,
        Role.REGULATOR: Purpose.SUPERVISION,
        Role.REGISTRY: Purpose.REGISTRY_FILING,
        Role.COORDINATOR: Purpose.BENCHMARKING,
    }[recipient.role]
    return EgressRequest(recipient, purpose, form, subject, items, approval)


def approval_for(request: EgressRequest, **changes: object) -> Approval:
    approval = Approval(
        reference=request.approval,
        recipient=request.recipient.id,
        purpose=request.purpose,
        form=request.form,
        subject=request.subject,
        items=frozenset(request.items),
        expires=NOW + 3600,
        max_uses=1,
        uses=0,
    )
    return replace(approval, **changes)  # type: ignore[arg-type]
