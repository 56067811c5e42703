"""Two logs against each other: what the exporter says left, and what the importer says arrived.

A log cannot prove that it is complete; two that were kept by different hands, matched by exchange id, can
show that one is not. A crossing without an arrival may be on its way, or was lost after it had left. An
arrival without a crossing is data that left without an entry: the one thing no single log can show.
Entanglement (the arrival names index and leaf of the crossing) makes a log that was rewritten afterwards
disagree with its counterparty's.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.crypto.log_entry import EntryType, FieldName
from carbonport.errors import FailedVerification
from carbonport.node.log.audit import Audit
from carbonport.node.log.audited_entry import AuditedEntry


@dataclass(frozen=True, slots=True)
class Difference:
    """A crossing and an arrival of one exchange that do not agree, and in what."""

    exchange: str
    found: str


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Exchange ids by how they came out; `on_the_way` crossed and have not arrived, `unlogged` arrived and
    never left, `newer` name an entry behind the end of the sender's log as it was audited."""

    matched: tuple[str, ...]
    on_the_way: tuple[str, ...]
    newer: tuple[str, ...]
    unlogged: tuple[str, ...]
    differences: tuple[Difference, ...]

    def require_agreement(self) -> None:
        """FailedVerification (`audit-disagreement`) when anything arrived that never left, or differs."""
        if self.unlogged or self.differences:
            raise FailedVerification(
                "audit-disagreement",
                found=f"{len(self.unlogged)} arrivals without a crossing, {len(self.differences)} that differ",
                expected="for every arrival the crossing it names, with the same payload",
                remedy="Ask both operators for these exchanges; keep both logs as evidence.",
            )


def reconcile(exporter: Audit, importer: Audit, *, importer_id: str, exporter_id: str) -> Reconciliation:
    """Match the crossings of `exporter` to `importer_id` with the arrivals of `importer` from `exporter_id`.

    Both audits have passed. The ids are those that the field `recipient` holds on each side.
    """
    left = _by_exchange(exporter, EntryType.CROSSING, importer_id)
    arrived = _by_exchange(importer, EntryType.ARRIVAL, exporter_id)
    matched: list[str] = []
    differences: list[Difference] = []
    for exchange in sorted(left.keys() & arrived.keys()):
        found = _difference(exporter.origin, left[exchange], arrived[exchange])
        if found:
            differences.append(Difference(exchange, found))
        else:
            matched.append(exchange)
    unmatched = sorted(arrived.keys() - left.keys())
    newer = [each for each in unmatched if _is_newer(arrived[each], exporter)]
    return Reconciliation(
        matched=tuple(matched),
        on_the_way=tuple(sorted(left.keys() - arrived.keys())),
        newer=tuple(newer),
        unlogged=tuple(each for each in unmatched if each not in newer),
        differences=tuple(differences),
    )


def _by_exchange(audit: Audit, kind: EntryType, other: str) -> Mapping[str, AuditedEntry]:
    return {
        each.exchange: each
        for each in audit.entries
        if each.type is kind and each.values.get(FieldName.RECIPIENT) == other.encode()
    }


def _is_newer(arrival: AuditedEntry, exporter: Audit) -> bool:
    peer = arrival.peer
    return peer is not None and peer.origin == exporter.origin and peer.index >= exporter.size


def _difference(origin: str, crossing: AuditedEntry, arrival: AuditedEntry) -> str:
    """What does not agree; empty when all does."""
    if crossing.values.get(FieldName.PAYLOAD) != arrival.values.get(FieldName.PAYLOAD):
        return "another payload"
    peer = arrival.peer
    if peer is None:
        return "an arrival that names no receipt"
    if (peer.origin, peer.index, peer.leaf) != (origin, crossing.index, crossing.leaf):
        return "a receipt for another entry"
    return ""
