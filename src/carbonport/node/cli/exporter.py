"""`carbonport intake | commit | statement | requests | approve | refuse | revoke`: the exporter's desk."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from carbonport.attestation.sealed_form import Sealing
from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.node.cli.home_options import HomeOption, JsonOption, PassphraseFileOption, shown
from carbonport.node.cli.running import perform_and_print

ByOption = Annotated[str, typer.Option("--by", help="Who decides: name or office, for the record.")]

statement_app = typer.Typer(
    no_args_is_help=True, help="Verification statements: add the signed one, list all."
)


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command()(intake)
    app.command()(commit)
    app.add_typer(statement_app, name="statement")
    app.command()(requests)
    app.command()(approve)
    app.command()(refuse)
    app.command()(revoke)


def intake(
    workbook: Annotated[Path, typer.Argument(help="Communication template (.xlsx) or YAML ledger.")],
    scope: Annotated[
        str, typer.Option(help="transitional or definitive; by default the period decides.")
    ] = "",
    catalogue: Annotated[
        Path | None, typer.Option(help="A catalogue of one's own (units, decimals).")
    ] = None,
    operator: Annotated[
        str, typer.Option(help="The operator as the registry knows it; a workbook has no cell for it.")
    ] = "",
    precursor: Annotated[
        list[str] | None,
        typer.Option(
            help="ID=BUNDLE: another exporter's attestation gives the precursor ID its values; repeatable, one per "
            "consignment."
        ),
    ] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take plant data into the node's ledger; says what declaring them at their decimals changes."""
    arguments = {
        "path": str(workbook.resolve()),
        "scope": scope,
        "catalogue": "" if catalogue is None else str(catalogue.resolve()),
        "operator": operator,
        "precursors": [_precursor_bundle(text) for text in precursor or []],
    }

    def words(result: dict[str, Any], console: Console) -> None:
        period = result["period"]
        console.print(
            f"[bold]{shown(result['installation'])}[/bold], {period['start']} to {period['end']}, "
            f"{result['scope']} scope: version {result['version']}, {result['records']} figures, "
            f"ledger {result['ledger']}"
        )
        for good in result["goods"]:
            console.print(
                f"  {shown(good['process'])}, CN {good['cn']}: SEE direct {good.get('see_direct', '-')}"
            )
            console.print(
                f"    declared less source: {good.get('see_direct_declared_difference', '-')} tCO2e/t"
            )
        for item in result["attested_precursors"]:
            console.print(
                f"  precursor {shown(item['precursor'])}: SEE direct {item['see_direct']}, attested for "
                f"{item['period']} by {', '.join(item['attestations'])}"
            )
        for notice in result["notices"]:
            console.print(f"  · {shown(notice['where'])}: {shown(notice['text'])}")

    perform_and_print("intake", arguments, words, home, passphrase_file, as_json)


def _precursor_bundle(text: str) -> list[Json]:
    """`ID=BUNDLE` as id and absolute path."""
    precursor, sign, bundle = text.partition("=")
    if not (precursor and sign and bundle):
        raise Misuse(
            "precursor-option",
            found=f"--precursor {text[:60]!r}",
            expected="the precursor's id and a bundle file, as in --precursor pig-iron=bundle.json",
            remedy="Ids are in the ledger file; of a workbook, `calculate --export ledger.json` shows them.",
        )
    return [precursor, str(Path(bundle).resolve())]


def commit(
    verifier: Annotated[str, typer.Option(help="The verifier: <jurisdiction>/<LEI> in the trust list.")],
    out: Annotated[Path, typer.Option(help="Where the sealed openings are written.")],
    ledger: Annotated[
        str, typer.Option(help="Id of the ledger, as `intake` tells it; by default the one taken in last.")
    ] = "",
    sealing: Annotated[
        Sealing,
        typer.Option(
            help="What a sealed proof shows nothing below: the emissions attributed to a process, those of each source "
            "stream, or each stream's effective factor beside its amount."
        ),
    ] = Sealing.ATTRIBUTED,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Draw up a statement version over a ledger, and seal its openings to the verifier."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(
            f"version {result['version']}: {result['commitments']} commitments; openings, readable by the "
            f"verifier alone, in [bold]{shown(result['openings'])}[/bold]"
        )

    arguments = {
        "verifier": verifier,
        "out": str(out.resolve()),
        "ledger": ledger,
        "sealing": sealing.value,
    }
    perform_and_print("commit", arguments, words, home, passphrase_file, as_json)


@statement_app.command("add")
def statement_add(
    file: Annotated[Path, typer.Argument(help="The file that the verifier handed over.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a signed statement against its draft; attestations rest on it from now."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(
            f"statement {result['statement']}, version {result['version']}, of {shown(result['verifier'])}: "
            f"{result['opinion']}, {result['commitments']} commitments"
        )

    perform_and_print("statement-add", {"path": str(file.resolve())}, words, home, passphrase_file, as_json)


@statement_app.command("list")
def statement_list(
    home: HomeOption = None, passphrase_file: PassphraseFileOption = None, as_json: JsonOption = False
) -> None:
    """Show every statement version of this node."""

    def words(result: dict[str, Any], console: Console) -> None:
        table = Table("version", "state", "verifier", "statement")
        for item in result["statements"]:
            table.add_row(str(item["version"]), item["state"], shown(item["verifier"]), item["statement"])
        console.print(table)

    perform_and_print("statement-list", {}, words, home, passphrase_file, as_json)


def requests(
    every: Annotated[bool, typer.Option("--all", help="Also those that were answered.")] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the inbox: what importers ask for, and the trainings that coordinators plan."""

    def words(result: dict[str, Any], console: Console) -> None:
        table = Table(
            "request", "state", "importer", "CN", "consignment or bound", "t", "attestation or reason"
        )
        for item in result["requests"]:
            table.add_row(
                item["request"],
                item["state"] + _lapsed(item["approval"]),
                shown(item["importer"]),
                item["cn"] + (f" of {shown(item['installation'])}" if item["installation"] else ""),
                f"at most {item['threshold']}" if item["threshold"] else shown(item["consignment"]),
                item["net_mass_t"],
                item["attestation"] or item["reason"],
            )
        console.print(table)
        for training in result["trainings"]:
            console.print(
                f"training [bold]{training['request']}[/bold] of {shown(training['coordinator'])}, "
                f"{training['state']}: {shown(training['task'])}, {shown(training['purpose'])}"
            )
            noise = f"epsilon {training['epsilon']}" if training["epsilon"] != "0" else "no noise"
            console.print(
                f"  reads {shown(', '.join(training['reads']))}; {len(training['members'])} members, sums of "
                f"{training['minimum_cohort']} or more, {training['threshold']} of {len(training['holders'])} holders "
                f"could read; {noise}"
            )

    perform_and_print("requests", {"all": every}, words, home, passphrase_file, as_json)


def _lapsed(approval: dict[str, Any] | None) -> str:
    return "" if approval is None or approval["holds"] else ", approval lapsed"


def approve(
    request: Annotated[
        str,
        typer.Argument(help="Id of a request that is pending or whose approval lapsed, or of a training."),
    ],
    by: ByOption,
    days: Annotated[
        int | None,
        typer.Option(min=1, max=366, help="Days until it expires; default from the configuration."),
    ] = None,
    uses: Annotated[
        int | None,
        typer.Option(min=1, max=1_000_000, help="Fetches it allows; default from the configuration."),
    ] = None,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Approve a request (again, when its approval lapsed), or a training's plan with all its exchanges: a counted,
    expiring record."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(
            f"approval {result['approval']}, {result['uses']} uses; request {result['request']} "
            f"is {result['state']} {result['attestation'] or result['reason']}"
        )

    arguments = {"request": request, "by": by, "days": str(days or ""), "uses": str(uses or "")}
    perform_and_print("approve", arguments, words, home, passphrase_file, as_json)


def refuse(
    request: Annotated[str, typer.Argument(help="Id of a pending request, or of a training.")],
    by: ByOption,
    reason: Annotated[str, typer.Option(help="Why, for the record; the importer does not see it.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse a pending request or a training."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(f"request {result['request']} is {result['state']}")

    arguments = {"request": request, "by": by, "reason": reason}
    perform_and_print("refuse", arguments, words, home, passphrase_file, as_json)


def revoke(
    attestation: Annotated[str, typer.Argument(help="Id of an attestation of this node.")],
    reason: Annotated[str, typer.Option(help="Why, for the record.")],
    superseded_by: Annotated[str, typer.Option(help="Id of the attestation that takes its place.")] = "",
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw an attestation: `verify` reports it as revoked from the next status token on."""

    def words(result: dict[str, Any], console: Console) -> None:
        console.print(f"attestation {result['attestation']} is revoked")

    arguments = {"attestation": attestation, "reason": reason, "superseded_by": superseded_by}
    perform_and_print("revoke", arguments, words, home, passphrase_file, as_json)
