"""Grades: how much harm follows when a value gets out, from open to core.

The ladder follows GB/T 43697-2024 (core > important > general) with four levels of general data. `important`
and `core` are candidates until the competent authority has said so; this module orders grades and decides
nothing.
"""

from collections.abc import Iterable
from enum import StrEnum


class Grade(StrEnum):
    """A grade; compare with `rank`, never as text."""

    G1 = "g1"
    """Open: public already, or of no use to anyone else."""
    G2 = "g2"
    """Shared with the parties of a delivery."""
    G3 = "g3"
    """Trade secret; its disclosure hurts."""
    G4 = "g4"
    """Serious trade secret: output, cost, recipe."""
    IMPORTANT = "important"
    """May harm national security, economy or public interest: leaves only as a proof."""
    CORE = "core"
    """Never leaves in any form."""

    @property
    def rank(self) -> int:
        """Position on the ladder, 0 is open."""
        return _LADDER.index(self)


_LADDER = tuple(Grade)


def highest(grades: Iterable[Grade]) -> Grade:
    """The most sensitive of `grades`; of none it is `G1`, as of a public constant."""
    return max(grades, key=lambda grade: grade.rank, default=Grade.G1)
