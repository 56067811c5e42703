"""The two Flower apps: one hands out letters, one has them answered. Neither reads a letter, holds data or decides.

A letter travels in a message of type `query.letter` (`messages` says how). The same two apps run over a SuperLink with
SuperNodes and, in one process, over `InProcessGrid`.

What comes back is checked before it is believed: from the node that was asked, in answer to what it was asked, with the
records of an answer, their types and sizes. Whatever is not like that is that participant's failure alone
(`relay-bad-reply`), and an error's own words are not read. Only the nodes named in an exchange are called, never a
sample of those connected; how many must answer is not decided here.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from flwr.app import Context, Error, Message
from flwr.clientapp import ClientApp
from flwr.serverapp import Grid, ServerApp

from carbonport.federated.flower.adapter import ErrorCode
from carbonport.federated.flower.messages import (
    ACTION,
    MESSAGE_TYPE,
    letter_in,
    letter_record,
    reply_in,
    reply_record,
)
from carbonport.federated.relay import BAD_REPLY, DEFECT, NO_REPLY, UNLISTED_APP, Reply

FIRST_WAIT_S: Final = 0.001
LONGEST_WAIT_S: Final = 0.25
"""Waits between looking for replies; each is twice the last."""

_FAILURES: Final = {
    ErrorCode.INVALID_FAB: UNLISTED_APP,
    ErrorCode.CLIENT_APP_RAISED_EXCEPTION: DEFECT,
    ErrorCode.MESSAGE_UNAVAILABLE: NO_REPLY,
    ErrorCode.REPLY_MESSAGE_UNAVAILABLE: NO_REPLY,
    ErrorCode.NODE_UNAVAILABLE: NO_REPLY,
}
"""What Flower's error codes mean here; every other one is `relay-bad-reply`."""

AnswerLetter = Callable[[str, bytes], Reply]
"""Has a letter of a kind answered by the node; raises nothing."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One exchange for the ServerApp: letters by participant, and where the replies go."""

    kind: str
    letters: Mapping[str, bytes] = field(repr=False)
    timeout_seconds: float
    hand_back: Callable[[Mapping[str, Reply]], None] = field(repr=False)


def client_app(answer: AnswerLetter) -> ClientApp:
    """The app of a participant, exporter and key holder alike: it passes a letter to its node and the answer back.

    Nothing of the context is read: the run's configuration is the server's, who may be anybody.
    """
    app = ClientApp()

    @app.query(ACTION)
    def letter(message: Message, _: Context) -> Message:
        received = letter_in(message)
        reply = answer(*received) if received else Reply(error=BAD_REPLY)
        return Message(reply_record(reply), reply_to=message)

    return app


def server_app(exchanges: Iterable[Exchange], node_of: Callable[[str], int | None]) -> ServerApp:
    """The app of the coordinator: carries every exchange that `exchanges` gives, until there are no more.

    `node_of` tells the number under which Flower knows an approved participant, or None.
    """
    app = ServerApp()

    @app.main()
    def main(grid: Grid, _: Context) -> None:
        for exchange in exchanges:
            exchange.hand_back(carry(grid, exchange, node_of))

    return app


def carry(grid: Grid, exchange: Exchange, node_of: Callable[[str], int | None]) -> dict[str, Reply]:
    """Send one letter to each participant's node and wait for the replies; one for each participant comes back."""
    numbers = {name: node_of(name) for name in exchange.letters}
    replies = {name: Reply(error=NO_REPLY) for name in exchange.letters}
    end = time.monotonic() + exchange.timeout_seconds
    reachable = [(name, number) for name, number in numbers.items() if number is not None]
    messages = [
        Message(
            letter_record(exchange.kind, exchange.letters[name]),
            dst_node_id=number,
            message_type=MESSAGE_TYPE,
            ttl=exchange.timeout_seconds,
        )
        for name, number in reachable
    ]
    # A message that was not taken has no id, and its participant no reply.
    asked = {
        identity: addressed
        for identity, addressed in zip(grid.push_messages(messages), reachable, strict=False)
        if identity
    }
    del messages
    wait = FIRST_WAIT_S
    while asked and time.monotonic() < end:
        for message in grid.pull_messages(list(asked)):
            addressed = asked.pop(message.metadata.reply_to_message_id, None)
            if addressed is not None:
                name, number = addressed
                replies[name] = checked_reply(message, number)
                wait = FIRST_WAIT_S
        if asked:
            time.sleep(min(wait, max(0.0, end - time.monotonic())))
            wait = min(2 * wait, LONGEST_WAIT_S)
    return replies


def checked_reply(message: Message, number: int) -> Reply:
    """What a message says, if it is a reply of node `number`; `relay-bad-reply` for anything else."""
    if message.has_error():
        return Reply(error=_FAILURES.get(message.error.code, BAD_REPLY))
    if message.metadata.src_node_id != number or message.metadata.message_type != MESSAGE_TYPE:
        return Reply(error=BAD_REPLY)
    return reply_in(message)


def refusal(message: Message) -> Message:
    """The answer of a participant whose allow-list does not have the app of this run."""
    return Message(Error(ErrorCode.INVALID_FAB, UNLISTED_APP), reply_to=message)


def failure(message: Message) -> Message:
    """The answer of a participant whose app failed by a defect: the fact, without a word of it."""
    return Message(Error(ErrorCode.CLIENT_APP_RAISED_EXCEPTION, DEFECT), reply_to=message)
