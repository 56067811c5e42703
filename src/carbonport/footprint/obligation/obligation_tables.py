"""Every table that an obligation is computed from, in one place, with the versions that results state."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from carbonport.footprint.obligation.benchmarks import Benchmarks
from carbonport.footprint.obligation.default_values import NEWEST_STATE, DefaultValues
from carbonport.footprint.obligation.years_and_prices import CertificatePrices, ObligationYears
from carbonport.footprint.tables.rule_tables import RuleTables


@dataclass(frozen=True)
class TableChoice:
    """Which state of the default values, and which tables come from files of the user's."""

    state: str = NEWEST_STATE
    default_values: Path | None = None
    benchmarks: Path | None = None
    years: Path | None = None
    prices: Path | None = None


@dataclass(frozen=True)
class ObligationTables:
    """The tables, loaded. `versions` names each with its version."""

    rules: RuleTables
    defaults: DefaultValues
    benchmarks: Benchmarks
    years: ObligationYears
    prices: CertificatePrices
    versions: Mapping[str, str]

    @classmethod
    def load(cls, choice: TableChoice | None = None) -> "ObligationTables":
        """What ships, in the newest state, but for what `choice` says otherwise."""
        chosen = choice or TableChoice()
        rules = RuleTables.load()
        defaults = DefaultValues.load(chosen.state, chosen.default_values)
        benchmarks = Benchmarks.load(chosen.benchmarks)
        years = ObligationYears.load(chosen.years)
        prices = CertificatePrices.load(chosen.prices)
        return cls(
            rules=rules,
            defaults=defaults,
            benchmarks=benchmarks,
            years=years,
            prices=prices,
            versions={
                "goods": rules.versions["goods"],
                "countries": rules.versions["countries"],
                "default_values": " + ".join(defaults.versions),
                "benchmarks": benchmarks.version,
                "obligation_years": years.version,
                "certificate_prices": prices.version,
            },
        )
