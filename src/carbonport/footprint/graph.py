"""The calculation graph: a footprint as a small, immutable list of nodes that several readers share.

Rules *build* graphs and never calculate; `evaluate` gives the numbers, `explain` tells where each comes from,
`carbonport.classification` grades it, `carbonport.attestation` signs its digest and later proves it. A graph
holds no value of an input, only where it stands in the ledger: it can be signed and shown without telling an
amount.

Every node has an id (unique, readable, a path such as `stream/coke/emissions`), a unit and, where the law
defines it, the equation. Nodes stand in topological order: a node refers only to nodes before it.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from decimal import Decimal
from functools import cached_property
from types import MappingProxyType
from typing import ClassVar

from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Malformed, Misuse

MAX_NODES = 2_000_000
"""A bound on hostile files, far above a site with 10^5 source streams."""

GRAPH_DOMAIN = "carbonport/graph/v1"

SHA256_HEX = re.compile(r"[0-9a-f]{64}")
"""The digest of an attestation: SHA-256 in lowercase hex of what its issuer signed."""

STATEMENT_LEAF = re.compile(r"[0-9a-f]{128}")
"""A leaf of a verification statement, as its tree takes it: 64 bytes in lowercase hex."""


@dataclass(frozen=True, slots=True)
class Node:
    """What every node has. `equation` names act and equation number; `label` is for people."""

    kind: ClassVar[str]
    id: str
    unit: str
    label: str
    equation: str

    def operands(self) -> tuple[str, ...]:
        """The ids of the nodes this one is computed from, in order."""
        return ()


@dataclass(frozen=True, slots=True)
class Input(Node):
    """A ledger record, by its path; `decimals` and `bits` are those it is declared and committed with."""

    kind: ClassVar[str] = "input"
    path: str
    decimals: int
    bits: int


@dataclass(frozen=True, slots=True)
class Attested(Input):
    """A ledger record that another exporter attested: specific emissions of a precursor.

    `attestations` are the digests of the attestations that state it, in ascending order: part of what the graph's
    digest signs. A graph that claims a supplier's attestation and names none is malformed.
    """

    kind: ClassVar[str] = "attested"
    attestations: tuple[str, ...]

    def __post_init__(self) -> None:
        distinct = sorted(set(self.attestations))
        if not distinct or distinct != list(self.attestations) or not all(map(_is_digest, distinct)):
            raise Malformed(
                "graph-attestation",
                found=f"a figure that is called attested, with {len(self.attestations)} digests",
                expected="the digest of each attestation that states it, once, in ascending order",
                remedy="Take the suppliers' bundles in again; a value without an attestation is not attested.",
                where=self.id,
            )


@dataclass(frozen=True, slots=True)
class Committed(Attested):
    """An attested record whose value the supplier keeps secret from all but its customer.

    `statement` is the digest (SHA-256, hex) of the supplier's verification statement, `leaf` (64 bytes, hex) the leaf
    of it that commits to the value. A proof never opens the record; it shows that both commitments hide the same.
    """

    kind: ClassVar[str] = "committed"
    statement: str
    leaf: str

    def __post_init__(self) -> None:
        Attested.__post_init__(self)
        if not _is_digest(self.statement) or STATEMENT_LEAF.fullmatch(self.leaf) is None:
            raise Malformed(
                "graph-commitment",
                found="a committed figure without the supplier's statement or leaf",
                expected="a statement's SHA-256 and a leaf of 64 bytes, both in lowercase hex",
                remedy="Take the supplier's bundle in again.",
                where=self.id,
            )


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A public number with its legal or published `source`; part of what the graph's digest signs."""

    kind: ClassVar[str] = "constant"
    value: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class Sum(Node):
    """The sum of `terms`, each a sign (+1 or -1, public) and a node. An empty sum is 0."""

    kind: ClassVar[str] = "sum"
    terms: tuple[tuple[int, str], ...]

    def operands(self) -> tuple[str, ...]:
        return tuple(operand for _, operand in self.terms)


@dataclass(frozen=True, slots=True)
class Product(Node):
    """The product of `factors`."""

    kind: ClassVar[str] = "product"
    factors: tuple[str, ...]

    def operands(self) -> tuple[str, ...]:
        return self.factors


@dataclass(frozen=True, slots=True)
class Quotient(Node):
    """`numerator` / `denominator`, never rounded on the way."""

    kind: ClassVar[str] = "quotient"
    numerator: str
    denominator: str

    def operands(self) -> tuple[str, ...]:
        return (self.numerator, self.denominator)


@dataclass(frozen=True, slots=True)
class Floor(Node):
    """max(0, x): attributed emissions never fall below zero."""

    kind: ClassVar[str] = "floor"
    of: str

    def operands(self) -> tuple[str, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Round(Node):
    """x rounded half up (away from zero at a tie) to `decimals` decimals."""

    kind: ClassVar[str] = "round"
    of: str
    decimals: int

    def operands(self) -> tuple[str, ...]:
        return (self.of,)


@dataclass(frozen=True, slots=True)
class Root(Node):
    """The square root of x >= 0, rounded half up to `decimals` decimals: a standard deviation needs one."""

    kind: ClassVar[str] = "root"
    of: str
    decimals: int

    def operands(self) -> tuple[str, ...]:
        return (self.of,)


NODE_KINDS: Mapping[str, type[Node]] = MappingProxyType(
    {
        node.kind: node
        for node in (Input, Attested, Committed, Constant, Sum, Product, Quotient, Floor, Round, Root)
    }
)


@dataclass(frozen=True)
class Graph:
    """Nodes in topological order, and the ids of those that are results, by name (`see_direct`, ...)."""

    nodes: tuple[Node, ...]
    outputs: Mapping[str, str]

    def __post_init__(self) -> None:
        if len(self.nodes) > MAX_NODES:
            raise graph_too_large(len(self.nodes))
        seen: set[str] = set()
        for node in self.nodes:
            missing = [operand for operand in node.operands() if operand not in seen]
            if missing:
                raise Misuse(
                    "graph-order",
                    found=f"node {node.id} before its operand {missing[0]}",
                    expected="every node after the nodes it is computed from",
                    remedy="Build the operand first; a cycle of precursors cannot be built.",
                )
            if node.id in seen:
                raise Misuse(
                    "graph-duplicate-node",
                    found=f"two nodes with the id {node.id}",
                    expected="one node per id",
                    remedy="Give each stream, process and precursor an id of its own.",
                )
            seen.add(node.id)
        for name, target in self.outputs.items():
            if target not in seen:
                raise Misuse(
                    "graph-output-missing",
                    found=f"output {name} of an unknown node {target}",
                    expected="outputs that name nodes of the graph",
                    remedy="Add the node before naming it as an output.",
                )

    def __getitem__(self, node_id: str) -> Node:
        return self._by_id[node_id]

    def __iter__(self) -> Iterator[Node]:
        return iter(self.nodes)

    @cached_property
    def _by_id(self) -> dict[str, Node]:
        return {node.id: node for node in self.nodes}

    def inputs(self) -> tuple[Input, ...]:
        """The inputs in graph order: what a statement about this graph has to commit to."""
        return tuple(node for node in self.nodes if isinstance(node, Input))

    def ancestors(self, output: str) -> "Graph":
        """The part of the graph that the output named `output` depends on, with that one output."""
        wanted = {self.outputs[output]}
        kept: list[Node] = []
        for node in reversed(self.nodes):
            if node.id in wanted:
                wanted.update(node.operands())
                kept.append(node)
        return Graph(tuple(reversed(kept)), {output: self.outputs[output]})

    def canonical(self) -> Json:
        """The graph as canonical JSON data: everything that defines the calculation, no value of an input.

        Labels and equations are for people, yet part of it: what the verifier read is what the digest signs.
        """
        return {
            "nodes": [
                {"kind": node.kind}
                | {field.name: _plain(getattr(node, field.name)) for field in fields(node)}
                for node in self.nodes
            ],
            "outputs": dict(self.outputs),
        }

    @cached_property
    def digest(self) -> bytes:
        """TupleHash256 of the canonical JSON (64 bytes): what a verification statement signs per good."""
        return tuple_hash(GRAPH_DOMAIN, canonical_bytes(self.canonical()))


def graph_too_large(nodes: int) -> Malformed:
    """The error of a calculation beyond the bound."""
    return Malformed(
        "graph-too-large",
        found=f"{nodes} nodes",
        expected=f"at most {MAX_NODES}",
        remedy="Split the installation into several ledgers.",
    )


def _is_digest(text: object) -> bool:
    return isinstance(text, str) and SHA256_HEX.fullmatch(text) is not None


def _plain(value: object) -> Json:
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    if isinstance(value, str | int):
        return value
    raise TypeError(f"no canonical form for {type(value).__name__}")
