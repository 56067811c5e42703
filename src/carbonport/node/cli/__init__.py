"""The command line: one program, `carbonport`; each module of this folder is one group of commands.

Public contract: stable names, `--json` everywhere, exit codes 0 ok, 1 check failed or unreadable input, 2 usage,
3 refused by policy, 4 unreachable. A user never sees a traceback: every error is one of `carbonport.errors`.
"""

from carbonport.node.cli.program import main

__all__ = ["main"]
