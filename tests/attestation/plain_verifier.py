"""A second verifier of result proofs, written from docs/proofs.md: plain, slow, and sharing no code but the group.

It reads the graph as JSON, keeps a linear form as a sorted tuple of (variable, coefficient) with variable -1 for the
constant, and says yes or no.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from math import gcd
from typing import Any

from Crypto.Hash import TupleHash256

from carbonport.crypto.group import ORDER, G, H, Point
from carbonport.errors import Malformed

Form = tuple[tuple[int, int], ...]
Label = tuple[str, str, int, int]
"""Path, unit, decimals, bits."""

RangeCheck = Callable[[list[Point], list[int], bytes, bytes], bool]
"""Commitments, widths, context, proof."""


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
    positive: list[Form] = field(default_factory=list)
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
            self.positive.append(by.top)
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
            return normal(
                Fraction((value.numerator + value.denominator) // (2 * value.denominator), 10**decimals),
                public(1),
                [],
            )
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
            off = 2 * number.scale * dict(number.top).get(-1, 0) * 10**decimals - 2 * stated
            if not (-1 <= off < 1 if rounds else off == 0):
                raise NoError("public numbers disprove it")
            return
        if stated == 0 and self.reach(number.top)[0] < 0:
            self.within(number.top, max(1, self.reach(number.top)[1].bit_length()))
        scale = 2 * 10**decimals * number.scale
        p = self.divisor(number)
        a, b = plus((scale.numerator, number.top)), scale.denominator
        self.halves(plus((1, a), (-(2 * stated - 1) * b, p)), plus((2 * b, p)))

    def inverses(self) -> list[Form]:
        found = []
        for one in self.positive:
            if one not in self.implied:
                low, high = self.reach(one)
                if high < 1:
                    raise NoError("a divisor that cannot be positive")
                if low < 0:
                    self.within(plus((1, one), (1, public(-1))), (high - 1).bit_length() or 1)
                if low == 0:
                    found.append(one)
        return found


def plain_accepts(
    claim: Mapping[str, Any],
    graph: Mapping[str, Any],
    leaves: Mapping[Label, Point],
    proof: bytes,
    ranges_hold: RangeCheck,
) -> bool:
    """Whether the proof holds. `claim` has the fields of a claim by name, `graph` is the signed graph's JSON."""
    try:
        _accept(claim, graph, leaves, proof, ranges_hold)
    except (NoError, Malformed, KeyError):
        return False
    return True


def _accept(
    claim: Mapping[str, Any],
    graph: Mapping[str, Any],
    leaves: Mapping[Label, Point],
    proof: bytes,
    ranges_hold: RangeCheck,
) -> None:
    nodes = {node["id"]: node for node in graph["nodes"]}
    targets = {name: nodes[graph["outputs"][name + "_rounded"]] for name in claim["results"]}
    wanted = {target["of"] if target["kind"] == "round" else target["id"] for target in targets.values()}
    for node in reversed(graph["nodes"]):
        if node["id"] in wanted:
            wanted.update(_operands(node))
    kept = [node for node in graph["nodes"] if node["id"] in wanted]
    labels = sorted({(n["path"], n["unit"], n["decimals"], n["bits"]) for n in kept if n["kind"] == "input"})

    data = memoryview(proof)
    at = 0

    def take(count: int) -> bytes:
        nonlocal at
        if at + count > len(data):
            raise NoError("too short")
        at += count
        return bytes(data[at - count : at])

    def bits(count: int) -> list[int]:
        text = "".join(f"{byte:08b}" for byte in take((count + 7) // 8))
        if "1" in text[count:]:
            raise NoError("padding")
        return [int(bit) for bit in text[:count]]

    if take(1) != b"\x01":
        raise NoError("version")
    opened: dict[Label, int] = {}
    for label, is_open in zip(labels, bits(len(labels)), strict=True):
        if is_open:
            opened[label] = int.from_bytes(take((label[3] + 7) // 8), "big")
            blinding = int.from_bytes(take(32), "big")
            if opened[label] >= 2 ** label[3] or blinding >= ORDER:
                raise NoError("an opening out of range")
            if G * opened[label] + H * blinding != leaves[label]:
                raise NoError("an opening of another leaf")
    lowered = PlainClaim(bits(int.from_bytes(take(2), "big")))
    closed = [label for label in labels if label not in opened]
    forms = {label: lowered.variable(0, 2 ** label[3] - 1) for label in closed}
    forms |= {label: public(value) for label, value in opened.items()}

    values: dict[str, Number] = {}
    for node in kept:
        values[node["id"]] = _node(node, values, forms, lowered)
    for name in sorted(targets):
        target = targets[name]
        rounds = target["kind"] == "round"
        decimals = target["decimals"] if rounds else 5
        text = claim["results"][name]
        whole, _, part = text.partition(".")
        if len(part) != decimals or not (whole + part).isascii() or not (whole + part).isdigit():
            raise NoError("not a plain decimal")
        lowered.result(values[target["of"] if rounds else target["id"]], decimals, int(whole + part), rounds)
    inverses = lowered.inverses()
    if lowered.used_signs != len(lowered.signs):
        raise NoError("too many signs")

    points = [leaves[label] for label in closed]
    points += [Point.decode(take(48)) for _ in range(len(lowered.bounds) - len(closed))]

    def commitment(one: Form) -> Point:
        total = G - G
        for i, c in one:
            total += (G if i == -1 else points[i]) * c
        return total

    derived = [commitment(one) for one, _ in lowered.ranges]
    fields: list[object] = [
        "carbonport/result-proof/v1",
        "BLS12381-G1",
        "sigma-proofs_Shake128_BLS12381",
        "carbonport/generators/v1",
    ]
    names = (
        "statement_digest graph_digest issuer installation process cn period purpose importer consignment lot"
    )
    fields += [claim[name] for name in [*names.split(), "lot_index", "plan", "contributor"]]
    fields.append(len(claim["results"]))
    for name, value in sorted(claim["results"].items()):
        fields += [name, value]
    shown = [label for label in labels if label in opened]
    fields.append(len(shown))
    for label in shown:
        fields += [*label, opened[label]]
    fields += [len(lowered.signs), *lowered.signs, len(closed)]
    for label in closed:
        fields += label
    fields += [len(points), *(point.encode() for point in points), len(derived)]
    for (_, width), point in zip(lowered.ranges, derived, strict=True):
        fields += [width, point.encode()]
    hasher = TupleHash256.new(digest_bytes=64)
    for one in fields:
        hasher.update(one if isinstance(one, bytes) else str(one).encode())
    context = hasher.digest()

    if lowered.products or inverses:
        _relation(lowered, inverses, points, context, take)
    for packed in _packed([width for _, width in lowered.ranges]):
        widths = [lowered.ranges[i][1] for i in packed]
        size = 4
        while size < sum(widths):
            size *= 2
        length = 48 * (4 + 2 * ((size // 4).bit_length() - 1)) + 32 * 11
        if not ranges_hold([derived[i] for i in packed], widths, context, take(length)):
            raise NoError("a range")
    if at != len(data):
        raise NoError("too long")


def _operands(node: Mapping[str, Any]) -> list[str]:
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


def _node(
    node: Mapping[str, Any], values: Mapping[str, Number], forms: Mapping[Label, Form], lowered: PlainClaim
) -> Number:
    match node["kind"]:
        case "input":
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


def _packed(widths: list[int]) -> list[list[int]]:
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


def _relation(
    lowered: PlainClaim,
    inverses: list[Form],
    points: list[Point],
    context: bytes,
    take: Callable[[int], bytes],
) -> None:
    """Equations as (image, terms): lists of (element, coefficient) and (scalar, element, coefficient), where elements
    are points by number: 0 is G, 1 is H, the rest in the order of their first use."""
    elements, numbers = [G, H], {-1: 0}
    equations: list[tuple[list[tuple[int, int]], list[tuple[int, int, int]]]] = []
    scalars = 0

    def scalar() -> int:
        nonlocal scalars
        scalars += 1
        return scalars - 1

    def terms(one: Form) -> list[tuple[int, int]]:
        for i, _ in one:
            if i not in numbers:
                elements.append(points[i])
                numbers[i] = len(elements) - 1
        return [(numbers[i], c) for i, c in one]

    opened: dict[Form, int] = {}
    steps = []
    for product, left, right in lowered.products:
        count = [sum(i >= 0 for i, _ in one) for one in (left, right)]
        if right in opened or (left not in opened and count[1] < count[0]):
            left, right = right, left
        opened.setdefault(left, -1)
        steps.append((product, left, right))
    for one in opened:
        opened[one] = scalar()
        equations.append((terms(one), [(opened[one], 0, 1), (scalar(), 1, 1)]))
    for product, left, right in steps:
        image = terms(form({product: 1}))
        equations.append((image, [*((opened[left], i, c) for i, c in terms(right)), (scalar(), 1, 1)]))
    for one in inverses:
        inverse = scalar()
        equations.append(([(0, 1)], [*((inverse, i, c) for i, c in terms(one)), (scalar(), 1, 1)]))

    def le(number: int) -> bytes:
        return number.to_bytes(4, "little")

    encoded = le(len(equations))
    for image, right_side in equations:
        encoded += le(len(image)) + b"".join(le(i) + (c % ORDER).to_bytes(32, "big") for i, c in image)
        encoded += le(len(right_side))
        encoded += b"".join(le(s) + le(i) + (c % ORDER).to_bytes(32, "big") for s, i, c in right_side)
    encoded += b"".join(element.encode() for element in elements[1:])

    challenge = int.from_bytes(take(32), "big")
    responses = [int.from_bytes(take(32), "big") for _ in range(scalars)]
    if max([challenge, *responses]) >= ORDER or any(element.is_identity for element in elements):
        raise NoError("no scalar, or the identity")
    commitments = b""
    for image, right_side in equations:
        left_point = right_point = G - G
        for i, c in image:
            left_point += elements[i] * c
        for s, i, c in right_side:
            right_point += elements[i] * (c * responses[s])
        if left_point.is_identity:
            raise NoError("an empty equation")
        commitments += (right_point - left_point * challenge).encode()
    tag = b"CARBONPORT-V01-0001-CMPT-with-sigma-proofs_Shake128_BLS12381"
    for part in (b"carbonport/generators/v1", b"result", context):
        tag += le(len(part)) + part
    label = b"irtf-cfrg-fiat-shamir/session-id"
    session = hashlib.shake_128(label + bytes(168 - len(label)) + tag).digest(32)
    squeezed = hashlib.shake_128(session + bytes(136) + encoded + commitments).digest(48)
    if int.from_bytes(squeezed, "little") % ORDER != challenge or not challenge:
        raise NoError("the relation")
