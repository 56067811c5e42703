"""What the importer's operator does: ask, fetch, refresh; each is an operation (`carbonport.node.operations`)."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from sqlalchemy import Connection

from carbonport.attestation.check_report import Report
from carbonport.attestation.presentation import Presentation
from carbonport.crypto.canonical import Json
from carbonport.errors import FailedVerification, Misuse, Refused
from carbonport.node.file_problem import require_place
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import write_private
from carbonport.node.importer import queries
from carbonport.node.importer.consignments import ConsignmentName, obtain_key
from carbonport.node.importer.queries import Query, ReceivedBundle
from carbonport.node.importer.receiving import Receiver, bundle_state
from carbonport.node.open_node import OpenNode
from carbonport.node.participant import Participant
from carbonport.node.plausibility.received import received_plausibility
from carbonport.wire.v1 import exchange_pb2

REQUEST = "/carbonport.wire.v1.ExchangeService/RequestAttestation"
THRESHOLD = "/carbonport.wire.v1.ExchangeService/RequestThreshold"
GET_REQUEST = "/carbonport.wire.v1.ExchangeService/GetRequest"
FETCH = "/carbonport.wire.v1.ExchangeService/FetchAttestation"

PROVING_DEADLINE_S = 30
"""For an answer that may hold a proof made while we wait: the first starts the exporter's proving process, and others
may be waiting for it already."""

COMMITMENT = "commitment"
"""The form in which results are asked for that stay secret to all but this node."""

_STATES = {
    exchange_pb2.REQUEST_STATE_PENDING: "pending",
    exchange_pb2.REQUEST_STATE_ISSUED: "issued",
    exchange_pb2.REQUEST_STATE_REFUSED: "refused",
}

Arguments = Mapping[str, Json]


async def query(node: OpenNode, arguments: Arguments) -> Json:
    """Ask an exporter for an attestation; repeated with the same request id, or before an answer, it is the same
    query."""
    participant = node.participant
    participant.require_role(Role.IMPORTER)
    exporter = str(arguments["exporter"])
    items = arguments.get("items")
    content: dict[str, Json] = {
        "purpose": str(arguments["purpose"]),
        "cn": str(arguments["cn"]),
        "period_start": str(arguments["period_start"]),
        "period_end": str(arguments["period_end"]),
        "consignment": str(arguments["consignment"]),
        "net_mass_t": str(arguments["net_mass_t"]),
        "items": [str(item) for item in items] if isinstance(items, list) else [],
    }
    if arguments.get("committed"):
        content["form"] = COMMITMENT
    if arguments.get("installation"):
        content["installation"] = str(arguments["installation"])
    with participant.store.writing() as connection:
        key = obtain_key(
            connection,
            ConsignmentName(
                exporter,
                str(content["cn"]),
                str(content["period_start"]),
                str(content["period_end"]),
                str(content["consignment"]),
                str(content.get("installation", "")),
            ),
            random_bytes=participant.random_bytes,
            now=participant.clock(),
        )
        content["consignment_key"] = key.hex()
        request_id = _kept_query(node, connection, exporter, content, arguments)
    asked: dict[str, Json] = {name: value for name, value in content.items() if name != "consignment_key"}
    message = exchange_pb2.RequestAttestationRequest(
        request_id=request_id,
        consignment_key=key,
        **asked,  # type: ignore[arg-type]  # texts, and a list of texts
    )
    answer = await node.peers.ask(
        exporter,
        REQUEST,
        message,
        exchange_pb2.RequestAttestationResponse,
        deadline_s=PROVING_DEADLINE_S,
    )
    return _keep_answer(node, exporter, request_id, answer.request)


async def query_threshold(node: OpenNode, arguments: Arguments) -> Json:
    """Ask an exporter whether a good's specific direct emissions are at most the value of a published table."""
    participant = node.participant
    participant.require_role(Role.IMPORTER)
    exporter = str(arguments["exporter"])
    fields = ("purpose", "cn", "period_start", "period_end", "table")
    content = {field: str(arguments[field]) for field in fields}
    with participant.store.writing() as connection:
        request_id = _kept_query(node, connection, exporter, content, arguments)
    message = exchange_pb2.RequestThresholdRequest(request_id=request_id, **content)
    answer = await node.peers.ask(
        exporter, THRESHOLD, message, exchange_pb2.RequestThresholdResponse, deadline_s=PROVING_DEADLINE_S
    )
    return _keep_answer(node, exporter, request_id, answer.request)


def _kept_query(
    node: OpenNode, connection: Connection, exporter: str, content: Json, arguments: Arguments
) -> str:
    """Keep a query before it is sent, under the id of the one that it repeats, or a fresh one; gives the id."""
    repeated = str(arguments.get("request_id") or "") or queries.unanswered(connection, exporter, content)
    request_id = repeated or node.participant.new_id()
    queries.keep_query(connection, request_id, exporter, content, now=node.participant.clock())
    return request_id


async def fetch(node: OpenNode, arguments: Arguments) -> Json:
    """Take an issued attestation across: receive, check, log, and write the bundle."""
    participant = node.participant
    participant.require_role(Role.IMPORTER)
    request_id, out = str(arguments["request"]), Path(str(arguments["out"]))
    require_place(out)
    with participant.store.reading() as connection:
        asked = queries.query_of(connection, request_id)
        derived = queries.next_fetch_id(connection, request_id)
    asked = await _settled(node, asked)
    fetch_id = str(arguments.get("fetch_id") or derived)
    try:
        answer = await _fetched(node, asked.exporter, fetch_id, asked.attestation)
    except Refused as refusal:
        if refusal.id != "fetch-sealed-anew" or fetch_id != derived:
            raise
        # The first try was logged, its bytes lost, and they are no longer what the exporter hands out.
        fetch_id = participant.new_id()
        answer = await _fetched(node, asked.exporter, fetch_id, asked.attestation)
    received, report = await Receiver(node).receive(
        asked, fetch_id=fetch_id, disclosure=answer.disclosure, receipt=answer.receipt
    )
    write_private(out, received.bundle)
    return _received_json(participant, received, report, out)


async def refresh(node: OpenNode, arguments: Arguments) -> Json:
    """Write a received bundle anew with fresh status tokens and lists; a provisional receipt is asked for again."""
    participant = node.participant
    participant.require_role(Role.IMPORTER)
    request_id, out = str(arguments["request"]), Path(str(arguments["out"]))
    require_place(out)
    with participant.store.reading() as connection:
        asked = queries.query_of(connection, request_id)
        received = queries.newest_bundle(connection, request_id)
    if received is None:
        raise Misuse(
            "bundle-not-received",
            found="no bundle of this request",
            expected="a request that was fetched before",
            remedy="Run `carbonport fetch` first.",
            where=request_id[:40],
        )
    receipt = received.receipt
    if received.state == queries.PROVISIONAL:
        # The same fetch id finds the same entry at the exporter; its receipt now stands under a cosigned checkpoint.
        again = await _fetched(node, asked.exporter, received.fetch_id, received.attestation)
        receipt = again.receipt
    data, report = await Receiver(node).refresh(received, asked, receipt)
    write_private(out, data)
    return _received_json(participant, replace(received, bundle=data), report, out)


async def _fetched(
    node: OpenNode, exporter: str, fetch_id: str, attestation: str
) -> exchange_pb2.FetchAttestationResponse:
    message = exchange_pb2.FetchAttestationRequest(request_id=fetch_id, attestation_id=attestation)
    return await node.peers.ask(exporter, FETCH, message, exchange_pb2.FetchAttestationResponse)


async def _settled(node: OpenNode, asked: Query) -> Query:
    """The query with an issued attestation: asks again when it was pending."""
    if asked.state != "issued":
        answer = await node.peers.ask(
            asked.exporter,
            GET_REQUEST,
            exchange_pb2.GetRequestRequest(request_id=asked.request_id),
            exchange_pb2.GetRequestResponse,
        )
        _keep_answer(node, asked.exporter, asked.request_id, answer.request)
        with node.participant.store.reading() as connection:
            asked = queries.query_of(connection, asked.request_id)
    if asked.state != "issued":
        raise Misuse(
            "query-not-issued",
            found=f"a request that is {asked.state}" + (f" ({asked.reason})" if asked.reason else ""),
            expected="a request that the exporter has answered with an attestation",
            remedy="Wait for the exporter's approval and fetch again, or ask for less.",
            where=asked.request_id,
        )
    return asked


def _keep_answer(node: OpenNode, exporter: str, request_id: str, answer: exchange_pb2.Request) -> Json:
    state = _STATES.get(answer.state)
    if answer.request_id != request_id or state is None:
        raise FailedVerification(
            "answer-request",
            found="an answer to another request, or without an outcome",
            expected=f"what became of the request {request_id}",
            remedy="Nothing was kept. Ask again; if it stays so, tell the exporter.",
            where=exporter,
        )
    with node.participant.store.writing() as connection:
        queries.answered(
            connection,
            request_id,
            state=state,
            attestation=answer.attestation_id,
            reason=answer.reason,
        )
    return {
        "request": request_id,
        "exporter": exporter,
        "state": state,
        "attestation": answer.attestation_id,
        "decision": answer.decision_id,
        "reason": answer.reason,
    }


def _received_json(participant: Participant, received: ReceivedBundle, report: Report, out: Path) -> Json:
    credential = Presentation.decode(received.disclosure).credential
    return {
        "request": received.request_id,
        "fetch": received.fetch_id,
        "attestation": received.attestation,
        "state": bundle_state(report),
        "bundle": str(out),
        "credential_bytes": len(credential),
        "disclosure_bytes": len(received.disclosure),
        "plausibility": received_plausibility(participant, received.bundle),
        **report.as_json(),
    }
