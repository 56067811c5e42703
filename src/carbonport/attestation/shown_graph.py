"""The graph as it is signed and shown: what is computed, without a name of what it is computed from.

Names of fuels and materials are protected: the list of them is part of the recipe. So the graph that a verifier signs
and that travels with a proof is a neutral form of the calculation's: labels are dropped, ids are numbers, and a figure
of the ledger stands in it under its *place*, such as `stream/4/activity_data`, not `stream/coke/activity_data`.
Numbers follow a key that exporter and verifier alone know and that is new for every statement version, so that their
order tells nothing either. Figures of processes keep their paths: a statement names its processes, and the lot of an
activity level outlives a correction. What remains visible is the shape: which quantities there are, which equations
take them, and public factors with their sources. `explain` keeps the names, on the ledger's side.

The *sealed* form shows nothing below certain figures on the way (`carbonport.attestation.sealed_form`): these are
inputs of their own in it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

from carbonport.attestation.good_graphs import ROUNDED_SUFFIX
from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.crypto.tuplehash import kmac256, tuple_hash
from carbonport.footprint.graph import Graph, Input, Node, Product, Sum

PLACE_KEY_DOMAIN = "carbonport/statement-places/v1"
"""Domain string of the key that numbers a statement version's places."""

PLACE_DOMAIN = "carbonport/statement-place/v1"
"""Domain string of one name's rank."""

NODE_DOMAIN = "carbonport/shown-node/v1"
"""Domain string of what tells two nodes apart, whatever they are called."""

PLACE_KEY_BYTES = 32
"""Length of a place key."""

NAMED_GROUPS = frozenset({"process", "flow"})
"""Groups of paths whose middle parts are ids of processes; all others get numbers."""

NOTHING_SEALED: Mapping[str, Input] = MappingProxyType({})
"""Of the open form."""

OPERAND_FIELDS = ("numerator", "denominator", "of")
"""Fields that hold one operand each."""


def place_key(period_key: bytes, nonce: bytes) -> bytes:
    """The key that numbers the places of one statement version. Secret: exporter and verifier have it."""
    return kmac256(period_key, tuple_hash(PLACE_KEY_DOMAIN, nonce), PLACE_KEY_BYTES)


def numbered_places(paths: Iterable[str], key: bytes) -> Mapping[str, str]:
    """The place of every ledger path of a statement's graphs."""
    names: dict[str, set[str]] = {}
    for path in paths:
        group, name, _ = _parts(path)
        if group not in NAMED_GROUPS:
            names.setdefault(group, set()).add(name)
    numbers: dict[tuple[str, str], int] = {}
    for group, found in names.items():
        ranked = sorted(found, key=lambda name: kmac256(key, tuple_hash(PLACE_DOMAIN, group, name), 32))
        numbers |= {(group, name): number for number, name in enumerate(ranked, start=1)}
    places: dict[str, str] = {}
    for path in paths:
        group, name, quantity = _parts(path)
        number = numbers.get((group, name))
        places[path] = path if number is None else f"{group}/{number}/{quantity}"
    return places


def shown_graph(
    graph: Graph, places: Mapping[str, str], *, sealed: Mapping[str, Input] = NOTHING_SEALED
) -> Graph:
    """The neutral form of `graph`, the same for every graph that computes the same.

    `places` maps the paths of its inputs; the nodes whose ids are in `sealed` become the figures that stand there.
    Equal parts become one, terms and factors stand in an order that follows from what they are, nodes in that of their
    depth.
    """
    bare: dict[str, _Bare] = {}
    for node in _needed(graph, sealed):
        bare[node.id] = _bare(sealed.get(node.id) or _placed(node, places), bare)
    distinct = {one.key: one for one in bare.values()}
    ids = {
        one.key: one.node.path if isinstance(one.node, Input) else f"n{number}"
        for number, one in enumerate(sorted(distinct.values(), key=lambda one: (one.depth, one.order)))
    }
    nodes = [
        _renamed(one.node, ids[one.key], lambda operand: ids[bare[operand].key], lambda key: bare[key].key)
        for one in sorted(distinct.values(), key=lambda one: (one.depth, one.order))
    ]
    outputs = {
        name: ids[bare[target].key]
        for name, target in sorted(graph.outputs.items())
        if name.endswith(ROUNDED_SUFFIX)
    }
    return Graph(tuple(nodes), outputs)


@dataclass(frozen=True, slots=True)
class _Bare:
    """A node without names: `key` tells what it computes, `depth` how far it is from its figures."""

    node: Node
    key: bytes
    depth: int

    @property
    def order(self) -> tuple[bool, str, bytes]:
        """Figures first, by place; then whatever the hash says."""
        path = self.node.path if isinstance(self.node, Input) else ""
        return (not path, path, self.key)


def _parts(path: str) -> tuple[str, str, str]:
    group, _, rest = path.partition("/")
    name, _, quantity = rest.rpartition("/")
    return group, name, quantity


def _needed(graph: Graph, sealed: Mapping[str, Input]) -> list[Node]:
    """What the declared outputs rest on, nothing below a sealed node."""
    wanted = {target for name, target in graph.outputs.items() if name.endswith(ROUNDED_SUFFIX)}
    kept: list[Node] = []
    for node in reversed(graph.nodes):
        if node.id in wanted:
            kept.append(node)
            if node.id not in sealed:
                wanted.update(node.operands())
    return kept[::-1]


def _placed(node: Node, places: Mapping[str, str]) -> Node:
    if isinstance(node, Input):
        place = places[node.path]
        return replace(node, id=place, label="", path=place)
    return replace(node, label="")


def _bare(node: Node, known: Mapping[str, _Bare]) -> _Bare:
    content: dict[str, Json] = {"kind": node.kind}
    for field in fields(node):
        value = getattr(node, field.name)
        if field.name in OPERAND_FIELDS:
            content[field.name] = known[value].key.hex()
        elif field.name not in ("id", "label"):
            content[field.name] = _content(value, node, known)
    depth = 1 + max((known[operand].depth for operand in node.operands()), default=-1)
    return _Bare(node, tuple_hash(NODE_DOMAIN, canonical_bytes(content)), depth)


def _content(value: object, node: Node, known: Mapping[str, _Bare]) -> Json:
    """A field with operands by what they compute, in an order of their own where their order means nothing."""
    if isinstance(node, Sum) and value is node.terms:
        return [list(term) for term in sorted((sign, known[one].key.hex()) for sign, one in node.terms)]
    if isinstance(node, Product) and value is node.factors:
        return sorted(known[operand].key.hex() for operand in node.factors)
    return str(value)


def _renamed(node: Node, node_id: str, named: Callable[[str], str], key: Callable[[str], bytes]) -> Node:
    if isinstance(node, Sum):
        terms = sorted(node.terms, key=lambda term: (key(term[1]), term[0]))
        return replace(node, id=node_id, terms=tuple((sign, named(operand)) for sign, operand in terms))
    if isinstance(node, Product):
        return replace(node, id=node_id, factors=tuple(named(one) for one in sorted(node.factors, key=key)))
    operands = {
        field.name: named(getattr(node, field.name)) for field in fields(node) if field.name in OPERAND_FIELDS
    }
    return replace(node, id=node_id, **operands)
