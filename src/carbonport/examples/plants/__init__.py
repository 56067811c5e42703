"""Invented plants: ledgers that are consistent in themselves, for training, tests and demonstrations.

    recipes     what a plant of each production route consumes per tonne, drawn from a seed
    ledgers     a month of a plant as a ledger, and its emissions by our own engine
    table       rows of many plants, with claims that may be dishonest
    load_curves readings of electricity meters every fifteen minutes

Everything follows from a seed; nothing is taken from a real plant.
"""
