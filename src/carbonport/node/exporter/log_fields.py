"""The fields of the exporter's log entries: what crossed or was refused, to whom and why; never a value."""

from collections.abc import Iterable

from carbonport.classification.egress import CrossedItem, Decision, ItemDecision
from carbonport.crypto.canonical import canonical_bytes
from carbonport.crypto.log_entry import FieldName


def items_field(items: Iterable[CrossedItem | ItemDecision], decision_id: str) -> bytes:
    """The field `items`: each by name, class, grade, form and reason."""
    return canonical_bytes(
        [
            {
                "name": item.name,
                "class": str(item.field_class),
                "grade": str(item.grade),
                "form": str(item.form),
                "reason": item.reason,
                "decision": decision_id,
            }
            for item in items
        ]
    )


def refusal_fields(importer: str, purpose: str, reason: str, decision: Decision | None) -> dict[str, bytes]:
    """The fields of a refusal; a gate's decision names the items that were refused."""
    fields = {
        FieldName.RECIPIENT: importer.encode(),
        FieldName.PURPOSE: purpose.encode(),
        FieldName.REASON: reason.encode(),
    }
    if decision is not None:
        refused = [item for item in decision.items if not item.allowed]
        fields[FieldName.DECISION] = decision.id.encode()
        fields[FieldName.POLICY] = decision.policy_hash.encode()
        fields[FieldName.ITEMS] = items_field(refused, decision.id)
    return fields
