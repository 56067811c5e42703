"""Packaged tables: facts compiled from legal acts, each file with its title, version and source in the
header.

Every table can be replaced by a file of the user's in the same form; a result names the versions it used.
"""
