"""The exporter's side: ledgers taken in, statements, requests answered, attestations issued, released and revoked."""
