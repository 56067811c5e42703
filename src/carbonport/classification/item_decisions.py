"""Both locks on one thing: grading table and policy, asked about an item of a request or a figure of a proof."""

from dataclasses import replace

from carbonport.classification.egress import EgressRequest, ItemDecision, OpenedFigure
from carbonport.classification.field_classes import FieldClass
from carbonport.classification.forms import Form
from carbonport.classification.grades import Grade
from carbonport.classification.items import Item, ItemSource, Part
from carbonport.classification.policy import Policy, Question

MAX_ITEMS = 64
"""Items of one request."""

MAX_ITEM_NAME_CHARACTERS = 200
"""Length of an item's name, ledger paths included."""

MAX_REMEMBERED_REQUESTS = 4096
"""Requests whose item decisions are remembered, for repeated fetches."""

SEALED_RESULTS = frozenset({"attributed_direct", "attributed_indirect"})
"""Results on the way that a statement may sign as figures; the good's own of that name stands for any process's."""

SEALED_STREAM_FIGURES = frozenset({"emissions", "effective_factor"})
"""Figures of a source stream that a statement may sign. They enter proofs like every record of the stream, and are
never opened: no item has their value."""

UNKNOWN_ITEM = "No such item, or not exactly one."
TABLE_SAYS_NO = "The grading table does not let this role have it in this form."


class ItemDecider:
    """Decides about what one graded ledger and its results hold. Immutable but for what it remembers.

    `home` is the node's own jurisdiction, as the trust list writes it.
    """

    def __init__(self, policy: Policy, source: ItemSource, *, home: str) -> None:
        self._policy, self._source, self._home = policy, source, home
        self._remembered: dict[tuple[object, ...], tuple[ItemDecision, ...]] = {}

    def decide(self, request: EgressRequest, approval: str) -> tuple[ItemDecision, ...]:
        """A decision for each item of the request, then one for each figure that its proof opens."""
        recipient = request.recipient
        key = (
            recipient.role,
            recipient.jurisdiction,
            request.purpose,
            request.form,
            request.subject,
            request.items,
            request.opened,
            request.threshold,
            request.committed,
            request.pool,
            approval,
        )
        known = self._remembered.get(key)
        if known is None:
            items = [self._item(name, name, request, approval) for name in request.items[:MAX_ITEMS]]
            opened = [self._opened(figure, request, approval) for figure in request.opened]
            known = (*items, *opened)
            if len(self._remembered) >= MAX_REMEMBERED_REQUESTS:
                self._remembered.clear()
            self._remembered[key] = known
        return known

    def figure(self, source: str, request: EgressRequest, form: Form, approval: str) -> ItemDecision:
        """The decision about a figure behind a proof, in `form`; `source` is a ledger path, or a graph's node that a
        statement signs as a figure."""
        item = self._source.find(source, request.subject)
        name = source.rpartition("/")[2]
        if item is None and name in SEALED_RESULTS:
            item = self._source.find(name, request.subject)
        is_of_stream = source.startswith("stream/") and name in SEALED_STREAM_FIGURES
        if item is None and is_of_stream and form is Form.PROOF:
            return self._whole_stream(source, request, approval)
        return self._decision(source, item, request, form, approval)

    def _whole_stream(self, source: str, request: EgressRequest, approval: str) -> ItemDecision:
        """What a stream's records make together is as sensitive as the most sensitive of them: all must be let in."""
        decided = [
            self._decision(path, self._source.find(path, request.subject), request, Form.PROOF, approval)
            for path in self._source.stream_paths(source.partition("/")[2].rpartition("/")[0])
        ]
        if not decided:
            return unknown_item(source, request)
        worst = min(decided, key=lambda one: (one.allowed, -one.grade.rank))
        return replace(worst, name=source)

    def _item(self, shown: str, name: str, request: EgressRequest, approval: str) -> ItemDecision:
        item = self._source.find(name, request.subject)
        return self._decision(shown, item, request, request.form_of(name), approval)

    def _opened(self, figure: OpenedFigure, request: EgressRequest, approval: str) -> ItemDecision:
        """What is opened leaves as a value, whatever the form of the items."""
        item = self._source.find(figure.source, request.subject)
        return self._decision(figure.place, item, request, Form.RAW, approval)

    def _decision(
        self, name: str, item: Item | None, request: EgressRequest, form: Form, approval: str
    ) -> ItemDecision:
        if item is None or not item.parts:
            return unknown_item(name, request)
        policies: set[str] = set()
        for part in item.parts:
            allowed, reason, decided = self._part(part, request, form, approval)
            policies.update(decided)
            if not allowed:
                return ItemDecision(name, part.field_class, part.grade, form, False, reason, decided)
        leading = item.leading
        return ItemDecision(
            name, leading.field_class, leading.grade, form, True, leading.reason, tuple(sorted(policies))
        )

    def _part(
        self, part: Part, request: EgressRequest, form: Form, approval: str
    ) -> tuple[bool, str, tuple[str, ...]]:
        """Both locks, table and policy; the reason and policies of the one that holds."""
        role = request.recipient.role
        ruling = self._policy.rule(
            Question(
                role=role,
                purpose=request.purpose,
                form=form,
                field_class=part.field_class,
                grade=part.grade,
                cross_border=request.recipient.jurisdiction != self._home,
                approval=approval or None,
                pool=request.pool,
            )
        )
        if not ruling.allowed:
            return False, ruling.reason, ruling.policies
        if not part.rule.permits(role, form, approved=bool(approval)):
            return False, TABLE_SAYS_NO, ruling.policies
        return True, ruling.reason, ruling.policies


def unknown_item(name: str, request: EgressRequest) -> ItemDecision:
    """The decision about what does not exist."""
    shown = name[:MAX_ITEM_NAME_CHARACTERS].encode("utf-8", "replace").decode()
    return ItemDecision(shown, FieldClass.UNKNOWN, Grade.IMPORTANT, request.form, False, UNKNOWN_ITEM, ())
