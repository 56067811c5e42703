"""The program as one command, for tests that run or read it in their own process."""

import functools

import click
import typer.main

from carbonport.node.cli.program import GROUPS, app, register_groups


@functools.cache
def whole_program() -> click.Command:
    """Every command, put together once: it takes a tenth of a second, which typer's own runner spends at each call."""
    # A test that ran one command in this process has registered its group alone.
    if len(typer.main.get_group(app).commands) < len(GROUPS):
        register_groups()
    return typer.main.get_command(app)
