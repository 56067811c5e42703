"""The command line: one program, `carbonport`; each module of this folder is one group of commands.

Public contract: stable names, `--json` everywhere, exit codes 0 ok, 1 check failed or unreadable input, 2 usage,
3 refused by policy, 4 unreachable. A user never sees a traceback: every error is one of `carbonport.errors`.
"""

import sys

INTERRUPTED_EXIT_CODE = 130
"""What a shell reports of a program that Ctrl-C ended."""


def main() -> None:
    """Entry point of `carbonport`."""
    try:
        # Here, for typer and rich take a quarter of a second to import, in which Ctrl-C is no traceback either.
        from carbonport.node.cli import program
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED_EXIT_CODE)
    program.main()


__all__ = ["INTERRUPTED_EXIT_CODE", "main"]
