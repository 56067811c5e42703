"""Statements about group elements: equations that are linear in secret scalars.

Source: draft-irtf-cfrg-sigma-protocols, "Linear relations" (representation, instance validation, serialisation),
repository mmaker/draft-irtf-cfrg-sigma-protocols, state of 2026-08-16. An equation says
`sum(coefficient * element) = sum(coefficient * secret * element)`: its image, which everybody can compute, on the
left, its terms on the right.

Promised: a `LinearRelation` is valid in the draft's sense (all ten conditions) from the moment it exists; its encoding
names every element it rests on. Not promised: that the relation says what its author meant. Elements computed from
others must enter as those others with coefficients, never as the sum: else the proof holds for every sum of equal
value. A product z = x*y of committed secrets is linear in this sense: `C_y = y*G + r*H`, `C_z = y*C_x + s*H`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple

from carbonport.crypto.group_interface import ElementT, Group
from carbonport.crypto.proofs.field_codec import LENGTH_BYTES, serialize_count
from carbonport.errors import Malformed

INDEX_BOUND = 256**LENGTH_BYTES
"""Counts and indices are encoded in four bytes."""

BASE = 0
"""Index of the group's generator, which is part of every relation and never encoded."""


class ImageTerm(NamedTuple):
    """`coefficient * elements[element]`, without a secret."""

    element: int
    coefficient: int = 1


class Term(NamedTuple):
    """`coefficient * scalars[scalar] * elements[element]`."""

    scalar: int
    element: int
    coefficient: int = 1


class Equation(NamedTuple):
    """The sum of `image` equals the sum of `terms`."""

    image: tuple[ImageTerm, ...]
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class LinearRelation(Generic[ElementT]):
    """A valid statement. `elements[0]` is the group's generator; coefficients are integers of any sign.

    Raises `Malformed` when one of the draft's conditions does not hold, among them: no element and no image is the
    identity, every element and every scalar is used, and no scalar cancels out.
    """

    group: Group[ElementT]
    elements: tuple[ElementT, ...]
    equations: tuple[Equation, ...]
    images: tuple[ElementT, ...] = field(init=False, repr=False, compare=False)
    """The left side of each equation, evaluated."""

    def __post_init__(self) -> None:
        self._check_shape()
        object.__setattr__(self, "images", tuple(self._image(equation) for equation in self.equations))
        if any(image.is_identity for image in self.images):
            raise _invalid(
                "an equation whose left side is the identity: it holds for secrets that are all zero"
            )
        self._check_columns()

    @property
    def scalar_count(self) -> int:
        """Number of secrets."""
        return 1 + max(term.scalar for equation in self.equations for term in equation.terms)

    def evaluate(self, scalars: Sequence[int]) -> list[ElementT]:
        """The right side of each equation for these scalars."""
        return [
            self.group.multi_scalar_mul(
                [self.elements[term.element] for term in equation.terms],
                [term.coefficient * scalars[term.scalar] for term in equation.terms],
            )
            for equation in self.equations
        ]

    def encode(self) -> bytes:
        """The draft's `SerializeLinearRelation`: what the transcript absorbs."""
        parts = [serialize_count(len(self.equations))]
        for equation in self.equations:
            parts.append(serialize_count(len(equation.image)))
            for element, coefficient in equation.image:
                parts += [serialize_count(element), self._coefficient(coefficient)]
            parts.append(serialize_count(len(equation.terms)))
            for scalar, element, coefficient in equation.terms:
                parts += [serialize_count(scalar), serialize_count(element), self._coefficient(coefficient)]
        parts += [element.encode() for element in self.elements[1:]]
        return b"".join(parts)

    def _coefficient(self, coefficient: int) -> bytes:
        return self.group.encode_scalar(coefficient % self.group.order)

    def _image(self, equation: Equation) -> ElementT:
        if len(equation.image) == 1 and equation.image[0].coefficient == 1:
            return self.elements[equation.image[0].element]
        return self.group.multi_scalar_mul(
            [self.elements[term.element] for term in equation.image],
            [term.coefficient for term in equation.image],
        )

    def _check_shape(self) -> None:
        if not self.equations or any(not equation.image or not equation.terms for equation in self.equations):
            raise _invalid("no equation, or one with an empty side")
        image_terms = [term for equation in self.equations for term in equation.image]
        terms = [term for equation in self.equations for term in equation.terms]
        used = {term.element for term in image_terms} | {term.element for term in terms}
        scalars = {term.scalar for term in terms}
        if max(len(image_terms), len(terms), *used, *scalars) >= INDEX_BOUND or min(*used, *scalars, 0) < 0:
            raise _invalid("an index or count that four bytes do not hold")
        if used | {BASE} != set(range(len(self.elements))):
            raise _invalid("an index without an element, or an element in no equation")
        if scalars != set(range(len(scalars))):
            raise _invalid("a secret in no equation: its response would not be checked")
        if self.elements[BASE] != self.group.base:
            raise _invalid("a first element that is not the group's generator")
        if any(element.is_identity for element in self.elements):
            raise _invalid("the identity among the elements")

    def _check_columns(self) -> None:
        """For every scalar some equation has a sum of its terms that is not the identity."""
        columns: dict[int, dict[int, list[Term]]] = {}
        for row, equation in enumerate(self.equations):
            for term in equation.terms:
                columns.setdefault(term.scalar, {}).setdefault(row, []).append(term)
        for rows in columns.values():
            if not any(self._column_counts(terms) for terms in rows.values()):
                raise _invalid("a secret whose terms cancel out: any value would do for it")

    def _column_counts(self, terms: list[Term]) -> bool:
        if len(terms) == 1:  # the usual case needs no arithmetic: no element is the identity
            return terms[0].coefficient % self.group.order != 0
        elements = [self.elements[term.element] for term in terms]
        return not self.group.multi_scalar_mul(elements, [term.coefficient for term in terms]).is_identity


class RelationBuilder(Generic[ElementT]):
    """Numbers elements and scalars in the order of their declaration, and equations in the order written.

    Prover and verifier call it with the same steps; both get the same encoding.
    """

    def __init__(self, group: Group[ElementT]) -> None:
        """A relation without equations; the generator has index `BASE`."""
        self._group = group
        self._elements = [group.base]
        self._equations: list[Equation] = []
        self._scalars = 0

    def element(self, element: ElementT) -> int:
        """The index of a new element."""
        self._elements.append(element)
        return len(self._elements) - 1

    def scalar(self) -> int:
        """The index of a new secret: its place in the witness."""
        self._scalars += 1
        return self._scalars - 1

    def equation(self, image: Iterable[ImageTerm], terms: Iterable[Term]) -> None:
        """Demand that the sum of `image` equals the sum of `terms`."""
        self._equations.append(Equation(tuple(image), tuple(terms)))

    def build(self) -> LinearRelation[ElementT]:
        """The relation; raises `Malformed` when it is not valid."""
        return LinearRelation(self._group, tuple(self._elements), tuple(self._equations))


def _invalid(found: str) -> Malformed:
    return Malformed(
        "relation-invalid",
        found=found,
        expected="a relation that meets the conditions of draft-irtf-cfrg-sigma-protocols",
        remedy="Do not rely on the statement; commitments that cancel out, or an identity among them, prove nothing.",
    )
