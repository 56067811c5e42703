"""A calculation graph back from its canonical JSON, believed only by the digest that a verifier signed.

The digest is taken over the JSON as it was read, before a node is looked at; the graph that comes out has the same
digest, so what is proved is what was signed: every node, sign, factor, source and label.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import fields
from decimal import Decimal
from types import MappingProxyType

from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, canonical_bytes
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import CarbonportError, FailedVerification, Malformed
from carbonport.footprint.graph import GRAPH_DOMAIN, NODE_KINDS, Graph, Node

MAX_GRAPH_NODES = 500_000
"""Most nodes of a graph that is read: five for each of 10^5 source streams."""

MAX_NODE_TEXT = 4096
"""Longest label, equation or source."""

_DECIMAL = re.compile(r"-?(0|[1-9][0-9]{0,59})(?:\.[0-9]{1,60})?")


def read_signed_graph(value: Json, digests: Collection[str]) -> Graph:
    """The graph of this canonical JSON, whose digest (hex) is one of the signed `digests`.

    Raises `FailedVerification` for another graph, `Malformed` for one that this version does not know how to read.
    """
    digest = tuple_hash(GRAPH_DOMAIN, canonical_bytes(value)).hex()
    if digest not in digests:
        raise _another()
    outer = StrictFields(value, "graph")
    nodes = [_node(item) for item in outer.items("nodes", max_items=MAX_GRAPH_NODES)]
    named = outer.value("outputs")
    outer.finish()
    if not isinstance(named, dict) or not all(isinstance(target, str) for target in named.values()):
        raise _unreadable("outputs that are no node ids")
    outputs = {name: str(target) for name, target in named.items()}
    try:
        graph = Graph(tuple(nodes), MappingProxyType(outputs))
    except CarbonportError as error:
        raise _unreadable(error.found) from None
    if graph.digest.hex() != digest:
        raise _another()
    return graph


def _node(value: Json) -> Node:
    reader = StrictFields(value, "graph node")
    kind = NODE_KINDS.get(reader.text("kind"))
    if kind is None:
        raise _unreadable("a node of another kind")
    known: dict[str, object] = {}
    for field in fields(kind):
        read = _FIELD_READERS.get(field.type)
        if read is None:
            raise _unreadable(
                f"a node of the kind {kind.kind}, whose field {field.name} this version cannot read"
            )
        known[field.name] = read(reader, field.name)
    reader.finish()
    return kind(**known)  # type: ignore[arg-type]


def _text(reader: StrictFields, name: str) -> str:
    return reader.text(name, max_chars=MAX_NODE_TEXT, empty=True)


def _decimal(reader: StrictFields, name: str) -> Decimal:
    return Decimal(reader.text(name, pattern=_DECIMAL, max_chars=128))


def _ids(reader: StrictFields, name: str) -> tuple[str, ...]:
    ids = reader.items(name, max_items=MAX_GRAPH_NODES)
    if not all(isinstance(item, str) for item in ids):
        raise _unreadable("operands that are no node ids")
    return tuple(str(item) for item in ids)


def _terms(reader: StrictFields, name: str) -> tuple[tuple[int, str], ...]:
    found: list[tuple[int, str]] = []
    for item in reader.items(name, max_items=MAX_GRAPH_NODES):
        match item:
            case [1 | -1 as sign, str(operand)] if not isinstance(sign, bool):
                found.append((sign, operand))
            case _:
                raise _unreadable("terms that are no signs with node ids")
    return tuple(found)


def _integer(reader: StrictFields, name: str) -> int:
    return reader.integer(name, maximum=256)


_FIELD_READERS: Mapping[object, Callable[[StrictFields, str], object]] = {
    str: _text,
    int: _integer,
    Decimal: _decimal,
    tuple[str, ...]: _ids,
    tuple[tuple[int, str], ...]: _terms,
}


def _another() -> FailedVerification:
    return FailedVerification(
        "proof-graph",
        found="a calculation graph with another digest",
        expected="the graph whose digest the verifier signed for this good",
        remedy="Do not rely on the result; ask for evidence under the signed graph.",
    )


def _unreadable(found: str) -> Malformed:
    return Malformed(
        "graph-unreadable",
        found=found,
        expected="the canonical JSON of a calculation graph",
        remedy="Use the version of the program that made the graph, or a newer one.",
    )
