"""Benches: what the program's parts do a second on this machine, each beside a yardstick of the same run."""
