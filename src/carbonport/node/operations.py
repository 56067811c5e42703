"""Operations: what an operator can have a node do, by name, whichever process does it.

A command names an operation and its arguments. When the node serves, its process runs it (`carbonport.node.control`);
otherwise the command's own process opens the node, runs it and closes the node again. There is one implementation.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from types import MappingProxyType

from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.node import control
from carbonport.node.aggregation.network import commands as aggregation
from carbonport.node.aggregation.network import register_rebuild as register
from carbonport.node.exporter import drawing_up, person_decides, taking_in
from carbonport.node.exporter.lots.lot_listing import list_lots
from carbonport.node.exporter.lots.lot_restore import restore_lot
from carbonport.node.exporter.statement_adding import add_statement
from carbonport.node.home import NodeHome
from carbonport.node.importer import commands as importer
from carbonport.node.importer.giving_back import give_back
from carbonport.node.importer.lot_export import export_lot
from carbonport.node.open_node import OpenNode
from carbonport.node.operator import commands as operator
from carbonport.node.operator.status import status
from carbonport.node.participant import Participant
from carbonport.node.regulator import commands as regulator
from carbonport.node.training import budget_commands as privacy_budget
from carbonport.node.training import commands as training
from carbonport.node.verifier import commands as verifier

Operation = Callable[[OpenNode, Mapping[str, Json]], Awaitable[Json]]

OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "intake": taking_in.intake,
        "commit": drawing_up.commit,
        "statement-add": add_statement,
        "statement-list": drawing_up.list_statements,
        "requests": person_decides.list_requests,
        "approve": person_decides.approve,
        "refuse": person_decides.refuse,
        "revoke": person_decides.revoke,
        "query": importer.query,
        "query-threshold": importer.query_threshold,
        "fetch": importer.fetch,
        "refresh": importer.refresh,
        "give-back": give_back,
        "lot-list": list_lots,
        "lot-export": export_lot,
        "lot-restore": restore_lot,
        "verify-data": verifier.verify_data,
        "sign": verifier.sign,
        "reissue": verifier.reissue,
        "withdraw": verifier.withdraw,
        "audit": regulator.audit,
        "aggregate-plan": aggregation.plan,
        "aggregate-run": aggregation.run,
        "aggregate-sessions": aggregation.sessions,
        "aggregate-join": aggregation.join,
        "aggregate-hold": aggregation.hold,
        "aggregate-release": aggregation.release,
        "aggregate-result": aggregation.result,
        "aggregate-register-list": register.list_register,
        "aggregate-register-export": register.export_given,
        "aggregate-register-rebuild": register.rebuild,
        "federate-plan": training.plan,
        "federate-run": training.run,
        "federate-budget": privacy_budget.budget,
        "federate-charge": privacy_budget.charge,
        "log-export": regulator.export_log,
        "log-checkpoint": operator.checkpoint,
        "log-erase": operator.erase,
        "period-destroy": operator.destroy_period,
        "backup": operator.backup,
        "status": status,
    }
)
"""Every operation, by the name the control socket knows it by."""


async def run_operation(node: OpenNode, name: str, arguments: Json) -> Json:
    """Run an operation on an opened node."""
    operation = OPERATIONS.get(name)
    if operation is None or not isinstance(arguments, Mapping):
        raise Misuse(
            "operation-unknown",
            found=f"the operation {name[:40]!r}",
            expected=" or ".join(OPERATIONS),
            remedy="Use the same version of the program for commands and for the serving process.",
        )
    return await operation(node, arguments)


def perform(
    home: NodeHome,
    name: str,
    arguments: Mapping[str, Json],
    *,
    wait_seconds: float = control.DEFAULT_WAIT_SECONDS,
) -> Json:
    """Run an operation for a command: in the serving process when there is one, else here."""
    if control.is_serving(home.path):
        return asyncio.run(control.call_control(home.path, name, dict(arguments), wait_seconds=wait_seconds))
    return asyncio.run(_perform_here(home, name, arguments))


async def _perform_here(home: NodeHome, name: str, arguments: Mapping[str, Json]) -> Json:
    participant = Participant.open(home)
    try:
        node = await OpenNode.open(participant)
    except BaseException:
        participant.close()
        raise
    try:
        return await run_operation(node, name, dict(arguments))
    finally:
        await node.close()
