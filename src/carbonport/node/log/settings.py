"""What an operator may set about an exchange log: bounds, waiting times, retention. All in seconds or
pieces."""

from dataclasses import dataclass

YEAR_S = 31_557_600
"""A Julian year."""

DAY_S = 86_400
"""A day."""


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Defaults suit a node with one witness near by.

    `max_waiting`: appends that may wait at once; the next is refused (`log-queue-full`). `max_batch`: entries
    of one transaction. `worker_from`: from the first batch of so many entries on, entries are prepared in a process
    of its own (0: never). `witness_timeout_s`: how long a batch waits for cosignatures before its receipts leave
    as provisional. `quorum_patience_s`: after so long without a quorum nothing is appended any more (no
    quorum stops egress). `retention_s`: age at which bodies may be erased; `operational_retention_s`: age at
    which operational logs are dropped.
    """

    max_waiting: int = 4096
    max_batch: int = 1024
    worker_from: int = 4
    witness_timeout_s: int = 5
    quorum_patience_s: int = 900
    retention_s: int = 6 * YEAR_S
    operational_retention_s: int = 180 * DAY_S


DEFAULT_SETTINGS = LogSettings()
"""What a node uses unless its configuration says otherwise."""
