"""What a node's operator does with its privacy budget: look at it, and charge a training on a table of its own."""

from collections.abc import Mapping
from decimal import Decimal

from carbonport.crypto.canonical import Json
from carbonport.federated.privacy_budget import Charge
from carbonport.footprint.exact_decimal import decimal_text
from carbonport.node.open_node import OpenNode
from carbonport.node.training.privacy_charges import (
    budget_json,
    read_charges,
    write_charge,
    year_of,
)

Arguments = Mapping[str, Json]


def yearly_budget(node: OpenNode) -> Decimal:
    """What the node's configuration lets a task cost in a year."""
    return Decimal(node.participant.config.training.yearly_epsilon)


async def budget(node: OpenNode, _arguments: Arguments) -> Json:
    """What was charged, and what is left of it."""
    with node.participant.store.reading() as connection:
        history = read_charges(connection)
    return budget_json(history, yearly_budget(node), year_of(node.participant.clock()))


async def charge(node: OpenNode, arguments: Arguments) -> Json:
    """Charge a training on a table, before its noise is drawn. Each draws anew and is a release of its own."""
    participant = node.participant
    now = participant.clock()
    epsilon = Decimal(str(arguments["epsilon"]))
    due = Charge(str(arguments["task"]), year_of(now), participant.new_id(), epsilon)
    with participant.store.writing() as connection:
        write_charge(connection, due, yearly_budget(node), now=now)
    return {"training": due.training, "epsilon": decimal_text(epsilon)}
