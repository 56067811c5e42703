"""The serving process of a node: its services over mutual TLS, and the operator's socket; until it is told to stop."""

import asyncio
import signal
from collections.abc import Callable
from functools import partial

from carbonport.node.control import serve_control, socket_path
from carbonport.node.home import NodeHome
from carbonport.node.identity.names import Role
from carbonport.node.open_node import OpenNode
from carbonport.node.operations import run_operation
from carbonport.node.participant import Participant
from carbonport.node.services.exchange_service import ExchangeService
from carbonport.node.services.log_services import LogService, WitnessService
from carbonport.node.services.status_service import StatusService
from carbonport.node.status_lists import StatusLists
from carbonport.node.transport.echo import EchoServicer
from carbonport.wire.v1 import (
    echo_pb2,
    echo_pb2_grpc,
    exchange_pb2,
    exchange_pb2_grpc,
    log_pb2,
    log_pb2_grpc,
    status_pb2,
    status_pb2_grpc,
)

STOP_GRACE_S = 5.0
"""How long calls in flight may take when the node is told to stop."""

Ready = Callable[[int], None]
"""Told the port once the node answers."""


async def serve(home: NodeHome, ready: Ready) -> None:
    """Serve the node of `home` until SIGINT or SIGTERM; everything in flight is finished first."""
    participant = Participant.open(home)
    try:
        node = await OpenNode.open(participant)
    except BaseException:
        participant.close()
        raise
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    server = home.server()
    server.add(
        status_pb2_grpc.add_StatusServiceServicer_to_server,
        StatusService(StatusLists(participant)),
        status_pb2.DESCRIPTOR.services_by_name["StatusService"],
    )
    server.add(
        log_pb2_grpc.add_LogServiceServicer_to_server,
        LogService(node.log),
        log_pb2.DESCRIPTOR.services_by_name["LogService"],
    )
    server.add(
        log_pb2_grpc.add_WitnessServiceServicer_to_server,
        WitnessService(participant),
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
    control_server = None
    try:
        port = await server.start(home.config.node.listen)
        control_server = await serve_control(home.path, partial(run_operation, node))
        ready(port)
        await stop.wait()
    finally:
        await server.stop(STOP_GRACE_S)
        if control_server is not None:
            await control_server.stop(STOP_GRACE_S)
            socket_path(home.path).unlink(missing_ok=True)
        await node.close()
