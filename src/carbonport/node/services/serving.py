"""The serving process of a node: its services over mutual TLS, and the operator's socket; until it is told to stop."""

import asyncio
import gc
import logging
import signal
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from carbonport import __version__
from carbonport.crypto.canonical import Json
from carbonport.errors import CarbonportError
from carbonport.node.aggregation.network.forgetting import keep_forgetting
from carbonport.node.control import serve_control, socket_path
from carbonport.node.federation.desk_door import open_desk
from carbonport.node.following import FOLLOW_EVERY_S, Following
from carbonport.node.home import NodeHome
from carbonport.node.identity.names import Role
from carbonport.node.open_node import OpenNode, RunningService
from carbonport.node.operational_log import OperationalHandler, OperationalLog
from carbonport.node.operations import run_operation
from carbonport.node.participant import Participant
from carbonport.node.services.aggregation_service import AggregationService
from carbonport.node.services.exchange_service import ExchangeService
from carbonport.node.services.federation_service import FederationService
from carbonport.node.services.log_services import LogService, WitnessService
from carbonport.node.services.lot_service import LotService
from carbonport.node.services.status_service import StatusService
from carbonport.node.status_lists import StatusLists
from carbonport.node.transport.echo import EchoServicer
from carbonport.node.transport.server import NodeServer
from carbonport.wire.v1 import (
    aggregation_pb2,
    aggregation_pb2_grpc,
    echo_pb2,
    echo_pb2_grpc,
    exchange_pb2,
    exchange_pb2_grpc,
    federation_pb2,
    federation_pb2_grpc,
    log_pb2,
    log_pb2_grpc,
    lots_pb2,
    lots_pb2_grpc,
    status_pb2,
    status_pb2_grpc,
)

STOP_GRACE_S = 5.0
"""How long calls in flight may take when the node is told to stop."""

COLLECTOR_THRESHOLDS = (10_000, 20, 20)
"""Objects that call for a collection, and how many of each generation call for the next (default 700, 10, 10):
collecting took a twentieth of the exporter's processor time under load."""

Ready = Callable[[int], None]
"""Told the port once the node answers."""


async def serve(home: NodeHome, ready: Ready) -> None:
    """Serve the node of `home` until SIGINT or SIGTERM; everything in flight is finished first."""
    participant = Participant.open(home)
    journal = OperationalLog(
        home.path, keep_days=home.config.retention.operational_days, clock=participant.clock
    )
    try:
        node = await OpenNode.open(participant)
    except BaseException as error:
        journal.write(
            "not-started", error=error.id if isinstance(error, CarbonportError) else "internal-error"
        )
        participant.close()
        raise
    unhandle = _take_log_lines(journal)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = home.server()
    server.add(
        status_pb2_grpc.add_StatusServiceServicer_to_server,
        StatusService(StatusLists(participant), node.restore),
        status_pb2.DESCRIPTOR.services_by_name["StatusService"],
    )
    server.add(
        log_pb2_grpc.add_LogServiceServicer_to_server,
        LogService(node.log),
        log_pb2.DESCRIPTOR.services_by_name["LogService"],
    )
    server.add(
        log_pb2_grpc.add_WitnessServiceServicer_to_server,
        WitnessService(participant, node.restore),
        log_pb2.DESCRIPTOR.services_by_name["WitnessService"],
    )
    server.add(
        echo_pb2_grpc.add_EchoServiceServicer_to_server,
        EchoServicer(),
        echo_pb2.DESCRIPTOR.services_by_name["EchoService"],
    )
    if Role.EXPORTER in home.config.roles:
        server.add(
            exchange_pb2_grpc.add_ExchangeServiceServicer_to_server,
            ExchangeService(node),
            exchange_pb2.DESCRIPTOR.services_by_name["ExchangeService"],
        )
        server.add(
            lots_pb2_grpc.add_LotServiceServicer_to_server,
            LotService(node.lots),
            lots_pb2.DESCRIPTOR.services_by_name["LotService"],
        )
    if Role.COORDINATOR in home.config.roles:
        server.add(
            aggregation_pb2_grpc.add_AggregationServiceServicer_to_server,
            AggregationService(node),
            aggregation_pb2.DESCRIPTOR.services_by_name["AggregationService"],
        )
        server.add(
            federation_pb2_grpc.add_FederationServiceServicer_to_server,
            FederationService(home.path),
            federation_pb2.DESCRIPTOR.services_by_name["FederationService"],
        )
    control_server = None
    service = RunningService(started_at=participant.clock(), counters=server.counters)
    following = _NotedFollowing(node, server, journal)
    follower = asyncio.create_task(_follow(following))
    forgetter = asyncio.create_task(keep_forgetting(participant))
    try:
        port = await server.start(home.config.node.listen)
        control_server = await serve_control(
            home.path, partial(_run_and_note, replace(node, service=service), following, journal)
        )
        journal.write("started", version=__version__, participant=participant.id, port=port)
        _spare_the_collector()
        async with open_desk(node):
            ready(port)
            await stop.wait()
    finally:
        follower.cancel()
        forgetter.cancel()
        await server.stop(STOP_GRACE_S)
        if control_server is not None:
            await control_server.stop(STOP_GRACE_S)
            socket_path(home.path).unlink(missing_ok=True)
        await node.close()
        journal.write("stopped", participant=participant.id)
        unhandle()


def _spare_the_collector() -> None:
    """Have the garbage collector look at what calls leave behind, and seldom: what a node loads to serve stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECTOR_THRESHOLDS)


def _take_log_lines(journal: OperationalLog) -> Callable[[], None]:
    """Lines of the program go into the operational log; warnings and traces go to standard error as before."""
    logger, console = logging.getLogger("carbonport"), logging.StreamHandler()
    console.setLevel(logging.WARNING)
    handlers = (OperationalHandler(journal), console)
    logger.setLevel(logging.INFO)
    for handler in handlers:
        logger.addHandler(handler)

    def undo() -> None:
        for handler in handlers:
            logger.removeHandler(handler)

    return undo


class _NotedFollowing:
    """Follows rotated keys and new trust lists, and notes when something changed or could not be followed."""

    def __init__(self, node: OpenNode, server: NodeServer, journal: OperationalLog) -> None:
        self._node = node
        self._server = server
        self._following = Following(node)
        self._journal = journal
        self._problem = ""
        self._halted = ""

    async def look(self) -> None:
        """Follow what changed, and report a halted log to health checks."""
        halted = self._node.log.halted
        if halted is not None and not self._halted:
            self._halted = halted.id
            self._journal.write("halted", error=halted.id)
            await self._server.report(serving=False)
        problem = ""
        try:
            if await self._following.look():
                self._journal.write("followed", what="keys or trust lists")
        except CarbonportError as error:
            problem = error.id
        except Exception as error:  # noqa: BLE001 - what was believed before stays in force, and the node goes on
            problem = type(error).__name__
        if problem and problem != self._problem:
            self._journal.write("not-followed", error=problem)
        self._problem = problem


async def _follow(following: _NotedFollowing) -> None:
    """Look again and again until the node stops."""
    while True:
        await asyncio.sleep(FOLLOW_EVERY_S)
        await following.look()


async def _run_and_note(
    node: OpenNode, following: _NotedFollowing, journal: OperationalLog, name: str, arguments: Json
) -> Json:
    """Run an operation of the operator, who sees the keys and lists of this moment; note its name and outcome."""
    await following.look()
    outcome = "internal-error"
    try:
        result = await run_operation(node, name, arguments)
        outcome = "ok"
        return result
    except CarbonportError as error:
        outcome = error.id
        raise
    finally:
        journal.write("operation", name=name, outcome=outcome)
