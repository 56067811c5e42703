"""Carbonport, a data port for carbon: raw plant data stay in their jurisdiction, checkable values travel.

Rooms, top to bottom (imports go down only): `node` > `federated` > `classification`, `attestation` > `footprint` >
`crypto`. `wire` is generated from proto/ and used by `node` alone. `errors` is known to all.
"""

__version__ = "0.1.0"
