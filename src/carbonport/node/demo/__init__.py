"""`carbonport demo`: the whole exchange on one machine, with real processes and real TLS."""
