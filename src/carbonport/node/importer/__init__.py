"""The importer's side: asking for attestations, receiving them, and the bundles that verify offline."""
