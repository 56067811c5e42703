"""Ridge from sums: the same integers however the rows are divided, an exact solution, and cells that tell of nobody."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_tables import cohort, plants, ridge_task, together

from carbonport.errors import FailedVerification, Malformed, Misuse
from carbonport.federated.exact_solve import solve_rounded
from carbonport.federated.features import ONE, Category, PublicRange, Rows
from carbonport.federated.ridge import RidgeTask
from carbonport.federated.secure_sum import InProcessHolders
from carbonport.federated.training import Participants, Question, Sums, train


def rational_solution(matrix: list[list[int]], right: list[int]) -> list[Fraction]:
    """Gauss and Jordan with fractions: another way to the same numbers."""
    rows = [[Fraction(value) for value in (*row, right[place])] for place, row in enumerate(matrix)]
    for step in range(len(rows)):
        pivot = next(place for place in range(step, len(rows)) if rows[place][step])
        rows[step], rows[pivot] = rows[pivot], rows[step]
        rows[step] = [value / rows[step][step] for value in rows[step]]
        for place in range(len(rows)):
            if place != step:
                factor = rows[place][step]
                rows[place] = [a - factor * b for a, b in zip(rows[place], rows[step], strict=True)]
    return [row[-1] for row in rows]


@given(st.data())
@settings(max_examples=40)
def test_systems_are_solved_exactly(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 5))
    numbers = st.integers(-(2**45), 2**45)
    matrix = [[data.draw(numbers) for _ in range(size)] for _ in range(size)]
    right = [data.draw(numbers) for _ in range(size)]
    try:
        solved = solve_rounded(matrix, right, 8)
    except FailedVerification:
        with pytest.raises(StopIteration):  # the other way finds no pivot either
            rational_solution(matrix, right)
        return
    for rounded, exact in zip(solved, rational_solution(matrix, right), strict=True):
        assert abs(rounded - exact * 256) <= Fraction(1, 2)


@pytest.mark.parametrize(("right", "rounded"), [([1], 1), ([-1], 0), ([3], 2)])
def test_exact_halves_round_up(right: list[int], rounded: int) -> None:
    assert solve_rounded([[2]], right, 0) == (rounded,)


def test_a_system_that_floating_point_cannot_tell_from_a_singular_one_is_solved_exactly() -> None:
    matrix = [[720720 // (row + column + 1) for column in range(8)] for row in range(8)]
    right = [1, -2, 3, -4, 5, -6, 7, -8]
    for rounded, exact in zip(
        solve_rounded(matrix, right, 24), rational_solution(matrix, right), strict=True
    ):
        assert abs(rounded - exact * (1 << 24)) <= Fraction(1, 2)


def test_a_system_without_a_single_solution_is_refused() -> None:
    with pytest.raises(FailedVerification) as caught:
        solve_rounded([[1, 2], [2, 4]], [1, 2], 8)
    assert caught.value.id == "training-singular"


@pytest.mark.parametrize("slopes", [False, True])
def test_federated_through_shares_is_pooled_to_the_last_integer(slopes: bool) -> None:
    task, parts = ridge_task(slopes=slopes), cohort(6)
    members, holders = Participants(task, parts), InProcessHolders()
    federated = train(task.training(), lambda question: holders.add(question, members.answers(question)))
    pooled = train(task.alone().training(), Participants(task, {"all": together(parts)}).sum_of)
    assert federated.integers() == pooled.integers()
    assert federated.rows == 90
    assert holders.exchanges == 2


@given(st.lists(st.integers(0, 4), min_size=60, max_size=60))
@settings(max_examples=10)
def test_no_division_of_the_rows_changes_the_model(owners: list[int]) -> None:
    task, rows = ridge_task(minimum_cohort=1), plants(7, 60)
    divided = {str(owner): rows.take(np.array(owners) == owner) for owner in set(owners)}
    models = [train(task.training(), Participants(task, parts).sum_of) for parts in (divided, {"one": rows})]
    assert models[0].integers() == models[1].integers()


def test_the_model_predicts_what_the_rows_say_and_keeps_its_range() -> None:
    task = ridge_task()
    model = train(task.training(), Participants(task, cohort(8)).sum_of)
    unseen = plants(99, 200)
    predicted = model.predict(unseen)
    assert float(np.sqrt(np.mean((predicted / unseen.target - 1) ** 2))) < 0.05
    far = Rows({"load": np.array([-1e9]), "size": np.array([1e12])}, {"fuel": np.array(["coal"])}, np.ones(1))
    assert 0.2 <= float(model.predict(far)[0]) <= 2.5


def questions_and_sums(task: RidgeTask, parts: dict[str, Rows]) -> list[tuple[Question, Sums]]:
    seen: list[tuple[Question, Sums]] = []
    members = Participants(task, parts)

    def watched(question: Question) -> Sums:
        sums = members.sum_of(question)
        seen.append((question, sums))
        return sums

    train(task.training(), watched)
    return seen


def test_a_cell_that_one_exporter_alone_fills_is_in_no_sum() -> None:
    parts = cohort(6)
    lonely = {**parts, "exporter-0": together({"a": parts["exporter-0"], "b": plants(50, 12, ("lignite",))})}
    gram, gram_of_lonely = (questions_and_sums(ridge_task(), rows)[-1] for rows in (parts, lonely))
    # The one exporter's lignite changes nothing that is released: neither its own cell nor any total around it.
    assert gram == gram_of_lonely
    model = train(ridge_task().training(), Participants(ridge_task(), lonely).sum_of)
    assert np.isnan(model.predict(plants(51, 3, ("lignite",)))).all()


def test_small_cells_are_merged_when_together_they_are_enough() -> None:
    parts = cohort(5)
    for number, fuel in enumerate(("lignite", "lignite", "lignite", "peat", "wood")):
        name = f"exporter-{number}"
        parts[name] = together({"a": parts[name], "b": plants(60 + number, 12, (fuel,))})
    task = ridge_task()
    model = train(task.training(), Participants(task, parts).sum_of)
    assert model.cells["fuel"].names == ("coal", "gas", "lignite+other")
    assert not np.isnan(model.predict(plants(61, 3, ("lignite",)))).any()
    for question, sums in questions_and_sums(task, parts):
        if question.name == "presence":
            assert all(0 <= count <= 5 for count in sums)


def test_rows_out_of_range_or_incomplete_are_not_used() -> None:
    rows = plants(3, 5)
    numbers = {**rows.numbers, "load": np.array([0.5, np.nan, 0.5, np.inf, 0.5])}
    target = np.array([1.0, 1.0, 99.0, 1.0, np.nan])
    usable = ridge_task().usable(Rows(numbers, rows.words, target))
    assert usable.tolist() == [True, False, False, False, False]


def test_numbers_become_fixed_point_on_their_public_range() -> None:
    linear, log = PublicRange(-10.0, 30.0), PublicRange(1.0, 100.0, "log")
    assert linear.encode(np.array([-99.0, -10.0, 10.0, 30.0, 31.0])).tolist() == [-ONE, -ONE, 0, ONE, ONE]
    assert log.encode(np.array([1.0, 10.0, 100.0])).tolist() == [-ONE, 0, ONE]
    assert log.decode(np.array([0.0, 5.0 * ONE])) == pytest.approx([10.0, 100.0])


@pytest.mark.parametrize(
    ("low", "high", "scale"), [(1, 1, "linear"), (2, 1, "linear"), (0, 1, "log"), (float("nan"), 1, "linear")]
)
def test_ranges_that_cannot_be_meant_are_refused(low: float, high: float, scale: str) -> None:
    with pytest.raises(Misuse) as caught:
        PublicRange(low, high, scale)  # type: ignore[arg-type]
    assert caught.value.id == "task-range"


def test_a_list_of_names_is_no_category() -> None:
    with pytest.raises(Misuse) as caught:
        Category(tuple(str(number) for number in range(65)))
    assert caught.value.id == "task-category"


def test_a_view_without_a_column_is_refused() -> None:
    rows = plants(1, 12)
    with pytest.raises(Malformed) as caught:
        ridge_task().usable(Rows({"load": rows.numbers["load"]}, rows.words, rows.target))
    assert caught.value.where == "size"


@pytest.mark.parametrize("vector", [[1, 2], [1, 2, 3, 4], [1, 2, 11], [1, -11, 3]])
def test_a_contribution_of_another_form_does_not_leave(vector: list[int]) -> None:
    with pytest.raises(FailedVerification) as caught:
        Question("gram", {}, 3, 10).checked(vector)
    assert caught.value.id == "training-contribution"
    assert "11" not in str(caught.value), "a private value must not stand in an error"


def test_without_any_cell_nothing_is_asked_and_the_model_has_no_opinion() -> None:
    parts = {
        f"exporter-{number}": plants(number, 12, (fuel,)) for number, fuel in enumerate(("coal", "gas") * 2)
    }
    members, asked = Participants(ridge_task(), parts), list[str]()

    def sum_of(question: Question) -> Sums:
        asked.append(question.name)
        return members.sum_of(question)

    everything = {**parts, "exporter-5": plants(5, 12, ("peat",))}
    model = train(ridge_task(minimum_cohort=6).training(), sum_of)
    assert set(asked) == {"presence"}
    assert model.rows == 0
    assert np.isnan(model.predict(together(everything))).all()
