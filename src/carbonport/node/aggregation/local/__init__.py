"""A whole aggregation on one machine, out of a table: every row a contributor, all parties played here, everything real
but their independence. The result says so."""
