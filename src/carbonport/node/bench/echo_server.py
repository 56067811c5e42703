"""The yardstick's process: a bare gRPC echo under a node's own TLS, with no guard, no log and no work.

Run as `python -m carbonport.node.bench.echo_server HOME`; prints its port, and ends when its input does.
"""

import asyncio
import sys
from pathlib import Path

import grpc

from carbonport.node.home import NodeHome, open_home
from carbonport.node.identity.certificates import certificate_pem

SERVICE = "carbonport.bench.BareEcho"
"""Not part of the wire contract: no node serves it."""

METHOD = f"/{SERVICE}/Echo"
"""The one method; bytes in, the same bytes out."""


async def _echo(content: bytes, _context: object) -> bytes:
    return content


async def serve_echo(home: NodeHome) -> None:
    """Echo with the certificate and the roots of `home`, until the input ends."""
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    handlers: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {
        "Echo": grpc.unary_unary_rpc_method_handler(_echo)
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
    material = home.identity.tls.current()
    parties = home.parties.all(home.identity.clock())
    roots = b"".join(certificate_pem(anchor) for party in parties for anchor in party.anchors)
    credentials = grpc.ssl_server_credentials(
        [(material.private_key_pem, material.chain_pem)], roots, require_client_auth=True
    )
    port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    print(port, flush=True)
    await asyncio.to_thread(sys.stdin.buffer.read)
    await server.stop(1.0)


if __name__ == "__main__":
    asyncio.run(serve_echo(open_home(Path(sys.argv[1]), environ={})))
