"""`carbonport declaration`: verified attestations as the declaration's Annex IV set."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from carbonport.attestation.bundle import MAX_BUNDLE_BYTES
from carbonport.attestation.checks import verified_attestation
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import canonical_bytes
from carbonport.errors import Misuse
from carbonport.footprint.obligation.declaration import (
    DeclarationEntry,
    declaration_csv,
    declaration_entry,
    declaration_json,
)
from carbonport.footprint.obligation.obligation_tables import ObligationTables
from carbonport.node.bounded_file import read_bounded
from carbonport.node.cli.home_options import HomeOption, JsonOption, open_from, print_json, shown
from carbonport.node.home import NodeHome
from carbonport.node.identity.private_files import write_private


def register(app: typer.Typer) -> None:
    """Attach the command of this module to the program."""
    app.command()(declaration)


def declaration(
    bundles: Annotated[list[Path], typer.Argument(help="Bundle files; each must pass every check.")],
    out: Annotated[Path, typer.Option(help="Where the set goes: .csv or .json.")],
    year: Annotated[int, typer.Option(help="Year of import; default: this year.")] = 0,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put verified attestations into the declaration's data set (Implementing Regulation (EU) 2025/2547, Annex IV)."""
    if out.suffix not in (".csv", ".json"):
        raise Misuse(
            "declaration-out",
            found=f"a file name that ends in {out.suffix or 'nothing'}",
            expected=".csv or .json",
            remedy="Name the output so that its kind can be told.",
        )
    opened = None if home is None else open_from(home)
    entries = [_entry(path, opened) for path in bundles]
    year = year or datetime.fromtimestamp(system_clock(), UTC).year
    if out.suffix == ".csv":
        content = declaration_csv(entries).encode()
    else:
        versions = ObligationTables.load().versions
        content = canonical_bytes(declaration_json(entries, year=year, versions=versions)) + b"\n"
    write_private(out, content)
    missing = sorted({column for entry in entries for column in entry.not_received})
    if as_json:
        print_json({"ok": True, "entries": len(entries), "out": str(out), "not_received": missing})
        return
    console = Console(highlight=False)
    console.print(f"{len(entries)} entries in [bold]{shown(out)}[/bold]")
    if missing:
        console.print(f"not received, to be had from the registry: {shown(', '.join(missing))}")


def _entry(path: Path, opened: NodeHome | None) -> DeclarationEntry:
    data = read_bounded(path, MAX_BUNDLE_BYTES)
    attestation = verified_attestation(
        data,
        now=system_clock(),
        anchors=None if opened is None else opened.trust.anchors(),
        importer=None if opened is None else str(opened.name),
        seen=None if opened is None else opened.trust.seen(),
    )
    header = attestation.header
    return declaration_entry(
        attestation.items, attestation=header.id, statement=header.statement.digest, issuer=header.issuer
    )
