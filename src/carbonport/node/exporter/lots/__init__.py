"""The exporter's lots: no tonne of a verified production is sold twice (`carbonport.attestation.lots`).

lot_rows       the rows of lots: entries, proofs, openings, and which attestation is about which consignment
lot_states     a lot as its seller knows it, from rows and the prepared statement
lot_desk       sales, corrections and give-backs: prepared off the event loop, written with their log entry
lot_witnesses  a lot's checkpoint, signed and cosigned
lot_showing    what importers and regulators are shown
lot_restore    entries and openings brought back after a restore
"""
