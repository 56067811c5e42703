"""Who a node is: its name, its keys and what others may know of them.

Promises that private keys lie in files only their owner reads, that retired public keys stay known, and
that no private part shows in a representation, a log line or an error. Does not promise anything against
who can read the memory of the running process or is root on its machine.
"""
