"""Collects variables, their bounds and what is to be shown of them, while a graph is lowered.

Every form whose value a proof speaks of is held below 2^250 in its worst case, so an equation that holds modulo the
group order (255 bits) holds between integers: nothing can wrap. Bounds come from signed widths, from the sign of a
floor and from ranges; the same product is made once, the same range is proved once.
"""

from collections.abc import Callable, Mapping

from carbonport.attestation.proving.linear_forms import LinearForm, variable
from carbonport.attestation.proving.lowered_claim import (
    HighPartOf,
    LoweredClaim,
    Origin,
    ProductOf,
    RangeObligation,
    SignedInteger,
    SupplierLink,
    Variable,
)
from carbonport.crypto.pedersen import MAX_VALUE_BITS
from carbonport.crypto.proofs.range_layout import MAX_WIDTH_BITS
from carbonport.errors import Refused

MAX_VARIABLES = 20_000
"""Most committed integers of one proof: a bound on time, far above a plant's inputs."""

SignOf = Callable[[LinearForm, list[Variable]], bool]
"""Whether a form's value is >= 0: the prover computes it, the verifier reads it from the proof and has it proved."""


class Obligations:
    """What lowering collects. `sign_of` is asked once per floor that its bounds do not decide."""

    def __init__(self, sign_of: SignOf) -> None:
        self._sign_of = sign_of
        self._variables: list[Variable] = []
        self._signed: list[SignedInteger] = []
        self._products: dict[tuple[LinearForm, LinearForm], LinearForm] = {}
        self._product_variables: list[int] = []
        self._ranges: dict[RangeObligation, None] = {}
        self._nonnegative: set[LinearForm] = set()
        self._denominators: dict[LinearForm, int] = {}
        self._implied: set[LinearForm] = set()
        self._signs: list[bool] = []
        self._contradicted: list[str] = []

    def signed(self, leaf: SignedInteger) -> LinearForm:
        """A leaf that stays closed; all of them come before any other variable."""
        self._signed.append(leaf)
        return self.add(leaf, 0, (1 << leaf.bits) - 1)

    def add(self, origin: Origin, low: int, high: int) -> LinearForm:
        """A new variable; that it keeps its bounds must follow from obligations."""
        if len(self._variables) >= MAX_VARIABLES:
            raise Refused(
                "proof-too-large",
                found=f"more than {MAX_VARIABLES} committed integers",
                expected="a calculation that one proof can carry",
                remedy="Open factors, or have the verifier sign intermediate figures.",
            )
        self._variables.append(Variable(origin, low, high))
        return variable(len(self._variables) - 1)

    def bounds(self, form: LinearForm) -> tuple[int, int]:
        """The least and the greatest value the form can have; refused when one exceeds 2^250."""
        low = high = form.constant
        for i, coefficient in form.terms:
            known = self._variables[i]
            first, second = coefficient * known.low, coefficient * known.high
            low, high = low + min(first, second), high + max(first, second)
        if max(-low, high).bit_length() > MAX_VALUE_BITS:
            raise Refused(
                "proof-bound",
                found=f"an intermediate figure of up to {max(-low, high).bit_length()} bits",
                expected=f"at most {MAX_VALUE_BITS}, so that nothing wraps around the group's order",
                remedy="Open factors, or declare fewer decimals or bits in the catalogue.",
            )
        return (max(low, 0) if form in self._nonnegative else low), high

    def is_nonnegative(self, form: LinearForm) -> bool:
        """Whether the form is known to be >= 0."""
        return self.bounds(form)[0] >= 0

    def know_nonnegative(self, form: LinearForm) -> None:
        """Remember that the form is >= 0, as follows from its parts."""
        self._nonnegative.add(form)

    def product(self, left: LinearForm, right: LinearForm) -> LinearForm:
        """left * right: a constant multiple, or a new variable and a product obligation."""
        if left.is_constant:
            return right.times(left.constant)
        if right.is_constant:
            return left.times(right.constant)
        content = left.content * right.content
        left, right = left.divided(left.content), right.divided(right.content)
        known = self._products.get((left, right)) or self._products.get((right, left))
        if known is None:
            left_bounds, right_bounds = self.bounds(left), self.bounds(right)
            corners = [a * b for a in left_bounds for b in right_bounds]
            known = self.add(ProductOf(left, right), min(corners), max(corners))
            self.bounds(known)
            self._product_variables.append(known.terms[0][0])
            self._products[left, right] = known
        return known.times(content)

    def in_range(self, form: LinearForm, width: int, contradicts: str = "") -> None:
        """Demand 0 <= form < 2^width; wider than one range proof takes, in two parts."""
        self.bounds(form)
        if form.is_constant:
            if not 0 <= form.constant < 1 << width:
                self._contradicted.append(contradicts)
        elif width <= MAX_WIDTH_BITS:
            self._ranges.setdefault(RangeObligation(form, width))
        else:
            low_width = (width + 1) // 2
            high_part = self.add(HighPartOf(form, low_width), 0, (1 << (width - low_width)) - 1)
            self.in_range(high_part, width - low_width, contradicts)
            self.in_range(form.plus(high_part, -(1 << low_width)), low_width, contradicts)

    def contradict(self, name: str) -> None:
        """Public numbers alone disprove the result called `name`."""
        self._contradicted.append(name)

    def sign(self, form: LinearForm) -> bool:
        """Whether the form is >= 0, proved: public from here on."""
        low, high = self.bounds(form)
        if low >= 0:
            return True
        if high < 0:
            return False
        positive = self._sign_of(form, self._variables)
        self._signs.append(positive)
        if positive:
            self.in_range(form, max(1, high.bit_length()))
            self.know_nonnegative(form)
        else:
            self.in_range(form.times(-1), (-low).bit_length())
        return positive

    def denominator(self, form: LinearForm) -> None:
        """Demand form >= 1; shown at the end, for a rounding may imply it.

        What is known of its sign is taken down now: later knowledge may rest on this very demand.
        """
        if form not in self._denominators:
            self._denominators[form] = self.bounds(form)[0]

    def implied_positive(self, form: LinearForm) -> None:
        """A rounding's ranges show form >= 1."""
        self._implied.add(form)

    def claim(self, opened: tuple[SignedInteger, ...], committed: Mapping[str, str]) -> LoweredClaim:
        """Everything collected. `committed` has by path the leaves of suppliers' statements that hide the same."""
        nonzero = [
            form
            for form, low in self._denominators.items()
            if form not in self._implied and self._positive(form, low)
        ]
        return LoweredClaim(
            signed=tuple(self._signed),
            opened=opened,
            variables=tuple(self._variables),
            products=tuple(self._product_variables),
            nonzero=tuple(nonzero),
            ranges=tuple(self._ranges),
            signs=tuple(self._signs),
            contradicted=tuple(self._contradicted),
            links=tuple(
                SupplierLink(variable, committed[leaf.path])
                for variable, leaf in enumerate(self._signed)
                if leaf.path in committed
            ),
        )

    def _positive(self, form: LinearForm, low: int) -> bool:
        """Show form >= 1: by a range when its sign is open; True when a proof that it is not 0 is still needed."""
        high = self.bounds(form)[1]
        if high < 1:
            raise Refused(
                "proof-denominator",
                found="a divisor that cannot be positive",
                expected="a figure of at least one unit of its last decimal",
                remedy="Correct the figure; nothing can be stated per unit of nothing.",
            )
        if low < 0:
            self.in_range(form.plus(LinearForm(-1)), (high - 1).bit_length() or 1)
        return low == 0
