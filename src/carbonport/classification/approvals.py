"""Matching a request with its approval: exactly one, covering, unexpired, not used up.

An approval opens nothing by itself. It is a circumstance that the policy may ask for; for classes that no
policy opens it changes nothing.
"""

from carbonport.classification.egress import Approval, Approvals, EgressRequest


def no_approvals(_reference: str) -> tuple[Approval, ...]:
    """The lookup of a node that stores none."""
    return ()


def approval_problem(request: EgressRequest, approvals: Approvals, now: int, *, counted: bool) -> str:
    """Why the request's approval reference does not hold at `now` (unix seconds); empty when it does.

    With `counted`, the disclosure in question has been counted already and may be the last one allowed.
    """
    stored = approvals(request.approval)
    if len(stored) != 1:
        return "No approval, or more than one, is stored under the reference."
    approval = stored[0]
    if approval.reference != request.approval:
        return "The stored approval has another reference."
    if approval.recipient != request.recipient.id:
        return "The approval is for another recipient."
    if (approval.purpose, approval.form) != (request.purpose, request.form):
        return "The approval is for another purpose or form."
    if approval.subject != request.subject:
        return "The approval is for another good or consignment."
    if not approval.items.issuperset(request.items):
        return "The approval does not cover every item of the request."
    if now >= approval.expires:
        return "The approval has expired."
    used_up = approval.uses > approval.max_uses if counted else approval.uses >= approval.max_uses
    if used_up:
        return "The approval is used up."
    return ""
