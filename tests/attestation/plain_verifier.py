"""A second verifier of result proofs, written from docs/proofs.md: plain, slow, and sharing no code but the group.

It reads the graph as JSON and says yes or no.
"""

import hashlib
from collections.abc import Callable, Mapping
from typing import Any

from Crypto.Hash import TupleHash256
from plain_lowering import (
    Form,
    Label,
    NoError,
    Number,
    PlainClaim,
    form,
    number_of,
    operands_of,
    packed_ranges,
    public,
)

from carbonport.crypto.group import ORDER, G, H, Point
from carbonport.errors import Malformed

RangeCheck = Callable[[list[Point], list[int], bytes, bytes], bool]
"""Commitments, widths, context, proof."""


def plain_accepts(
    claim: Mapping[str, Any],
    graph: Mapping[str, Any],
    leaves: Mapping[Label, Point],
    proof: bytes,
    ranges_hold: RangeCheck,
    suppliers: Mapping[str, Point] | None = None,
) -> bool:
    """Whether the proof holds. `claim` has the fields of a claim by name, `graph` is the signed graph's JSON;
    `suppliers` are suppliers' commitments by leaf."""
    try:
        _accept(claim, graph, leaves, proof, ranges_hold, suppliers or {})
    except (NoError, Malformed, KeyError):
        return False
    return True


def _accept(
    claim: Mapping[str, Any],
    graph: Mapping[str, Any],
    leaves: Mapping[Label, Point],
    proof: bytes,
    ranges_hold: RangeCheck,
    suppliers: Mapping[str, Point],
) -> None:
    nodes = {node["id"]: node for node in graph["nodes"]}
    targets = {name: nodes[graph["outputs"][name + "_rounded"]] for name in claim["results"]}
    wanted = {target["of"] if target["kind"] == "round" else target["id"] for target in targets.values()}
    for node in reversed(graph["nodes"]):
        if node["id"] in wanted:
            wanted.update(operands_of(node))
    kept = [node for node in graph["nodes"] if node["id"] in wanted]
    figures = [node for node in kept if node["kind"] in ("input", "attested", "committed")]
    labels = sorted({(n["path"], n["unit"], n["decimals"], n["bits"]) for n in figures})
    for node in figures:
        digests = node.get("attestations", [])
        if digests != sorted(set(digests)) or (node["kind"] != "input" and not digests):
            raise NoError("attested by nothing, or not in order")

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
    links = {
        (node["path"], node["unit"], node["decimals"], node["bits"]): node["leaf"]
        for node in figures
        if node["kind"] == "committed"
    }
    if any(label in opened or label[2] != 5 for label in links):
        raise NoError("a supplier's secret is opened, or has other decimals")
    lowered = PlainClaim(bits(int.from_bytes(take(2), "big")))
    closed = [label for label in labels if label not in opened]
    forms = {label: lowered.variable(0, 2 ** label[3] - 1) for label in closed}
    forms |= {label: public(value) for label, value in opened.items()}

    values: dict[str, Number] = {}
    for node in kept:
        values[node["id"]] = number_of(node, values, forms, lowered)
    for name in sorted(targets):
        target = targets[name]
        rounds = target["kind"] == "round"
        decimals = target["decimals"] if rounds else 5
        text = claim["results"][name]
        whole, _, part = text.partition(".")
        if len(part) != decimals or not (whole + part).isascii() or not (whole + part).isdigit():
            raise NoError("not a plain decimal")
        number = values[target["of"] if rounds else target["id"]]
        if claim["threshold"]:
            lowered.at_most(number, decimals, int(whole + part))
        else:
            lowered.result(number, decimals, int(whole + part), rounds)
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
        "carbonport/threshold-proof/v1" if claim["threshold"] else "carbonport/result-proof/v1",
        "BLS12381-G1",
        "sigma-proofs_Shake128_BLS12381",
        "carbonport/generators/v1",
    ]
    names = (
        "statement_digest graph_digest issuer installation process cn period purpose importer consignment lot"
    )
    fields += [claim[name] for name in [*names.split(), "lot_index", "plan", "contributor"]]
    if claim["threshold"]:
        fields.append(claim["threshold"])
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
    linked = [(i, links[label]) for i, label in enumerate(closed) if label in links]
    if linked:
        fields.append(len(linked))
    for _, leaf in linked:
        fields += [leaf, suppliers[leaf].encode()]
    hasher = TupleHash256.new(digest_bytes=64)
    for one in fields:
        hasher.update(one if isinstance(one, bytes) else str(one).encode())
    context = hasher.digest()

    if lowered.products or inverses or linked:
        theirs = [(i, suppliers[leaf]) for i, leaf in linked]
        _relation(lowered, inverses, theirs, points, context, take)
    for packed in packed_ranges([width for _, width in lowered.ranges]):
        widths = [lowered.ranges[i][1] for i in packed]
        size = 4
        while size < sum(widths):
            size *= 2
        length = 48 * (4 + 2 * ((size // 4).bit_length() - 1)) + 32 * 11
        if not ranges_hold([derived[i] for i in packed], widths, context, take(length)):
            raise NoError("a range")
    if at != len(data):
        raise NoError("too long")


def _relation(
    lowered: PlainClaim,
    inverses: list[Form],
    theirs: list[tuple[int, Point]],
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

    for i, point in theirs:
        image = terms(form({i: 1}))
        elements.append(point)
        equations.append(([*image, (len(elements) - 1, -1)], [(scalar(), 1, 1)]))

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
