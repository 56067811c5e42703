"""The keys of Carbonport's ledger file (YAML) that hold figures, and the catalogue's field for each."""

INSTALLATION_FACTS = {
    "name": "installation_name",
    "operator": "operator",
    "registration_code": "registration_code",
    "unlocode": "unlocode",
    "country": "country",
    "economic_activity": "economic_activity",
    "city": "city",
    "street": "street",
    "postcode": "postcode",
    "latitude": "latitude",
    "longitude": "longitude",
    "contact_name": "contact_name",
    "contact_email": "contact_email",
    "contact_telephone": "contact_telephone",
}
"""Keys of `installation`: texts."""


def _same(names: str) -> dict[str, str]:
    return {name: name for name in names.split()}


STREAM_FIGURES = _same(
    """activity_data net_calorific_value emission_factor carbon_content oxidation_factor conversion_factor
    biomass_fraction
    ghg_concentration operating_hours flue_gas_flow air_flow oxygen_share
    anode_effect_frequency anode_effect_duration slope_factor anode_effect_overvoltage
    overvoltage_coefficient current_efficiency c2f6_ratio collection_efficiency
    cement_delivered cement_stock_opening cement_stock_closing clinker_share clinker_supplied
    clinker_dispatched clinker_stock_opening clinker_stock_closing calcination_degree"""
)
"""Keys of a stream."""

PROCESS_FIGURES = _same(
    """activity_level direct_emissions
    electricity electricity_factor electricity_export electricity_export_factor
    heat_import heat_import_factor heat_export heat_export_factor
    heat_steam_mass heat_steam_enthalpy heat_return_enthalpy heat_fuel_input heat_fuel_factor
    waste_gas_import waste_gas_export"""
)
"""Keys of a production process."""

TOTAL_FIGURES = _same(
    "electricity direct_emissions heat_import heat_export waste_gas_import waste_gas_export"
)
"""Keys of `totals`: the installation's own figures that the processes' are reconciled with."""

UTILITY_FIGURES = _same(
    """direct_emissions fuel_input heat_produced electricity_produced heat_efficiency electric_efficiency
    heat_reference_efficiency electric_reference_efficiency"""
)
"""Keys of a utility."""

GOOD_FIGURES = {
    "amount": "good_amount",
    "clinker_content": "clinker_content",
    "nitrogen_content": "nitrogen_content",
}
"""Keys of a good."""

PRECURSOR_FIGURES = {
    "amount": "precursor_amount",
    "see_direct": "precursor_see_direct",
    "see_indirect": "precursor_see_indirect",
    "sefa": "precursor_sefa",
    "electricity": "precursor_electricity",
    "electricity_factor": "precursor_electricity_factor",
}
"""Keys of a precursor."""
