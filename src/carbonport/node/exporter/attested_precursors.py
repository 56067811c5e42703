"""Another exporter's attestations as precursors: verified bundles give a purchased precursor its values.

A bundle is checked whole, offline, with this node's own anchors, before anything of it is used, and must be
addressed to this participant. What it attests must fit the precursor of the ledger: CN code, country, and an
amount that the attested consignments cover (one sale is no proof for more than it sold). The precursor then
has the basis `attested`, the attested values and period, and names the attestations as its evidence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from carbonport.attestation.bundle import MAX_BUNDLE_BYTES
from carbonport.attestation.checks import verified_attestation
from carbonport.attestation.credential import Attestation
from carbonport.attestation.trust_store import Anchors, SeenList
from carbonport.crypto.canonical import Json
from carbonport.errors import Malformed, Misuse
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.categories import same_category
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.ledger import DataQuality, Fact, Ledger, Period, Precursor, Record, Source
from carbonport.footprint.tables.rule_tables import RuleTables
from carbonport.node.bounded_file import read_bounded
from carbonport.node.participant import Participant

MAX_BUNDLES = 100
"""Consignments that one precursor may come from."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Who reads bundles, and when: the anchors, lists and id of this participant, and the moment."""

    importer: str
    anchors: Anchors
    seen: Mapping[str, SeenList]
    now: int

    @classmethod
    def of(cls, participant: Participant) -> "Reader":
        """This node, now."""
        trust = participant.opened.trust
        return cls(participant.id, trust.anchors(), trust.seen(), participant.clock())


@dataclass(frozen=True, slots=True)
class AttestedPrecursor:
    """What was taken for one precursor, for the record of the intake."""

    precursor: str
    attestations: tuple[str, ...]
    see_direct: str
    period: str

    def to_json(self) -> Json:
        """As the intake tells it."""
        return {
            "precursor": self.precursor,
            "attestations": list(self.attestations),
            "see_direct": self.see_direct,
            "period": self.period,
        }


@dataclass(frozen=True, slots=True)
class _Verified:
    """A bundle's attestation, and the name of its file."""

    document: str
    attestation: Attestation


def with_attested_precursors(
    ledger: Ledger, pairs: Sequence[Sequence[str]], catalogue: Catalogue, reader: Reader
) -> tuple[Ledger, tuple[AttestedPrecursor, ...]]:
    """The ledger with the values of bundles (`pairs` of a precursor's id and a file), and what was taken.

    Raises whatever the bundle's check raises, `Misuse` for an unknown precursor, `Malformed` (`precursor-bundle`)
    where the attestation is about something else.
    """
    bundles: dict[str, list[Path]] = {}
    for precursor_id, path in pairs:
        bundles.setdefault(precursor_id, []).append(Path(path))
    taken: list[AttestedPrecursor] = []
    for precursor_id, paths in bundles.items():
        precursor = next((item for item in ledger.precursors if item.id == precursor_id), None)
        if precursor is None or not 0 < len(paths) <= MAX_BUNDLES:
            raise Misuse(
                "precursor-unknown",
                found=f"bundles for the precursor {precursor_id[:60]!r}",
                expected="one of " + ", ".join(item.id for item in ledger.precursors)[:300]
                if ledger.precursors
                else "a ledger with precursors",
                remedy="Name the precursor by its id and give it at least one bundle.",
            )
        verified = [_verified(path, reader) for path in paths]
        ledger = _taken(ledger, precursor, verified, catalogue)
        first = verified[0].attestation
        ids = tuple(item.attestation.header.id for item in verified)
        taken.append(AttestedPrecursor(precursor_id, ids, first.text("see_direct"), first.period))
    return ledger, tuple(taken)


def _verified(path: Path, reader: Reader) -> _Verified:
    attestation = verified_attestation(
        read_bounded(path, MAX_BUNDLE_BYTES),
        now=reader.now,
        anchors=reader.anchors,
        importer=reader.importer,
        seen=reader.seen,
    )
    return _Verified(path.name, attestation)


def _taken(
    ledger: Ledger, precursor: Precursor, verified: Sequence[_Verified], catalogue: Catalogue
) -> Ledger:
    """`ledger` with the precursor stated by the attestations, which must agree with it and with each other."""
    _require_fit(ledger, precursor, verified)
    first = verified[0]
    source = Source(first.document, f"attestation {first.attestation.header.id}")
    base = f"precursor/{precursor.id}"
    unit = ledger.records[precursor.records["precursor_amount"]].unit
    records = {path: record for path, record in ledger.records.items() if path not in _replaced(precursor)}
    kept = {"precursor_amount": precursor.records["precursor_amount"]}
    for field, text in _values(first.attestation).items():
        value = parse_decimal(text, where=f"{first.document} {field}")
        path = f"{base}/{field}"
        record: Record = catalogue.record(path, field, value, f"tCO2e/{unit}", source, DataQuality.SUPPLIER)
        records[path], kept[field] = record, path
    evidence = ", ".join(item.attestation.header.id for item in verified)
    cn = first.attestation.text("cn")
    facts: dict[str, Fact] = dict(ledger.facts)
    for key, text in (("cn", cn), ("basis", "attested"), ("evidence", evidence[:500])):
        facts[f"{base}/precursor_{key}"] = catalogue.fact(
            f"{base}/precursor_{key}", f"precursor_{key}", text, source
        )
    start, _, end = first.attestation.period.partition("/")
    stated = replace(
        precursor,
        cn=cn,
        basis="attested",
        evidence=evidence,
        records=kept,
        period=Period(date.fromisoformat(start), date.fromisoformat(end)),
    )
    precursors = tuple(stated if item.id == precursor.id else item for item in ledger.precursors)
    return replace(ledger, records=records, facts=facts, precursors=precursors)


def _replaced(precursor: Precursor) -> frozenset[str]:
    """Paths of what the ledger said of the precursor's emissions."""
    return frozenset(path for field, path in precursor.records.items() if field != "precursor_amount")


def _values(attestation: Attestation) -> dict[str, str]:
    """The attested values by field of the precursor."""
    values = {"precursor_see_direct": attestation.text("see_direct")}
    if "see_indirect" in attestation.items:
        values["precursor_see_indirect"] = attestation.text("see_indirect")
    return values


def _require_fit(ledger: Ledger, precursor: Precursor, verified: Sequence[_Verified]) -> None:
    first = verified[0].attestation
    mass = Decimal(0)
    seen: set[str] = set()
    for item in verified:
        attestation, cn = item.attestation, item.attestation.text("cn")
        entry = RuleTables.load().goods.get(cn)
        if precursor.cn and precursor.cn != cn:
            raise _other(precursor, item, f"CN {cn}", f"CN {precursor.cn}")
        if not precursor.cn and (entry is None or not same_category(entry.category, precursor.category)):
            raise _other(precursor, item, f"CN {cn}", f"a good of the category {precursor.category}")
        country, stated = attestation.text("country"), RuleTables.load().country(precursor.country)
        if stated is not None and stated.code != country:
            raise _other(precursor, item, f"the country {country}", f"the country {precursor.country}")
        if (_values(attestation), attestation.period, cn) != (_values(first), first.period, first.text("cn")):
            raise _other(
                precursor, item, "other values or another period", "one value: a precursor per supplier"
            )
        if attestation.header.id in seen:
            raise _other(precursor, item, "an attestation given twice", "every consignment once")
        seen.add(attestation.header.id)
        mass += parse_decimal(attestation.text("net_mass"), where=f"{item.document} net_mass")
    amount = ledger.records[precursor.records["precursor_amount"]].value
    if amount > mass:
        raise _other(
            precursor,
            verified[-1],
            "consignments that do not cover the amount consumed",
            "attested net mass of at least the amount; split the rest off as a precursor of its own",
        )


def _other(precursor: Precursor, item: _Verified, found: str, expected: str) -> Malformed:
    return Malformed(
        "precursor-bundle",
        found=found,
        expected=expected,
        remedy="Give the bundles of what this precursor was made from, or correct the ledger.",
        where=f"precursor {precursor.id}, {item.document}",
    )
