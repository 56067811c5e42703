"""The processes that carry trainings, as a node starts and watches them, and who is enrolled with a coordinator."""
