"""Logs of several parties against each other: what left one and arrived at another, and what they say of trainings.

A log cannot prove that it is complete; logs that were kept by different hands can show that one is not.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations

from carbonport.crypto.canonical import Json
from carbonport.node.log.audit import Audit
from carbonport.node.log.fsck import Finding
from carbonport.node.log.reconciliation import reconcile
from carbonport.node.regulator.training_audits import TrainingLogs, compare_trainings

DISAGREES = "audit-disagreement"


@dataclass(frozen=True)
class HeldLog:
    """A log whose own audit held."""

    owner: str
    audit: Audit
    trainings: TrainingLogs


@dataclass(frozen=True)
class ComparedLogs:
    """`reconciled` has one object for each pair with exchanges between them; `findings` what does not agree."""

    reconciled: tuple[dict[str, Json], ...]
    findings: tuple[Finding, ...]


def compared_logs(logs: Sequence[HeldLog]) -> ComparedLogs:
    """Match what crossed with what arrived for each pair of logs, either way, and compare their trainings."""
    reconciled: list[dict[str, Json]] = []
    findings: list[Finding] = []
    for sender, recipient in permutations(logs, 2):
        found = reconcile(
            sender.audit, recipient.audit, importer_id=recipient.owner, exporter_id=sender.owner
        )
        where = f"from {sender.owner} to {recipient.owner}"
        findings += [
            Finding(DISAGREES, f"{where}, exchange {exchange}", "an arrival that never left")
            for exchange in found.unlogged
        ]
        findings += [
            Finding(DISAGREES, f"{where}, exchange {each.exchange}", each.found) for each in found.differences
        ]
        if found.matched or found.on_the_way or found.newer or found.unlogged or found.differences:
            reconciled.append(
                {
                    "sender": sender.owner,
                    "recipient": recipient.owner,
                    "matched": len(found.matched),
                    "on_the_way": list(found.on_the_way),
                    "newer": list(found.newer),
                    "unlogged": list(found.unlogged),
                    "differences": [each.exchange for each in found.differences],
                }
            )
    findings += compare_trainings([each.trainings for each in logs])
    return ComparedLogs(tuple(reconciled), tuple(findings))
