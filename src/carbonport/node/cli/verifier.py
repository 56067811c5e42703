"""`carbonport verify-data | sign | reissue | withdraw`: the verifier's bench."""

import sys
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from carbonport.attestation.materiality import DEFAULT_PROFILE, PROFILES
from carbonport.attestation.statement import MISSTATED, OPINIONS
from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption, shown
from carbonport.node.cli.running import perform_and_print

StoreOption = Annotated[
    str, typer.Option(help="The exporter's store: folder, file or database URL; read only.")
]
OpeningsOption = Annotated[Path, typer.Option(help="The openings that the exporter sealed to you.")]
ReportOption = Annotated[
    Path | None,
    typer.Option(
        help="The operator's own results to hold against yours: its filled communication template (.xlsx), or a "
        "table with the columns process, cn, result, value (.csv)."
    ),
]
ProfileOption = Annotated[str, typer.Option(help="Rules of materiality: " + ", ".join(PROFILES) + ".")]


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command("verify-data")(verify_data)
    app.command()(sign)
    app.command()(reissue)
    app.command()(withdraw)


def verify_data(
    store: StoreOption,
    openings: OpeningsOption,
    report: ReportOption = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute an exporter's figures on site and list every deviation and every difference from the operator's own
    results; exit code 1 for a deviation, and for a difference that is material or sends the report back."""
    arguments = {"store": _place(store), "openings": str(openings.resolve()), **_compared(report, profile)}
    result = perform_and_print("verify-data", arguments, _examined, home, passphrase_file, as_json)
    materiality = result["materiality"]
    assert isinstance(materiality, dict)
    if result["deviations"] or materiality["outcome"] in MISSTATED:
        sys.exit(1)


def sign(
    store: StoreOption,
    openings: OpeningsOption,
    out: Annotated[Path, typer.Option(help="Where the signed statement is written, for the exporter.")],
    opinion: Annotated[
        str, typer.Option(help="Your opinion: " + ", ".join(sorted(OPINIONS)) + ".")
    ] = "satisfactory",
    comment: Annotated[list[str] | None, typer.Option(help="A comment in the statement; repeatable.")] = None,
    report: ReportOption = None,
    profile: ProfileOption = DEFAULT_PROFILE,
    lot_witness: Annotated[
        list[str] | None,
        typer.Option(help="Who cosigns the lots, repeatable; by default the witnesses of the trust lists."),
    ] = None,
    lot_quorum: Annotated[
        int | None,
        typer.Option(min=1, max=32, help="How many of them must; by default as few as the rule allows."),
    ] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Recompute, sign the verification statement, and log its digest at once. Refuses on any deviation."""
    if opinion not in OPINIONS:
        raise Misuse(
            "sign-opinion",
            found=repr(opinion[:40]),
            expected=" or ".join(sorted(OPINIONS)),
            remedy="Choose one of these.",
        )

    def words(result: dict[str, object], console: Console) -> None:
        _examined(result, console)
        _handed_over(result, console)
        _lots(result, console)
        console.print("Delete the openings file now.")

    arguments = {
        "store": _place(store),
        "openings": str(openings.resolve()),
        "out": str(out.resolve()),
        "opinion": opinion,
        "comments": list(comment or []),
        **_compared(report, profile),
        "lot_witnesses": list(lot_witness or []),
        "lot_quorum": str(lot_quorum or ""),
    }
    perform_and_print("sign", arguments, words, home, passphrase_file, as_json)


def reissue(
    statement: Annotated[str, typer.Argument(help="Digest of a statement you signed.")],
    out: Annotated[Path, typer.Option(help="Where the signed statement is written, for the exporter.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a signed statement's file again: when the witnesses were missing before, or the file was lost."""
    arguments = {"statement": statement, "out": str(out.resolve())}
    perform_and_print("reissue", arguments, _handed_over, home, passphrase_file, as_json)


def withdraw(
    statement: Annotated[str, typer.Argument(help="Digest of a statement you signed.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a statement: attestations that rest on it fail from the next status token on."""

    def words(result: dict[str, object], console: Console) -> None:
        console.print(f"statement {result['statement']} is withdrawn")

    arguments = {"statement": statement, "reason": reason}
    perform_and_print("withdraw", arguments, words, home, passphrase_file, as_json)


def _place(store: str) -> str:
    """A path is made absolute: the serving process may stand elsewhere."""
    return store if "://" in store else str(Path(store).resolve())


def _compared(report: Path | None, profile: str) -> dict[str, Json]:
    """What the recalculation is compared with, and by which rules."""
    return {"report": str(report.resolve()) if report is not None else "", "profile": profile}


def _handed_over(result: dict[str, object], console: Console) -> None:
    console.print(f"signed: statement {result['statement']}, {result['opinion']}")
    console.print(f"for the exporter: [bold]{shown(result['out'])}[/bold]")
    if result["provisional"]:
        console.print(
            "the witnesses' quorum is missing: run `carbonport reissue` later; until then it is not accepted"
        )


def _lots(result: dict[str, object], console: Console) -> None:
    lots = result["lots"]
    assert isinstance(lots, list)
    for lot in lots:
        quorum = f"{lot['quorum']} of {len(lot['witnesses'])} witnesses"
        console.print(
            f"lot of {shown(lot['process'])}: {quorum if lot['quorum'] else '[red]no witness[/red]'}"
        )


def _examined(result: dict[str, object], console: Console) -> None:
    console.print(
        f"[bold]{shown(result['installation'])}[/bold] of {shown(result['exporter'])}, {result['period']}, "
        f"{result['scope']} scope, version {result['version']}: {result['commitments']} commitments recomputed"
    )
    deviations = result["deviations"]
    assert isinstance(deviations, list)
    for item in deviations:
        console.print(
            f"  [red]{shown(item['where'])}[/red]: {shown(item['found'])}; expected {shown(item['expected'])}"
        )
    console.print("no deviation" if not deviations else f"{len(deviations)} deviations")
    _differences(result, console)


def _cells(places: list[str]) -> str:
    """Places in a line, the document that they share named once."""
    document = places[0].rpartition(" ")[0] if places else ""
    if not document or not all(place.startswith(f"{document} ") for place in places):
        return ", ".join(places)
    return f"{document}: " + ", ".join(place.removeprefix(f"{document} ") for place in places)


def _differences(result: dict[str, Any], console: Console) -> None:
    for item in result["differences"]:
        colour = "red" if item["beyond"] else "yellow"
        console.print(
            f"  [{colour}]{shown(item['where'])} {item['result']}[/{colour}]: {item['reported']} by the operator "
            f"({shown(item['place'])}), {item['recomputed']} {item['unit']} recomputed, {item['percent']} %"
        )
        console.print(f"    from {shown(_cells(item['cells']))}", style="dim")
    found = result["materiality"]
    against = "the operator's report" if found["basis"] == "operator-report" else "the documents' own values"
    console.print(
        f"against {against}: {len(result['differences'])} differences, per good up to {found['largest_percent']} %, "
        f"threshold {found['threshold_percent']} % (profile {found['profile']}): [bold]{found['outcome']}[/bold]"
    )
