"""What a verifier signed, and what an importer can check."""
