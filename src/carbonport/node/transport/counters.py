"""Counters of a node's calls, as Prometheus text (exposition format 0.0.4) and as JSON.

Labels are method names and error ids, which the program fixes: no participant, no item and no value can
appear.
"""

from collections import Counter
from collections.abc import Mapping

from carbonport import __version__

MAX_OUTCOMES = 1024
"""Distinct pairs of method and outcome counted; later ones count as `other`, so that nothing grows without
end.
"""


class CallCounters:
    """Counts of one process; changed from its event loop only."""

    def __init__(self) -> None:
        self.calls: Counter[tuple[str, str]] = Counter()
        self.seconds: dict[str, float] = {}
        self.bytes_in: Counter[str] = Counter()
        self.bytes_out: Counter[str] = Counter()
        self.in_flight = 0

    def finished(self, method: str, outcome: str, seconds: float, bytes_in: int, bytes_out: int) -> None:
        """Count one call; `outcome` is `ok` or an error id."""
        key = (method, outcome)
        if key not in self.calls and len(self.calls) >= MAX_OUTCOMES:
            key = (method, "other")
        self.calls[key] += 1
        self.seconds[method] = self.seconds.get(method, 0.0) + seconds
        self.bytes_in[method] += bytes_in
        self.bytes_out[method] += bytes_out

    def as_json(self) -> Mapping[str, object]:
        """The counts, for `--json` and the status command."""
        return {
            "version": __version__,
            "in_flight": self.in_flight,
            "calls": [
                {"method": method, "outcome": outcome, "count": count}
                for (method, outcome), count in sorted(self.calls.items())
            ],
            "milliseconds": {
                method: round(seconds * 1000) for method, seconds in sorted(self.seconds.items())
            },
            "bytes_in": dict(sorted(self.bytes_in.items())),
            "bytes_out": dict(sorted(self.bytes_out.items())),
        }

    def as_prometheus(self) -> str:
        """The counts in Prometheus' text format."""
        lines = ["# TYPE carbonport_calls_in_flight gauge", f"carbonport_calls_in_flight {self.in_flight}"]
        lines.append("# TYPE carbonport_calls_total counter")
        for (method, outcome), count in sorted(self.calls.items()):
            lines.append(f'carbonport_calls_total{{method="{method}",outcome="{outcome}"}} {count}')
        families: tuple[tuple[str, Mapping[str, float]], ...] = (
            ("call_seconds", self.seconds),
            ("request_bytes", self.bytes_in),
            ("response_bytes", self.bytes_out),
        )
        for name, counts in families:
            lines.append(f"# TYPE carbonport_{name}_total counter")
            lines += [
                f'carbonport_{name}_total{{method="{key}"}} {value}' for key, value in sorted(counts.items())
            ]
        return "\n".join(lines) + "\n"
