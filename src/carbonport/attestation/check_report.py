"""A run of named checks that never raises: each has an outcome, and a check that rests on a failed one fails
with it.

Verification functions raise; a person who verifies a bundle wants to see every check. `CheckRun` calls them
one by one, turns an error into the outcome of its check, and marks what could not be checked as not ok, never
as skipped. Whatever a hostile input makes a step raise is an outcome too.
"""

from collections.abc import Callable
from dataclasses import dataclass

from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its stable id, whether it held, what was found and what was expected.

    `error` is the id of the error that made it fail (see the error pages), or empty.
    """

    id: str
    ok: bool
    found: str
    expected: str
    error: str = ""

    def as_json(self) -> Json:
        """The check as `--json` prints it."""
        return {
            "id": self.id,
            "ok": self.ok,
            "found": self.found,
            "expected": self.expected,
            "error": self.error,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """Every check of a run, in order."""

    checks: tuple[Check, ...]

    @property
    def ok(self) -> bool:
        """Whether every check held; a report without checks is not ok."""
        return bool(self.checks) and all(check.ok for check in self.checks)

    def check(self, check_id: str) -> Check:
        """The check of this id; KeyError when there is none."""
        for check in self.checks:
            if check.id == check_id:
                return check
        raise KeyError(check_id)

    def failed(self) -> tuple[str, ...]:
        """The ids of the checks that did not hold."""
        return tuple(check.id for check in self.checks if not check.ok)

    def as_json(self) -> dict[str, Json]:
        """The report as `--json` prints it."""
        return {"ok": self.ok, "checks": [check.as_json() for check in self.checks]}


class CheckRun:
    """Collects the outcomes of steps; a step names the checks it rests on."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def step(self, check_id: str, expected: str, action: Callable[[], str], *needs: str) -> None:
        """Run `action` unless a check in `needs` failed; it returns what it found, or raises."""
        broken = [name for name in needs if not self._checks[name].ok]
        if broken:
            found = f"not checked, because {', '.join(broken)} failed"
            self._checks[check_id] = Check(check_id, False, found, expected)
            return
        try:
            self._checks[check_id] = Check(check_id, True, action(), expected)
        except CarbonportError as error:
            place = f"{error.where}: " if error.where else ""
            self._checks[check_id] = Check(check_id, False, place + error.found, error.expected, error.id)
        except Exception as error:  # noqa: BLE001 - a hostile input must end as a failed check, whatever it hits
            found = f"a form that the check could not read ({type(error).__name__})"
            self._checks[check_id] = Check(check_id, False, found, expected)

    def report(self) -> Report:
        """The outcomes so far."""
        return Report(tuple(self._checks.values()))
