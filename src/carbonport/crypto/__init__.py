"""Cryptography that knows no carbon."""
