"""Lowering for the second verifier, written from docs/proofs.md: plain, and sharing no code with the product.

A linear form is a sorted tuple of (variable, coefficient) with variable -1 for the constant.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import gcd
from typing import Any

Form = tuple[tuple[int, int], ...]
Label = tuple[str, str, int, int]
"""Path, unit, decimals, bits."""


def half_away_from_zero(twice: Fraction) -> int:
    """The whole number nearest to half of `twice`; at a tie the one away from zero."""
    size = (abs(twice).numerator + twice.denominator) // (2 * twice.denominator)
    return size if twice >= 0 else -size


class NoError(Exception):
    """The proof does not hold."""


def form(parts: Mapping[int, int]) -> Form:
    return tuple(sorted((i, c) for i, c in parts.items() if c))


def plus(*parts: tuple[int, Form]) -> Form:
    total: Counter[int] = Counter()
    for factor, terms in parts:
        for i, c in terms:
            total[i] += factor * c
    return form(total)


def public(number: int) -> Form:
    return form({-1: number})


def is_public(one: Form) -> bool:
    return all(i == -1 for i, _ in one)


def primitive(one: Form) -> tuple[int, Form]:
    content = gcd(*(c for _, c in one))
    return content, form({i: c // content for i, c in one})


@dataclass
class Number:
    """scale * top / product of below."""

    scale: Fraction
    top: Form
    below: list[Form]


def normal(scale: Fraction, top: Form, below: Sequence[Form]) -> Number:
    if not scale or not top:
        return Number(Fraction(1), (), [])
    content, top = primitive(top)
    if scale < 0:
        scale, top = -scale, plus((-1, top))
    # The order of denominators is that of their variables' terms, then of their constants.
    return Number(
        scale * content, top, sorted(below, key=lambda d: ([t for t in d if t[0] >= 0], dict(d).get(-1, 0)))
    )


@dataclass
class PlainClaim:
    """All that lowering finds."""

    signs: list[int]
    bounds: list[tuple[int, int]] = field(default_factory=list)
    products: list[tuple[int, Form, Form]] = field(default_factory=list)
    ranges: list[tuple[Form, int]] = field(default_factory=list)
    floors: list[Form] = field(default_factory=list)
    positive: dict[Form, int] = field(default_factory=dict)
    implied: list[Form] = field(default_factory=list)
    used_signs: int = 0

    def variable(self, low: int, high: int) -> Form:
        self.bounds.append((low, high))
        return form({len(self.bounds) - 1: 1})

    def reach(self, one: Form) -> tuple[int, int]:
        low = high = 0
        for i, c in one:
            a, b = (c, c) if i == -1 else (c * self.bounds[i][0], c * self.bounds[i][1])
            low, high = low + min(a, b), high + max(a, b)
        if max(-low, high) >= 2**250:
            raise NoError("too large")
        return (max(low, 0) if one in self.floors else low), high

    def times(self, left: Form, right: Form) -> Form:
        if is_public(left) or is_public(right):
            number, other = (left, right) if is_public(left) else (right, left)
            return plus((dict(number).get(-1, 0), other))
        (a, left), (b, right) = primitive(left), primitive(right)
        for index, one, other in self.products:
            if (one, other) in ((left, right), (right, left)):
                return form({index: a * b})
        corners = [x * y for x in self.reach(left) for y in self.reach(right)]
        product = self.variable(min(corners), max(corners))
        self.reach(product)
        self.products.append((product[0][0], left, right))
        return form({product[0][0]: a * b})

    def within(self, one: Form, width: int) -> None:
        self.reach(one)
        if is_public(one):
            if not 0 <= dict(one).get(-1, 0) < 2**width:
                raise NoError("public numbers disprove it")
        elif width > 128:
            low = (width + 1) // 2
            high = self.variable(0, 2 ** (width - low) - 1)
            self.within(high, width - low)
            self.within(plus((1, one), (-(2**low), high)), low)
        elif (one, width) not in self.ranges:
            self.ranges.append((one, width))

    def floor(self, number: Number) -> Number:
        low, high = self.reach(number.top)
        positive = low >= 0
        if low < 0 <= high:
            if self.used_signs == len(self.signs):
                raise NoError("too few signs")
            positive = bool(self.signs[self.used_signs])
            self.used_signs += 1
            if positive:
                self.within(number.top, max(1, high.bit_length()))
                self.floors.append(number.top)
            else:
                self.within(plus((-1, number.top)), (-low).bit_length())
        return number if positive else normal(Fraction(0), (), [])

    def total(self, terms: list[tuple[int, Number]]) -> Number:
        terms = [(sign, number) for sign, number in terms if number.top]
        top, bottom = 0, 1
        below: Counter[Form] = Counter()
        for _, number in terms:
            top, bottom = (
                gcd(top, number.scale.numerator),
                bottom * number.scale.denominator // gcd(bottom, number.scale.denominator),
            )
            below |= Counter(number.below)
        scale = Fraction(top or 1, bottom)
        parts = []
        for sign, number in terms:
            numerator = number.top
            for missing in (below - Counter(number.below)).elements():
                numerator = self.times(numerator, missing)
            parts.append((sign * int(number.scale / scale), numerator))
        found = normal(scale, plus(*parts), list(below.elements()))
        if all(
            self.reach(number.top if sign > 0 else plus((-1, number.top)))[0] >= 0 for sign, number in terms
        ):
            self.floors.append(found.top)
        return found

    def multiplied(self, numbers: list[Number]) -> Number:
        if any(not number.top for number in numbers):
            return normal(Fraction(0), (), [])
        scale = Fraction(1)
        above = [number.top for number in numbers]
        below = [one for number in numbers for one in number.below]
        for number in numbers:
            scale *= number.scale
        for one in list(below):
            if one in above:
                above.remove(one)
                below.remove(one)
        top = public(1)
        for one in above:
            top = self.times(top, one)
        return normal(scale, top, below)

    def divided(self, number: Number, by: Number) -> Number:
        if not by.top:
            raise NoError("division by zero")
        turned = [normal(Fraction(1), one, []) for one in by.below]
        if is_public(by.top):
            return self.multiplied(
                [number, normal(1 / (by.scale * dict(by.top)[-1]), public(1), []), *turned]
            )
        if by.top not in self.positive:
            self.positive[by.top] = self.reach(by.top)[0]
        return self.multiplied([number, normal(1 / by.scale, public(1), [by.top]), *turned])

    def divisor(self, number: Number) -> Form:
        product = public(1)
        for one in number.below:
            product = self.times(product, one)
        if len(number.below) == 1:
            self.implied.append(number.below[0])
        return product

    def halves(self, difference: Form, whole: Form) -> None:
        width = max(1, (self.reach(whole)[1] - 1).bit_length())
        self.within(difference, width)
        self.within(plus((1, whole), (1, public(-1)), (-1, difference)), width)

    def rounded(self, number: Number, decimals: int) -> Number:
        scale = 2 * 10**decimals * number.scale
        if is_public(number.top) and not number.below:
            value = scale * dict(number.top).get(-1, 0)
            return normal(Fraction(half_away_from_zero(value), 10**decimals), public(1), [])
        if self.reach(number.top)[0] < 0:
            raise NoError("rounds what may be negative")
        p = self.divisor(number)
        a, b = plus((scale.numerator, number.top)), scale.denominator
        value = Fraction(self.reach(a)[1], 2 * b * max(1, self.reach(p)[0]))
        width = max(1, ((2 * value.numerator + value.denominator) // (2 * value.denominator)).bit_length())
        result = self.variable(0, 2**width - 1)
        self.within(result, width)
        part = plus((2 * b, self.times(result, p)), (-b, p))
        self.halves(plus((1, a), (-1, part)), plus((2 * b, p)))
        return normal(Fraction(1, 10**decimals), result, [])

    def result(self, number: Number, decimals: int, stated: int, rounds: bool) -> None:
        if is_public(number.top) and not number.below:
            twice = 2 * number.scale * dict(number.top).get(-1, 0) * 10**decimals
            if (half_away_from_zero(twice) if rounds else twice / 2) != stated:
                raise NoError("public numbers disprove it")
            return
        if stated == 0 and self.reach(number.top)[0] < 0:
            self.within(number.top, max(1, self.reach(number.top)[1].bit_length()))
        scale = 2 * 10**decimals * number.scale
        p = self.divisor(number)
        a, b = plus((scale.numerator, number.top)), scale.denominator
        self.halves(plus((1, a), (-(2 * stated - 1) * b, p)), plus((2 * b, p)))

    def at_most(self, number: Number, decimals: int, bound: int) -> None:
        if is_public(number.top) and not number.below:
            twice = 2 * number.scale * dict(number.top).get(-1, 0) * 10**decimals
            if half_away_from_zero(twice) > bound:
                raise NoError("public numbers disprove it")
            return
        scale = 2 * 10**decimals * number.scale
        p = public(1)
        for one in number.below:
            p = self.times(p, one)
        slack = plus(
            ((2 * bound + 1) * scale.denominator, p), (-scale.numerator, number.top), (1, public(-1))
        )
        self.within(slack, max(1, self.reach(slack)[1].bit_length()))

    def inverses(self) -> list[Form]:
        found = []
        for one, low in self.positive.items():
            if one not in self.implied:
                high = self.reach(one)[1]
                if high < 1:
                    raise NoError("a divisor that cannot be positive")
                if low < 0:
                    self.within(plus((1, one), (1, public(-1))), (high - 1).bit_length() or 1)
                if low == 0:
                    found.append(one)
        return found


def operands_of(node: Mapping[str, Any]) -> list[str]:
    match node["kind"]:
        case "sum":
            return [operand for _, operand in node["terms"]]
        case "product":
            return list(node["factors"])
        case "quotient":
            return [node["numerator"], node["denominator"]]
        case "floor" | "round":
            return [node["of"]]
        case _:
            return []


def number_of(
    node: Mapping[str, Any], values: Mapping[str, Number], forms: Mapping[Label, Form], lowered: PlainClaim
) -> Number:
    match node["kind"]:
        case "input" | "attested" | "committed":
            label = (node["path"], node["unit"], node["decimals"], node["bits"])
            return normal(Fraction(1, 10 ** node["decimals"]), forms[label], [])
        case "constant":
            return normal(Fraction(Decimal(node["value"])), public(1), [])
        case "sum":
            return lowered.total([(sign, values[operand]) for sign, operand in node["terms"]])
        case "product":
            return lowered.multiplied([values[factor] for factor in node["factors"]])
        case "quotient":
            return lowered.divided(values[node["numerator"]], values[node["denominator"]])
        case "floor":
            return lowered.floor(values[node["of"]])
        case "round":
            return lowered.rounded(values[node["of"]], node["decimals"])
        case _:
            raise NoError("a kind that is not proved")


def packed_ranges(widths: list[int]) -> list[list[int]]:
    best: list[list[int]] = []
    least: int | None = None
    for capacity in (128, 256, 512, 1024, 2048, 4096):
        bins: list[list[int]] = []
        for i in sorted(range(len(widths)), key=lambda i: (-widths[i], i)):
            fitting = [one for one in bins if sum(widths[k] for k in one) + widths[i] <= capacity]
            if fitting:
                fitting[0].append(i)
            else:
                bins.append([i])
        work = sum(2 ** (sum(widths[k] for k in one) - 1).bit_length() + 64 for one in bins)
        if least is None or work < least:
            best, least = [sorted(one) for one in bins], work
    return best
