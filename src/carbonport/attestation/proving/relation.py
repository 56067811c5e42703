"""Products and inverses as one linear relation, and its witness.

    opening of y = a form       the form's commitment = y*G + r*H
    product z = x*y             C_z = y*C_x + s*H
    y is not 0                  G = i*C_y + s*H         (i is the inverse of y modulo the order)
    x is a supplier's value     C_x - C_supplier = s*H

A form enters as its variables' commitments with coefficients, never as their sum. Each form is opened once for all
products it is a factor of. That y is not 0 says y >= 1 only where y >= 0 is known: lowering asks for nothing else.
Prover and verifier write the equations in the same order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from carbonport.attestation.proving.linear_forms import LinearForm, variable
from carbonport.attestation.proving.lowered_claim import LoweredClaim, ProductOf
from carbonport.crypto.group import BLS12_381_G1, ORDER, H, Point
from carbonport.crypto.proofs.linear_relation import (
    BASE,
    ImageTerm,
    LinearRelation,
    RelationBuilder,
    Term,
)


@dataclass(frozen=True)
class _ProductStep:
    product: int
    scalar_form: LinearForm
    base_form: LinearForm


@dataclass(frozen=True)
class ClaimRelation:
    """The relation of a lowered claim; `is_empty` when nothing but ranges is to be proved."""

    lowered: LoweredClaim

    @property
    def is_empty(self) -> bool:
        """Whether there is no product, no inverse and no supplier's value."""
        return not (self.lowered.products or self.lowered.nonzero or self.lowered.links)

    @cached_property
    def _steps(self) -> list[_ProductStep]:
        """Which factor of each product is the opened one: preferably one that is opened anyway."""
        opened: set[LinearForm] = set()
        steps = []
        for index in self.lowered.products:
            origin = self.lowered.variables[index].origin
            assert isinstance(origin, ProductOf)
            left, right = origin.left, origin.right
            if right in opened or (left not in opened and len(right.terms) < len(left.terms)):
                left, right = right, left
            opened.add(left)
            steps.append(_ProductStep(index, left, right))
        return steps

    @property
    def _opened(self) -> list[LinearForm]:
        return list(dict.fromkeys(step.scalar_form for step in self._steps))

    def build(self, commitments: Sequence[Point], suppliers: Sequence[Point]) -> LinearRelation[Point]:
        """The relation over the commitments of all variables, and those of suppliers in the order of the links."""
        builder = RelationBuilder[Point](BLS12_381_G1)
        blinding_base = builder.element(H)
        elements: dict[int, int] = {}

        def combination(form: LinearForm) -> list[ImageTerm]:
            terms = [ImageTerm(BASE, form.constant)] if form.constant else []
            for i, coefficient in form.terms:
                if i not in elements:
                    elements[i] = builder.element(commitments[i])
                terms.append(ImageTerm(elements[i], coefficient))
            return terms

        def times(scalar: int, form: LinearForm) -> list[Term]:
            return [Term(scalar, element, coefficient) for element, coefficient in combination(form)]

        scalars: dict[LinearForm, int] = {}
        for form in self._opened:
            scalars[form] = builder.scalar()
            builder.equation(
                combination(form),
                [Term(scalars[form], BASE), Term(builder.scalar(), blinding_base)],
            )
        for step in self._steps:
            builder.equation(
                combination(variable(step.product)),
                [*times(scalars[step.scalar_form], step.base_form), Term(builder.scalar(), blinding_base)],
            )
        for form in self.lowered.nonzero:
            inverse = builder.scalar()
            builder.equation(
                [ImageTerm(BASE)], [*times(inverse, form), Term(builder.scalar(), blinding_base)]
            )
        for link, point in zip(self.lowered.links, suppliers, strict=True):
            difference = [*combination(variable(link.variable)), ImageTerm(builder.element(point), -1)]
            builder.equation(difference, [Term(builder.scalar(), blinding_base)])
        return builder.build()

    def witness(self, values: Sequence[int], blindings: Sequence[int], suppliers: Sequence[int]) -> list[int]:
        """The relation's scalars for these openings of all variables; `suppliers` are the blindings of suppliers'
        commitments in the order of the links."""
        secrets: list[int] = []
        for form in self._opened:
            secrets += [form.value(values), form.blinding(blindings)]
        for step in self._steps:
            # C_z = z*G + t*H = y*(x*G + r*H) + s*H: what is left of the blinding
            carried = step.scalar_form.value(values) * step.base_form.blinding(blindings)
            secrets.append(blindings[step.product] - carried)
        for form in self.lowered.nonzero:
            inverse = pow(form.value(values), -1, ORDER)
            secrets += [inverse, -inverse * form.blinding(blindings)]
        for link, blinding in zip(self.lowered.links, suppliers, strict=True):
            secrets.append(blindings[link.variable] - blinding)
        return [secret % ORDER for secret in secrets]
