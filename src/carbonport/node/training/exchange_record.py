"""What the logs of all parties say of an exchange of a training: one field of the entry, canonical JSON.

Members log it with their contribution, holders with their answer, the coordinator with the sums and, at the end, with
the model. Hashes only: with them, and the documents they are of, anyone who may read the logs can follow who took part
in what, and that all parties tell the same.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from carbonport.attestation.participants import PARTICIPANT_ID, SHA256_HEX
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import canonical_bytes, parse_canonical
from carbonport.federated.relay import ERROR_ID

MAX_RECORD_BYTES = 256 * 1024
"""Longest record: a hash of each member."""

MAX_EXCHANGE = 400
"""Exchanges of a training are below this (`carbonport.federated.training.MAX_EXCHANGES`)."""


@dataclass(frozen=True, slots=True)
class ExchangeRecord:
    """`plan`, `membership`, `definition` (the task's), `app` and `asked` (the questions) are SHA-256 in hex.
    `exchange` counts from 0, `attempt` too. `cohort` is the number of independent members; `epsilon` the whole
    training's, empty without noise. `contributions` has the hash of each member's sealed contribution that the logging
    party made or saw; `refused` who refused, with the error's id. `sums` is the hash of the released sums and `model`
    that of the model file, empty where there is none yet."""

    plan: str
    membership: str
    task: str
    definition: str
    app: str
    exchange: int
    attempt: int
    asked: str
    cohort: int
    epsilon: str = ""
    contributions: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    sums: str = ""
    model: str = ""

    def encode(self) -> bytes:
        """The value of the field."""
        return canonical_bytes(
            {
                "plan": self.plan,
                "membership": self.membership,
                "task": self.task,
                "definition": self.definition,
                "app": self.app,
                "exchange": self.exchange,
                "attempt": self.attempt,
                "asked": self.asked,
                "cohort": self.cohort,
                "epsilon": self.epsilon,
                "contributions": [
                    {"id": name, "hash": digest} for name, digest in sorted(self.contributions.items())
                ],
                "refused": [{"id": name, "error": error} for name, error in sorted(self.refused.items())],
                "sums": self.sums,
                "model": self.model,
            }
        )


def read_exchange_record(value: bytes) -> ExchangeRecord:
    """The record in a log entry's field; raises `Malformed`."""
    fields = StrictFields(
        parse_canonical(value, max_bytes=MAX_RECORD_BYTES, where="training"), "training record"
    )
    record = ExchangeRecord(
        plan=fields.text("plan", pattern=SHA256_HEX),
        membership=fields.text("membership", pattern=SHA256_HEX),
        task=fields.text("task"),
        definition=fields.text("definition", pattern=SHA256_HEX),
        app=fields.text("app", pattern=SHA256_HEX),
        exchange=fields.integer("exchange", maximum=MAX_EXCHANGE),
        attempt=fields.integer("attempt"),
        asked=fields.text("asked", pattern=SHA256_HEX, empty=True),
        cohort=fields.integer("cohort"),
        epsilon=fields.text("epsilon", empty=True),
        contributions=dict(
            fields.each(
                "contributions",
                lambda one: (
                    one.text("id", pattern=PARTICIPANT_ID),
                    one.text("hash", pattern=SHA256_HEX),
                ),
            )
        ),
        refused=dict(
            fields.each(
                "refused",
                lambda one: (one.text("id", pattern=PARTICIPANT_ID), one.text("error", pattern=ERROR_ID)),
            )
        ),
        sums=fields.text("sums", pattern=SHA256_HEX, empty=True),
        model=fields.text("model", pattern=SHA256_HEX, empty=True),
    )
    fields.finish()
    return record
