"""Cells: values of a category that are learned apart, and which of them may be.

The sums of a cell that one participant alone fills are that participant's sums. So the first exchange of a task with
categories adds "I have rows here", 0 or 1; values below the minimum cohort are put together, asked for once more as
one, and left out of the training when even together they stay below it. Each row then lies in exactly one cell, so no
difference of released sums has fewer participants than a cell has.

What this tells: how many participants have rows of a value, which is the price of knowing that there are enough.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from carbonport.federated.features import OTHER, Category, Integers
from carbonport.federated.training import Question, Sums

PRESENCE = "presence"
"""Name of the question."""


@dataclass(frozen=True, slots=True)
class Cells:
    """The released cells of a category, each one value or several values together.

    A value that stands in none has no cell: its rows are left out, and the model has no opinion on it.
    """

    groups: tuple[tuple[str, ...], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """What each cell is called."""
        return tuple("+".join(group) for group in self.groups)

    def places(self, category: Category, encoded: Integers) -> Integers:
        """The cell of each encoded value of `category`; -1 for none."""
        of_value = {value: place for place, group in enumerate(self.groups) for value in group}
        table = np.array([of_value.get(value, -1) for value in (*category.values, OTHER)], dtype=np.int64)
        return table[encoded]


def chosen_cells(
    category: Category, name: str, minimum: int, *, absorb: bool = False
) -> Generator[Question, Sums, Cells]:
    """The part of a training that finds the cells of the category column `name`.

    With `absorb`, values that stay below the minimum together join the smallest cell there is, in place of being left
    out: right where cells differ little.
    """
    values = (*category.values, OTHER)
    counts = yield _question(name, [(value,) for value in values])
    found = dict(zip(values, counts, strict=True))
    single: list[tuple[str, ...]] = [(value,) for value in values if found[value] >= minimum]
    few = tuple(value for value in values if 0 < found[value] < minimum)
    together = 0
    if len(few) > 1:
        (together,) = yield _question(name, [few])
    if together >= minimum:
        single.append(few)
    elif few and single and absorb:
        smallest = min(range(len(single)), key=lambda place: found[single[place][0]])
        single[smallest] += few
    return Cells(tuple(single))


def presence(question: Question, category: Category, encoded: Integers) -> Integers:
    """A participant's answer: 1 for each group of values of which it has a row."""
    groups = cell_groups(question.parameters["groups"])
    mine = {(*category.values, OTHER)[place] for place in np.unique(encoded)}
    return np.array([int(not mine.isdisjoint(group)) for group in groups], dtype=np.int64)


def cell_groups(stated: object) -> tuple[tuple[str, ...], ...]:
    """Groups of values as a question states them."""
    assert isinstance(stated, Sequence), "made by a task of ours"
    return tuple(tuple(str(value) for value in group) for group in stated)


def _question(name: str, groups: Sequence[tuple[str, ...]]) -> Question:
    return Question(PRESENCE, {"column": name, "groups": groups}, len(groups), 1)
