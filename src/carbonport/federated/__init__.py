"""Data stay, models travel."""
