"""The exchange log: every crossing with a receipt, witnesses that hold it to one history, audits that
recompute it."""
