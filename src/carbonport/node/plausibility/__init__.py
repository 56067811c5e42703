"""Scoring claims with a plausibility model: the model file, the claim in an attestation, what both together say."""
