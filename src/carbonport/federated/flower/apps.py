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
LONGEST_WAIT_S: Final = 0.1
"""Waits between looking for replies; each is twice the last."""

RETURN_S: Final = 20.0
"""How long a node that is not there is waited for: a SuperNode that is started again takes ten seconds."""

AGAIN_S: Final = 1.0
"""Wait before its letter is sent again."""

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
    """Send one letter to each participant's node and wait for the replies; one for each participant comes back.

    A node that is not there, which a SuperLink says at once, may be starting: its letter is sent again for a while.
    """
    now = time.monotonic()
    end, returning, again = now + exchange.timeout_seconds, now + RETURN_S, now
    replies: dict[str, Reply] = {}
    asked: dict[str, tuple[str, int]] = {}
    missing = set(exchange.letters)
    wait = FIRST_WAIT_S
    while (asked or missing) and now < end:
        if missing and now >= again:
            asked |= _sent(grid, exchange, sorted(missing), node_of)
            missing -= {name for name, _ in asked.values()}
            again = now + AGAIN_S
        for message in grid.pull_messages(list(asked)) if asked else ():
            addressed = asked.pop(message.metadata.reply_to_message_id, None)
            if addressed is not None:
                name, number = addressed
                wait = FIRST_WAIT_S
                if (reply := checked_reply(message, number)).error == NO_REPLY:
                    missing.add(name)
                else:
                    replies[name] = reply
        if missing and now > returning:
            missing.clear()
        elif asked or missing:
            time.sleep(min(wait, max(0.0, end - now)))
            wait = min(2 * wait, LONGEST_WAIT_S)
        now = time.monotonic()
    return {name: replies.get(name, Reply(error=NO_REPLY)) for name in exchange.letters}


def _sent(
    grid: Grid, exchange: Exchange, names: Iterable[str], node_of: Callable[[str], int | None]
) -> dict[str, tuple[str, int]]:
    """Send letters to these; whom the reply to each message must come from. One that was not taken is not in it."""
    reachable = [(name, number) for name in names if (number := node_of(name)) is not None]
    messages = [
        Message(
            letter_record(exchange.kind, exchange.letters[name]),
            dst_node_id=number,
            message_type=MESSAGE_TYPE,
            ttl=exchange.timeout_seconds,
        )
        for name, number in reachable
    ]
    identities = grid.push_messages(messages) if messages else ()
    return {
        identity: addressed for identity, addressed in zip(identities, reachable, strict=False) if identity
    }


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
