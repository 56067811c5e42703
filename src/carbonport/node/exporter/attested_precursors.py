"""Another exporter's attestations as precursors: verified bundles give a purchased precursor its values.

A bundle is checked whole, offline, with this node's own anchors, before anything of it is used, and must be
addressed to this participant. What it attests must fit the precursor of the ledger: CN code, country, and an
amount that the attested consignments cover (one sale is no proof for more than it sold). The precursor then
has the basis `attested`, the attested values and period, names the attestations as its evidence, and carries their
digests, which the verifier signs. The bundles are kept with the ledger, for the verifier checks them again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from pathlib import Path

from carbonport.attestation.bundle import MAX_BUNDLE_BYTES
from carbonport.attestation.commitment_evidence import Unseal
from carbonport.attestation.supplier_bundles import MAX_BUNDLES, SupplierBundle, require_fit
from carbonport.attestation.supplier_reading import BundleFile, BundleReader
from carbonport.crypto.canonical import Json
from carbonport.crypto.group import encode_scalar
from carbonport.crypto.pedersen import Opening
from carbonport.crypto.sealing import hpke_open
from carbonport.errors import Malformed, Misuse
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.precursors import ATTESTED
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.ledger import (
    DataQuality,
    Fact,
    Ledger,
    Period,
    Precursor,
    Record,
    Source,
    SupplierCommitment,
)
from carbonport.node.bounded_file import read_bounded
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.participant import Participant


def unsealer(participant: Participant) -> Unseal:
    """Opens what was sealed to a key of this node, the one in force or a retired one."""
    identity = participant.identity
    keys = {record.kid: record for record in identity.ring.records(KeyUse.HPKE)}

    def unseal(kid: str, info: bytes, sealed: bytes) -> bytes:
        if kid not in keys:
            raise Malformed(
                "precursor-sealed",
                found="a supplier's value that is sealed to a key of somebody else",
                expected="one of this node's own keys",
                remedy="Fetch the attestation with this node, or ask the supplier for it again.",
            )
        return hpke_open(identity.x25519(keys[kid]).private_bytes_raw(), info, sealed)

    return unseal


def bundle_reader(participant: Participant, buyer: str) -> BundleReader:
    """How this node reads bundles that are addressed to `buyer`, now."""
    trust = participant.opened.trust
    return BundleReader(buyer, trust.anchors(), trust.seen(), participant.clock())


@dataclass(frozen=True, slots=True)
class AttestedPrecursor:
    """What was taken for one precursor, for the record of the intake, and the bundles to keep. A `secret` value is what
    the supplier shows to this node alone."""

    precursor: str
    attestations: tuple[str, ...]
    digests: tuple[str, ...]
    see_direct: str
    secret: bool
    period: str
    bundles: tuple[BundleFile, ...]

    def to_json(self) -> Json:
        """As the intake tells it."""
        return {
            "precursor": self.precursor,
            "attestations": list(self.attestations),
            "digests": list(self.digests),
            "see_direct": self.see_direct,
            "secret": self.secret,
            "period": self.period,
        }


def with_attested_precursors(
    ledger: Ledger,
    pairs: Sequence[Sequence[str]],
    catalogue: Catalogue,
    reader: BundleReader,
    unseal: Unseal,
) -> tuple[Ledger, tuple[AttestedPrecursor, ...]]:
    """The ledger with the values of bundles (`pairs` of a precursor's id and a file), and what was taken. `unseal`
    opens what a supplier that keeps its values secret sealed to this node.

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
        files = [BundleFile(path.name, read_bounded(path, MAX_BUNDLE_BYTES)) for path in paths]
        verified = [reader.read(file) for file in files]
        require_fit(ledger, precursor, verified)
        opened = verified[0].open(reader.buyer, unseal)
        ledger = _taken(ledger, precursor, verified, opened, catalogue)
        first = verified[0].attestation
        stated = next(item for item in ledger.precursors if item.id == precursor_id).records
        direct = stated["precursor_committed_direct" if opened else "precursor_see_direct"]
        taken.append(
            AttestedPrecursor(
                precursor_id,
                tuple(item.attestation.header.id for item in verified),
                tuple(item.digest for item in verified),
                format(ledger.records[direct].value, "f"),
                bool(opened),
                first.period,
                tuple(files),
            )
        )
    return ledger, tuple(taken)


def _taken(
    ledger: Ledger,
    precursor: Precursor,
    verified: Sequence[SupplierBundle],
    opened: Mapping[str, Opening],
    catalogue: Catalogue,
) -> Ledger:
    """`ledger` with the precursor stated by the attestations, and by what they commit to and `opened` opens."""
    first = verified[0]
    source = Source(first.document, f"attestation {first.attestation.header.id}")
    base = f"precursor/{precursor.id}"
    unit = ledger.records[precursor.records["precursor_amount"]].unit
    records = {path: record for path, record in ledger.records.items() if path not in _replaced(precursor)}
    kept = {"precursor_amount": precursor.records["precursor_amount"]}
    values = {
        field: parse_decimal(text, where=f"{first.document} {field}") for field, text in first.values.items()
    }
    leaves, statement = first.committed, first.statement.digest
    for field, opening in opened.items():
        values[field] = Decimal(opening.value).scaleb(-leaves[field].label.decimals)
    for field, value in values.items():
        path = f"{base}/{field}"
        record: Record = catalogue.record(path, field, value, f"tCO2e/{unit}", source, DataQuality.SUPPLIER)
        records[path], kept[field] = record, path
    evidence = ", ".join(item.attestation.header.id for item in verified)
    cn = first.attestation.text("cn")
    facts: dict[str, Fact] = dict(ledger.facts)
    told = [("cn", cn), ("basis", ATTESTED), ("evidence", evidence[:500])]
    for key, text in [*told, *([("statement", statement)] if opened else [])]:
        facts[f"{base}/precursor_{key}"] = catalogue.fact(
            f"{base}/precursor_{key}", f"precursor_{key}", text, source
        )
    start, _, end = first.attestation.period.partition("/")
    stated = replace(
        precursor,
        cn=cn,
        basis=ATTESTED,
        evidence=evidence,
        records=kept,
        period=Period(date.fromisoformat(start), date.fromisoformat(end)),
        attestations=tuple(sorted(item.digest for item in verified)),
        commitments={
            field: SupplierCommitment(
                statement, leaves[field].entry.hex(), encode_scalar(opening.blinding).hex()
            )
            for field, opening in opened.items()
        },
    )
    precursors = tuple(stated if item.id == precursor.id else item for item in ledger.precursors)
    return replace(ledger, records=records, facts=facts, precursors=precursors)


def _replaced(precursor: Precursor) -> frozenset[str]:
    """Paths of what the ledger said of the precursor's emissions."""
    return frozenset(path for field, path in precursor.records.items() if field != "precursor_amount")
