"""A participant: identity, store, exchange log, services, command line."""
