"""What an importer owes for its goods: default values, benchmarks, certificates and euros.

Like the rules of an installation, the rules of an obligation only build graphs; readers evaluate and explain
them. `assess.assess` answers for one line of imports, `batch.assess_lines` for many, `calendar_year` adds
them up, `declaration` puts attested values into the declaration's set. Not legal advice, and not a
declaration: the registry is the place for that.
"""
