"""Source streams against numbers computed by hand."""

from fractions import Fraction

import pytest
from small_ledgers import ledger_text, read

from carbonport.errors import Malformed
from carbonport.footprint.cbam.installation import installation_graph
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.evaluate import evaluate_outputs, source_values
from carbonport.footprint.tables.rule_tables import RuleTables


def installation(*streams: str) -> tuple[Fraction, Fraction]:
    """Fossil and biomass emissions of an installation with these streams."""
    ledger = read(ledger_text(streams=tuple("{process: p1, " + stream + "}" for stream in streams)))
    graph = installation_graph(ledger, Scope.DEFINITIVE, RuleTables.load())
    results = evaluate_outputs(graph, source_values(ledger))
    return results["direct_emissions"], results["biomass_emissions"]


@pytest.mark.parametrize(
    ("stream", "fossil", "biomass"),
    [
        # 88000 t × 25 GJ/t = 2200 TJ; × 95 t/TJ (the cement example of the Commission)
        (
            "method: combustion, activity_data: 88000 t, net_calorific_value: 25 GJ/t,"
            " emission_factor: 95 tCO2/TJ",
            "209000",
            "0",
        ),
        # 25000 × 0.020 × 83 = 41500; 15 % of it biomass
        (
            "method: combustion, activity_data: 25000 t, net_calorific_value: 20 GJ/t,"
            " emission_factor: 83 tCO2/TJ, biomass_fraction: 15 %",
            "35275",
            "6225",
        ),
        # 100 × 0.04 × 74.1 × 0.99
        (
            "method: combustion, activity_data: 100 t, net_calorific_value: 40 GJ/t,"
            " emission_factor: 74.1 tCO2/TJ, oxidation_factor: 99 %",
            "293.436",
            "0",
        ),
        ("method: combustion, activity_data: 100 t, emission_factor: 3.1 tCO2/t", "310", "0"),
        ("method: combustion, activity_data: 2.5 TJ, emission_factor: 56.1 tCO2/TJ", "140.25", "0"),
        ("method: combustion, activity_data: 100 t, carbon_content: 0.85 tC/t", "311.44", "0"),
        (
            "method: combustion, activity_data: 10 1000Nm3, net_calorific_value: 36 GJ/1000Nm3,"
            " emission_factor: 56.1 tCO2/TJ",
            "20.196",
            "0",
        ),
        # Natural gas of the table: 48.0 GJ/t, 56.1 t/TJ
        ("method: combustion, activity_data: 1000 t, standard_factor: Natural gas", "2692.8", "0"),
        ("method: process, activity_data: 1255000 t, emission_factor: 0.525 tCO2/t", "658875", "0"),
        (
            "method: process, activity_data: 1000 t, emission_factor: 0.44 tCO2/t, conversion_factor: 95 %",
            "418",
            "0",
        ),
        ("method: process, activity_data: 1000 t, standard_factor: CaCO3", "440", "0"),
        ("method: process, activity_data: 1000 t, carbon_content: 0.12 tC/t", "439.68", "0"),
        ("method: mass-balance, activity_data: 50000 t, carbon_content: 0.88 tC/t", "161216", "0"),
        (
            "method: mass-balance, activity_data: 70000 t, carbon_content: 0.683571530119101 tC/t,"
            " biomass_fraction: 16 %",
            "147270.8378777556808124032",
            "28051.588167191",
        ),
        (
            "method: mass-balance, direction: output, activity_data: 4800000 t, carbon_content: 0.0018 tC/t",
            "-31656.96",
            "0",
        ),
        ("method: mass-balance, activity_data: 1000 t, standard_factor: Pig iron", "149.8576", "0"),
    ],
)
def test_a_stream_emits_what_the_law_says(stream: str, fossil: str, biomass: str) -> None:
    found = installation("id: s1, " + stream)
    assert abs(found[0] - Fraction(fossil)) <= Fraction(1, 10**6)
    assert abs(found[1] - Fraction(biomass)) <= Fraction(1, 10**6)


def test_streams_are_added_and_outputs_subtracted() -> None:
    into = "id: s1, method: mass-balance, activity_data: 1000 t, carbon_content: 0.5 tC/t"
    out = "id: s2, method: mass-balance, direction: output, activity_data: 200 t, carbon_content: 0.25 tC/t"
    assert installation(into, out)[0] == Fraction("3.664") * (500 - 50)


@pytest.mark.parametrize(
    ("stream", "error"),
    [
        ("method: mass-balance, activity_data: 1 t", "stream-missing-factor"),
        ("method: combustion, activity_data: 1 t, emission_factor: 95 tCO2/TJ", "stream-missing-factor"),
        ("method: combustion, activity_data: 1 t", "stream-missing-factor"),
        ("method: process, activity_data: 1 t", "stream-missing-factor"),
        ("method: process, activity_data: 1 t, emission_factor: 95 tCO2/TJ", "unit-does-not-fit"),
        ("method: mass-balance, activity_data: 1 1000Nm3, carbon_content: 0.5 tC/t", "unit-does-not-fit"),
        ("method: mass-balance, activity_data: 1 TJ, carbon_content: 0.5 tC/t", "unit-does-not-fit"),
        (
            "method: combustion, activity_data: 1 1000Nm3, net_calorific_value: 40 GJ/t,"
            " emission_factor: 56 tCO2/TJ",
            "unit-does-not-fit",
        ),
        ("method: combustion, activity_data: 1 t, standard_factor: Dragon breath", "stream-unusable"),
        (
            "method: combustion, activity_data: 1 t, emission_factor: 3 tCO2/t, direction: output",
            "stream-unusable",
        ),
    ],
)
def test_a_stream_that_lacks_or_misfits_a_factor_is_named(stream: str, error: str) -> None:
    with pytest.raises(Malformed) as caught:
        installation("id: s1, " + stream)
    assert caught.value.id == error
    assert "s1" in caught.value.where
    assert "test.yaml, line" in caught.value.where
