"""The operator's side: status, backup and restore, retention, and the decision after a restore."""
