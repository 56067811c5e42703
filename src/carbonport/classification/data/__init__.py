"""Packaged data of this room: the default grading table, the egress policy and its schema."""
