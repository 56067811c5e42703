"""What may leave, in which form, to whom.

A ledger is graded (`graded_ledger`), its results are computed and graded from the graphs (`results`), table and
policy judge (`field_classes`, `policy`), and one gate composes every message that leaves (`gate`).
"""
