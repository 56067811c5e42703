"""How nodes talk: gRPC over mutual TLS whose trust is the trust list and nothing else.

Promises that no handler sees a call before the caller's certificate, pin, role and deadline and the
message's size and fields were checked, and that an error tells a peer its id and remedy, never what was
found. Knows no message's meaning.
"""
