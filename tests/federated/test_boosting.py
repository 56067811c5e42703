"""Boosting with drawn trees: federated is pooled to the last integer, and no released cell tells of a few."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from small_tables import cohort, plants, together
from test_evaluate_command import evaluate, invented_rows, write_table

from carbonport.errors import Misuse
from carbonport.federated.boosting import BoostingTask
from carbonport.federated.drawn_trees import DrawnTrees
from carbonport.federated.features import Category, PublicRange, Rows
from carbonport.federated.secure_sum import InProcessHolders
from carbonport.federated.training import Participants, Question, Sums, train

TASK = BoostingTask(
    numbers={"load": PublicRange(0.0, 1.0), "size": PublicRange(5.0, 1000.0, "log")},
    categories={"fuel": Category(("coal", "gas", "lignite"))},
    target=PublicRange(0.2, 2.5, "log"),
    trees=40,
    per_exchange=10,
)


def released(task: BoostingTask, parts: dict[str, Rows]) -> list[tuple[Question, Sums]]:
    seen: list[tuple[Question, Sums]] = []
    members = Participants(task, parts)

    def watched(question: Question) -> Sums:
        seen.append((question, members.sum_of(question)))
        return seen[-1][1]

    train(task.training(), watched)
    return seen


def test_federated_through_shares_is_pooled_to_the_last_integer() -> None:
    parts, holders = cohort(7), InProcessHolders()
    # The cells follow from participants, so the pooled rows are asked with the cells of the cohort.
    members = Participants(TASK, parts)
    federated = train(TASK.training(), lambda question: holders.add(question, members.answers(question)))
    plain = train(TASK.training(), members.sum_of)
    assert federated.integers() == plain.integers()
    assert holders.exchanges == 7
    unseen = plants(99, 50)
    assert np.abs(federated.predict(unseen) - plain.predict(unseen)).max() == 0


def test_no_division_of_the_rows_changes_the_model() -> None:
    task, rows = TASK.alone(), plants(5, 120)
    owners = np.arange(120) % 3
    divided = {str(owner): rows.take(owners == owner) for owner in range(3)}
    models = [train(task.training(), Participants(task, parts).sum_of) for parts in (divided, {"one": rows})]
    # Merged leaves follow from who reaches them; with every leaf a cell, only empty ones differ.
    unseen = plants(98, 60)
    assert np.abs(models[0].predict(unseen) - models[1].predict(unseen)).max() == 0


def test_the_model_learns() -> None:
    task = dataclasses.replace(TASK, trees=120)
    model = train(task.training(), Participants(task, cohort(12, 40)).sum_of)
    unseen = plants(97, 300)
    errors = float(np.sqrt(np.mean((model.predict(unseen) - unseen.target) ** 2)))
    assert errors < 0.5 * float(np.std(unseen.target))


def reached_by(task: BoostingTask, rows: Rows, tree: int, node: int) -> NDArray[np.bool_]:
    low, high = task.drawn.box(tree, node)
    binned = task.binned(rows)
    return np.array(((binned >= low) & (binned <= high)).all(axis=1))


@pytest.mark.parametrize("seed", ["1", "2", "3"])
def test_every_released_cell_has_the_minimum_cohort(seed: str) -> None:
    task = dataclasses.replace(TASK, seed=seed)
    parts = cohort(8, 12)
    parts["exporter-0"] = together({"a": parts["exporter-0"], "b": plants(50, 12, ("lignite",))})
    asked = [question for question, _ in released(task, parts) if question.name == "rows"]
    cells = asked[0].parameters["cells"]
    assert isinstance(cells, list)
    several = 0
    for tree, of_tree in enumerate(cells):
        several += len(of_tree) > 1
        for node in of_tree:
            members = sum(bool(reached_by(task, rows, tree, int(node)).any()) for rows in parts.values())
            assert members >= 5
    assert several > 5, "the trees are not all merged away"


def test_no_difference_of_a_cell_and_cells_inside_it_tells_of_a_few() -> None:
    parts = cohort(8, 12)
    (question,) = (question for question, _ in released(TASK, parts) if question.name == "rows")
    cells = question.parameters["cells"]
    assert isinstance(cells, list)
    compared = 0
    for first in range(0, TASK.trees, TASK.per_exchange):
        batch = range(first, first + TASK.per_exchange)
        for outer in batch:
            for node in cells[outer]:
                low, high = TASK.drawn.box(outer, int(node))
                for tree in batch:
                    inner = [
                        int(other)
                        for other in cells[tree]
                        if tree != outer
                        and (TASK.drawn.box(tree, int(other))[0] >= low).all()
                        and (TASK.drawn.box(tree, int(other))[1] <= high).all()
                    ]
                    if not inner:
                        continue
                    compared += 1
                    left = 0
                    for rows in parts.values():
                        rest = reached_by(TASK, rows, outer, int(node))
                        for other in inner:
                            rest &= ~reached_by(TASK, rows, tree, other)
                        left += bool(rest.any())
                    assert left == 0 or left >= 5
    assert compared > 0


def test_trees_are_the_same_for_everybody() -> None:
    trees = DrawnTrees("a seed", 3, 2, (16, 16, 2))
    features, thresholds = trees.splits
    # From SHAKE256 by a plain loop over its 4-byte words.
    assert features.tolist() == [[2, 1, 0], [1, 2, 2], [0, 1, 1]]
    assert thresholds.tolist() == [[0, 6, 10], [5, 0, 0], [4, 9, 10]]
    assert (thresholds < np.array(trees.bins)[features] - 1).all()


def test_leaves_and_boxes_agree() -> None:
    trees = DrawnTrees("boxes", 20, 4, (16, 16, 2))
    drawn = np.random.default_rng(1)
    binned = np.column_stack([drawn.integers(0, bins, 200) for bins in trees.bins]).astype(np.int64)
    leaves = trees.leaves_of(binned)
    for tree in range(20):
        for leaf in range(trees.leaves):
            low, high = trees.box(tree, leaf + trees.nodes)
            inside = ((binned >= low) & (binned <= high)).all(axis=1)
            assert (inside == (leaves[:, tree] == leaf)).all()


def test_a_lonely_leaf_is_merged_with_its_sibling_alike() -> None:
    trees = DrawnTrees("merge", 1, 2, (16,))
    assert trees.merged_cells([5, 9, 7, 6], 5) == ((3, 4, 5, 6),)
    assert trees.merged_cells([5, 4, 7, 6], 5) == ((1, 5, 6),)
    assert trees.merged_cells([0, 4, 7, 6], 5) == ((0,),)
    assert trees.merged_cells([1, 4, 2, 3], 5) == ((),)


@pytest.mark.parametrize("wrong", [{"trees": 0}, {"depth": 7}, {"per_exchange": 0}])
def test_senseless_definitions_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(Misuse) as caught:
        dataclasses.replace(TASK, **wrong)  # type: ignore[arg-type]
    assert caught.value.id == "task-trees"


def test_the_command_evaluates_boosting(tmp_path: Path) -> None:
    answer = evaluate(write_table(tmp_path / "t.csv", invented_rows(8)), model="boosting", splits="1")
    assert answer["max_weight_difference"] == 0
    assert answer["max_prediction_difference"] == 0
    assert answer["results"]["federated"] == answer["results"]["pooled"]
    assert answer["results"]["federated"]["rmse"] < answer["results"]["default"]["rmse"]
