"""The verifier's side: reading an exporter's ledger on site, signing what was recomputed, withdrawing."""
