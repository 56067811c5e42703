"""What may leave, in which form, to whom."""
