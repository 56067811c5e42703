"""Kinds of the records of a training that more than one step knows; reading them loads nothing for trainings."""

PLAN_KEPT, COORDINATOR_KEPT, BEGUN_KEPT = "training-plan", "training-coordinator", "training-begun"
"""The signed plan, whose it is, and the letter with which it began."""

SUMS_KEPT = "training-sums"
"""Released sums, by exchange."""

MODEL_KEPT, ENDING_KEPT = "training-model", "training-ending"
"""What a training ended with: a model, or none and why."""

CONTRIBUTED, VECTOR = "training-contribution", "training-vector"
"""What crossed, by exchange and attempt, and the integers in it, by exchange."""

DELIVERED = "training-delivered"
"""At the coordinator: who has the model, or has heard of the ending."""
