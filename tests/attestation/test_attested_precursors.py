"""Another exporter's attestation as a precursor: a verified bundle gives it its values, or is refused."""

from fractions import Fraction
from pathlib import Path

import pytest
import world as w
from mill_world import CATALOGUE, READER, tube_mill, unseal

from carbonport.attestation.supplier_reading import BundleReader
from carbonport.errors import CarbonportError
from carbonport.footprint.calculation import calculate
from carbonport.footprint.ledger import Ledger
from carbonport.footprint.ledger_json import ledger_from_json, ledger_to_json
from carbonport.node.exporter.attested_precursors import with_attested_precursors


@pytest.fixture
def bundle(tmp_path: Path) -> str:
    path = tmp_path / "coil.json"
    path.write_bytes(w.world().data)
    return str(path)


def refusal(ledger: Ledger, *pairs: tuple[str, str], reader: BundleReader = READER) -> tuple[str, str]:
    with pytest.raises(CarbonportError) as caught:
        with_attested_precursors(ledger, pairs, CATALOGUE, reader, unseal)
    return caught.value.id, caught.value.found


def test_the_attested_values_stand_in_the_ledger_with_their_origin(bundle: str) -> None:
    ledger, taken = with_attested_precursors(tube_mill(), [("coil", bundle)], CATALOGUE, READER, unseal)
    (coil,) = ledger.precursors
    attested = w.calculation().goods[0].attested("see_direct")
    assert coil.basis == "attested"
    assert coil.evidence == w.ATTESTATION_ID == taken[0].attestations[0]
    assert coil.period == ledger.period
    assert coil.attestations == taken[0].digests
    assert len(coil.attestations[0]) == 64
    record = ledger.records[coil.records["precursor_see_direct"]]
    assert format(record.value, "f") == attested
    assert record.source.place == f"coil.json attestation {w.ATTESTATION_ID}"
    assert record.quality == "supplier"
    good = calculate(ledger).good("mill", "73063080").source
    assert good["see_direct"] == (561 + 1200 * Fraction(attested)) / 1000
    assert good["default_share"] == 0
    assert ledger_from_json(ledger_to_json(ledger)) == ledger


def test_a_precursor_known_by_its_category_takes_the_attested_code(bundle: str) -> None:
    plant = tube_mill("category: Iron or steel products, country: China, amount: 300 t")
    ledger, _ = with_attested_precursors(plant, [("coil", bundle)], CATALOGUE, READER, unseal)
    assert ledger.precursors[0].cn == "72083900"


@pytest.mark.parametrize(
    ("precursor", "found"),
    [
        ("cn: '72081000', country: CN, amount: 1 t", "CN 72083900"),
        ("category: Cement, country: CN, amount: 1 t", "CN 72083900"),
        ("cn: '72083900', country: IN, amount: 1 t", "the country CN"),
        (
            "cn: '72083900', country: CN, amount: 1200.001 t",
            "consignments that do not cover the amount consumed",
        ),
    ],
)
def test_an_attestation_of_something_else_is_refused(bundle: str, precursor: str, found: str) -> None:
    assert refusal(tube_mill(precursor), ("coil", bundle)) == ("precursor-bundle", found)


def test_no_consignment_counts_twice(bundle: str) -> None:
    plant = tube_mill("cn: '72083900', country: CN, amount: 2000 t")
    assert refusal(plant, ("coil", bundle), ("coil", bundle)) == (
        "precursor-bundle",
        "an attestation given twice",
    )


def test_a_bundle_that_fails_a_check_or_is_for_another_is_refused(bundle: str, tmp_path: Path) -> None:
    stranger = BundleReader(w.OTHER_IMPORTER, READER.anchors, {}, w.NOW)
    assert refusal(tube_mill(), ("coil", bundle), reader=stranger)[0] == "bundle-not-valid"
    other_anchor = BundleReader(w.IMPORTER, {"EU": [w.keys().stranger.public_jwk]}, {}, w.NOW)
    assert refusal(tube_mill(), ("coil", bundle), reader=other_anchor)[0] == "bundle-not-valid"
    broken = tmp_path / "broken.json"
    broken.write_bytes(Path(bundle).read_bytes()[:-40])
    assert refusal(tube_mill(), ("coil", str(broken)))[0] == "bundle-not-valid"
    assert refusal(tube_mill(), ("coal", bundle))[0] == "precursor-unknown"
    assert refusal(tube_mill(), ("coil", str(tmp_path / "none.json")))[0] == "file-unreadable"


def test_an_attestation_of_another_year_does_not_stand_for_this_one(bundle: str) -> None:
    ledger, _ = with_attested_precursors(
        tube_mill(period="2027"), [("coil", bundle)], CATALOGUE, READER, unseal
    )
    with pytest.raises(CarbonportError) as caught:
        calculate(ledger)
    assert caught.value.id == "precursor-period"
    assert caught.value.where == "precursor coil"
