"""A ledger as it would read with standard factors: what its amounts alone amount to.

Every stream that names a row of the standard factors takes all its factors from there, whatever it states itself;
streams without such a row keep their own. Calculated by the same graph, the result tells how far an operator's own
factors lie from the standard ones: a first question to any claim.
"""

from dataclasses import replace

from carbonport.footprint.ledger import Ledger, SourceStream

OWN_FACTORS = frozenset(
    {
        "net_calorific_value",
        "emission_factor",
        "carbon_content",
        "oxidation_factor",
        "conversion_factor",
        "slope_factor",
        "overvoltage_coefficient",
        "c2f6_ratio",
    }
)
"""Factors of a stream that the standard ones stand in for; biomass fractions and amounts stay."""


def with_standard_factors(ledger: Ledger) -> Ledger:
    """`ledger` with standard factors wherever a stream names them."""
    return replace(ledger, streams=tuple(_standard(stream) for stream in ledger.streams))


def _standard(stream: SourceStream) -> SourceStream:
    if not stream.standard:
        return stream
    kept = {name: path for name, path in stream.records.items() if name not in OWN_FACTORS}
    return replace(stream, records=kept)
