"""Between gRPC and the handlers: every call is admitted, bounded, parsed, checked and counted, in that order.

A handler sees a message only after the caller's identity and role, the deadline, the size and the fields
held; its answer and its errors leave only through here. An unexpected exception becomes `internal-error`
and tells the peer nothing.
"""

import asyncio
import inspect
import logging
import time
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any, NoReturn, Protocol

import grpc
from google.protobuf.message import DecodeError, Message

from carbonport.errors import CarbonportError, Malformed, Misuse
from carbonport.node.transport.admission import Admission, require_role
from carbonport.node.transport.counters import CallCounters
from carbonport.node.transport.methods import EVERYONE, METHODS, STANDARD_METHODS, MethodRule
from carbonport.node.transport.parties import Party
from carbonport.node.transport.rich_errors import STATUS_KEY, Overloaded, status_code, to_status

logger = logging.getLogger("carbonport.node.transport")
"""Calls that failed: method, error id and participant, never a value."""

DEADLINE_SLACK_S = 1
"""A deadline set at the limit may look a little longer on this side."""

Outgoing = Callable[[str, bytes], None]
"""Sees every message that leaves, in plaintext: the method's path and the bytes."""

_caller: ContextVar[Party] = ContextVar("carbonport_caller")


def caller() -> Party:
    """The participant whose call is being served; for handlers."""
    return _caller.get()


@dataclass(frozen=True, slots=True)
class CallLimits:
    """Bounds on calls: bytes of one message, calls in flight, seconds of the longest deadline."""

    max_message_bytes: int
    max_concurrent_calls: int
    max_deadline_s: int


class _Context(Protocol):
    """What is used of gRPC's servicer context."""

    def auth_context(self) -> Any: ...

    def time_remaining(self) -> float | None: ...

    async def abort(
        self, code: grpc.StatusCode, details: str = ..., trailing_metadata: Any = ...
    ) -> NoReturn: ...


class CallGuard(grpc.aio.ServerInterceptor):
    """The interceptor of a node's server."""

    def __init__(
        self, admission: Admission, limits: CallLimits, counters: CallCounters, outgoing: Outgoing | None
    ) -> None:
        self._admission = admission
        self._limits = limits
        self._counters = counters
        self._outgoing = outgoing
        self._guarded: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Any]],
        handler_call_details: grpc.HandlerCallDetails,
    ) -> Any:
        """The guarded handler of a method; made once per method. Methods outside the table have none."""
        method = handler_call_details.method
        guarded = self._guarded.get(method)
        if guarded is None:
            handler = await continuation(handler_call_details)
            if handler is None or (method not in METHODS and method not in STANDARD_METHODS):
                return None
            guarded = self._guarded[method] = self._guard(method, handler)
        return guarded

    def _guard(self, method: str, handler: Any) -> "grpc.RpcMethodHandler[Any, Any]":
        rule = METHODS.get(method)
        if rule is not None:
            return grpc.unary_unary_rpc_method_handler(self._guard_unary(method, rule, handler))
        if handler.unary_unary is not None:
            return grpc.unary_unary_rpc_method_handler(
                self._guard_standard(method, handler.unary_unary),
                request_deserializer=handler.request_deserializer,
                response_serializer=handler.response_serializer,
            )
        stream, maker = handler.unary_stream, grpc.unary_stream_rpc_method_handler
        if stream is None:
            stream, maker = handler.stream_stream, grpc.stream_stream_rpc_method_handler
        return maker(
            self._guard_stream(method, stream),
            request_deserializer=handler.request_deserializer,
            response_serializer=handler.response_serializer,
        )

    def _guard_unary(
        self, method: str, rule: MethodRule, handler: Any
    ) -> Callable[[bytes, _Context], Awaitable[bytes]]:
        """A unary method of ours: takes and gives bytes, so that admission comes before parsing."""
        behaviour, counters, limits = handler.unary_unary, self._counters, self._limits

        async def serve(content: bytes, context: _Context) -> bytes:
            started, outcome, answer = time.perf_counter(), "internal-error", b""
            counters.in_flight += 1
            try:
                try:
                    self._enter(method, rule, context)
                    message = _parse(rule, content)
                    response = await behaviour(message, context)
                    answer = _serialise(response, limits.max_message_bytes)
                    outcome = "ok"
                except CarbonportError as error:
                    outcome = error.id
                    failure = error
                except asyncio.CancelledError:
                    outcome = "cancelled"
                    raise
                except grpc.aio.AbortError:
                    outcome = "aborted"
                    raise
                except Exception as error:  # noqa: BLE001 - a defect of ours must not tell the peer anything
                    failure = _internal(method, error)
                if outcome == "ok":
                    if self._outgoing is not None:
                        self._outgoing(method, answer)
                    return answer
                await self._refuse(method, failure, context)
            finally:
                counters.in_flight -= 1
                counters.finished(method, outcome, time.perf_counter() - started, len(content), len(answer))

        return serve

    def _guard_standard(self, method: str, behaviour: Any) -> Callable[[Message, _Context], Awaitable[Any]]:
        async def serve(request: Message, context: _Context) -> Any:
            try:
                self._enter(method, None, context)
            except CarbonportError as error:
                await self._refuse(method, error, context)
            return await behaviour(request, context)

        return serve

    def _guard_stream(self, method: str, behaviour: Any) -> Any:
        """A streaming method that yields its answers, or one that writes them through the context."""

        async def admit(context: _Context) -> None:
            try:
                self._enter(method, None, context)
            except CarbonportError as error:
                await self._refuse(method, error, context)

        async def yielding(request: Any, context: _Context) -> AsyncIterator[Any]:
            await admit(context)
            async for answer in behaviour(request, context):
                yield answer

        async def writing(request: Any, context: _Context) -> None:
            await admit(context)
            await behaviour(request, context)

        return yielding if inspect.isasyncgenfunction(behaviour) else writing

    def _enter(self, method: str, rule: MethodRule | None, context: _Context) -> None:
        party = self._admission.admit(context.auth_context())
        require_role(party, EVERYONE if rule is None else rule.roles, method)
        if self._counters.in_flight > self._limits.max_concurrent_calls:
            raise Overloaded(
                "transport-busy",
                found=f"more than {self._limits.max_concurrent_calls} calls at the same time",
                expected="fewer calls in flight",
                remedy="Wait a moment and call again.",
            )
        remaining = context.time_remaining()
        if remaining is None or remaining > self._limits.max_deadline_s + DEADLINE_SLACK_S:
            raise Misuse(
                "transport-deadline-missing",
                found="no deadline" if remaining is None else "a deadline far away",
                expected=f"a deadline of at most {self._limits.max_deadline_s} seconds on every call",
                remedy="Set one: without it, work for a caller who is gone never ends.",
                where=party.id,
            )
        _caller.set(party)

    async def _refuse(self, method: str, error: CarbonportError, context: _Context) -> NoReturn:
        logger.info("%s refused: %s", method, error.id)
        status = to_status(error)
        content = status.SerializeToString()
        if self._outgoing is not None:
            self._outgoing(method, content)
        await context.abort(status_code(status), error.id, ((STATUS_KEY, content),))


def _parse(rule: MethodRule, content: bytes) -> Message:
    if len(content) > rule.max_request_bytes:
        raise Malformed(
            "request-size",
            found=f"{len(content)} bytes",
            expected=f"at most {rule.max_request_bytes} bytes",
            remedy="Ask for less at once.",
            where=rule.request.DESCRIPTOR.name,
        )
    try:
        message = rule.request.FromString(content)
    except DecodeError:
        raise Malformed(
            "request-encoding",
            found="bytes that are no message of this type",
            expected=f"a protobuf message {rule.request.DESCRIPTOR.name}",
            remedy="Use the client of this version, or the published wire contract.",
            where=rule.request.DESCRIPTOR.name,
        ) from None
    rule.door.admit(message)
    return message


def _serialise(response: Message, max_bytes: int) -> bytes:
    answer = response.SerializeToString()
    if len(answer) > max_bytes:
        raise Misuse(
            "transport-answer-size",
            found=f"an answer of {len(answer)} bytes",
            expected=f"at most {max_bytes} bytes",
            remedy="Ask for less at once, or raise [limits] max_message_bytes on both sides.",
        )
    return answer


def _internal(method: str, error: Exception) -> CarbonportError:
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].name}:{frames[-1].lineno}" if frames else "unknown"
    # The message of a foreign exception may quote a value; its type and place may be logged.
    logger.error("%s failed: %s in %s", method, type(error).__name__, place)
    return Overloaded(
        "internal-error",
        found=type(error).__name__,
        expected="an answer",
        remedy="Try later; the operator of the peer finds the cause in its log.",
        retry_after_s=60,
    )
