"""`carbonport query | fetch | refresh | verify`: the importer's side."""

import os
import re
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from carbonport.attestation.bundle import MAX_BUNDLE_BYTES
from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import ALLOWED_STALENESS_SECONDS, verify_bundle
from carbonport.attestation.trust_store import Anchors
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json
from carbonport.errors import Misuse
from carbonport.footprint.obligation.published_values import PublishedTable
from carbonport.node.aggregation.result_file_form import MAX_RESULT_FILE_BYTES, is_result_file
from carbonport.node.bounded_file import read_bounded
from carbonport.node.cli.home_options import (
    HomeOption,
    JsonOption,
    PassphraseFileOption,
    print_json,
    shown,
)
from carbonport.node.cli.running import perform_and_print
from carbonport.node.cli.trust import named_list_key
from carbonport.node.config import HOME_VARIABLE, find_home, load_config
from carbonport.node.identity.names import Role
from carbonport.node.identity.private_files import require_private_folder
from carbonport.node.identity.trust_folder import TrustFolder
from carbonport.node.range_processes import RangeProcesses

PERIOD = re.compile(r"(\d{4}-\d{2}-\d{2})/(\d{4}-\d{2}-\d{2})")
"""A reporting period as an ISO 8601 interval of days."""

SECONDS_PER_HOUR = 3600


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command()(query)
    app.command()(fetch)
    app.command()(refresh)
    app.command()(verify)


def query(
    exporter: Annotated[str, typer.Argument(help="The exporter: <jurisdiction>/<LEI> in the trust list.")],
    cn: Annotated[str, typer.Option(help="CN-8 code of the good.")],
    period: Annotated[str, typer.Option(help="Reporting period, YYYY-MM-DD/YYYY-MM-DD.")],
    consignment: Annotated[str, typer.Option(help="Your own name for the consignment.")] = "",
    net_mass_t: Annotated[
        str, typer.Option("--net-mass-t", help="Net mass of the consignment in tonnes.")
    ] = "",
    installation: Annotated[
        str,
        typer.Option(
            help="Which of the exporter's installations made the good, where several do: name, registration code or "
            "UN/LOCODE."
        ),
    ] = "",
    claim_at_most: Annotated[
        PublishedTable | None,
        typer.Option(
            help="Instead of an attestation, ask for a proof that the good's direct emissions are at most the value of "
            "this published table; without consignment and mass. Once for a good and period.",
        ),
    ] = None,
    committed: Annotated[
        bool,
        typer.Option(
            "--committed",
            help="Ask for commitments to the results, which only this node opens: for a precursor whose value its "
            "supplier keeps secret.",
        ),
    ] = False,
    purpose: Annotated[str, typer.Option(help="What the data are for.")] = "cbam-declaration",
    item: Annotated[
        list[str] | None, typer.Option(help="An item beyond the minimal set; repeatable.")
    ] = None,
    request_id: Annotated[str, typer.Option(help="Repeat a query that broke off.")] = "",
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask an exporter to attest a good for a consignment, or to prove a bound. Exit code 3 when it is refused."""
    match = PERIOD.fullmatch(period)
    if match is None:
        raise Misuse(
            "query-period",
            found=repr(period[:40]),
            expected="first and last day, YYYY-MM-DD/YYYY-MM-DD",
            remedy="Give the reporting period of the exporter's statement.",
        )

    def words(result: dict[str, object], console: Console) -> None:
        outcome = result["attestation"] or result["reason"]
        console.print(f"request [bold]{result['request']}[/bold]: {result['state']} {shown(outcome)}")

    arguments: dict[str, Json] = {
        "exporter": exporter,
        "cn": cn,
        "period_start": match[1],
        "period_end": match[2],
        "purpose": purpose,
        "request_id": request_id,
    }
    beyond = bool(installation or item or committed)
    _require_one_question(claim_at_most, consignment, net_mass_t, beyond=beyond)
    if claim_at_most is None:
        operation = "query"
        arguments |= {"consignment": consignment, "net_mass_t": net_mass_t, "items": list(item or [])}
        arguments |= {"committed": committed, "installation": installation}
    else:
        operation = "query-threshold"
        arguments["table"] = str(claim_at_most)
    result = perform_and_print(operation, arguments, words, home, passphrase_file, as_json)
    if result["state"] == "refused":
        sys.exit(3)


def _require_one_question(
    claim_at_most: PublishedTable | None,
    consignment: str,
    net_mass_t: str,
    *,
    beyond: bool,
) -> None:
    """`beyond` says whether something was given that only an attestation has."""
    if claim_at_most is None and not (consignment and net_mass_t):
        raise Misuse(
            "query-consignment",
            found="no consignment, or no net mass",
            expected="--consignment and --net-mass-t, or --claim-at-most with neither",
            remedy="Name the consignment and its mass in tonnes.",
        )
    if claim_at_most is not None and (consignment or net_mass_t or beyond):
        raise Misuse(
            "query-claim",
            found="a consignment, a mass, an installation, an item or commitments beside --claim-at-most",
            expected="a claim about the good alone",
            remedy="Leave --consignment, --net-mass-t, --installation, --item and --committed out.",
        )


def fetch(
    request: Annotated[str, typer.Argument(help="Id of an issued request.")],
    out: Annotated[Path, typer.Option(help="Where the bundle is written.")],
    fetch_id: Annotated[str, typer.Option(help="Repeat a fetch that broke off.")] = "",
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Receive an attestation with its receipt, check it, log it, and write the bundle."""
    arguments = {"request": request, "out": str(out.resolve()), "fetch_id": fetch_id}
    perform_and_print("fetch", arguments, _received, home, passphrase_file, as_json)


def refresh(
    request: Annotated[str, typer.Argument(help="Id of a request that was fetched.")],
    out: Annotated[Path, typer.Option(help="Where the bundle is written.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write a bundle anew with fresh status tokens; a provisional receipt is asked for again. Exit code 1 when the
    attestation or its statement was revoked since.
    """
    arguments = {"request": request, "out": str(out.resolve())}
    result = perform_and_print("refresh", arguments, _received, home, passphrase_file, as_json)
    if result["state"] == "revoked":
        sys.exit(1)


def verify(
    bundle: Annotated[Path, typer.Argument(help="A bundle file, or the result file of an aggregation.")],
    anchor: Annotated[
        list[str] | None,
        typer.Option(help="A list key you pinned yourself, EU=authority.jwk.json; repeatable."),
    ] = None,
    importer: Annotated[str, typer.Option(help="Whose bundle it must be.")] = "",
    consignment: Annotated[str, typer.Option(help="Which consignment it must be about.")] = "",
    allowed_staleness_hours: Annotated[
        int, typer.Option(min=1, help="How old the status tokens may be.")
    ] = ALLOWED_STALENESS_SECONDS // SECONDS_PER_HOUR,
    precursor: Annotated[
        list[Path] | None,
        typer.Option(
            help="A supplier's bundle that the exporter took a precursor's value from, to be held against the proof; "
            "repeatable."
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a bundle or an aggregation's result, offline. With --home (or CARBONPORT_HOME's node) your own anchors
    count, and an importer's node asks that the bundle be its own."""
    data = read_bounded(bundle, max(MAX_BUNDLE_BYTES, MAX_RESULT_FILE_BYTES))
    anchors: Anchors | None = None
    seen, trust = None, None
    asked_importer = importer
    if anchor:
        anchors = dict(named_list_key(text) for text in anchor)
    elif home is not None or HOME_VARIABLE in os.environ:
        # Pinned keys and lists are no secrets: no passphrase is needed to check a bundle.
        path = find_home(home, os.environ)
        require_private_folder(path)
        config, trust = load_config(path), TrustFolder(path, system_clock)
        anchors, seen = trust.anchors(), trust.seen()
        if Role.IMPORTER in config.roles:
            importer = importer or str(config.name)
    if is_result_file(data):
        _refuse_bundle_options(asked_importer, consignment, precursor)
        # What checks sums takes half a second to import, and few bundles are results.
        from carbonport.node.aggregation.result_check import check_result_file
        from carbonport.node.cli.aggregate_report import show_checked

        store = None if trust is None else trust.store()
        show_checked(check_result_file(data, now=system_clock(), anchors=anchors, store=store), as_json)
        return
    suppliers = [(path.name, read_bounded(path, MAX_BUNDLE_BYTES)) for path in precursor or ()]
    console = Console(stderr=True)
    with RangeProcesses() as processes, console.status("verify ...") if not as_json else nullcontext():
        report = verify_bundle(
            data,
            now=system_clock(),
            anchors=anchors,
            importer=importer or None,
            consignment=consignment or None,
            allowed_staleness=allowed_staleness_hours * SECONDS_PER_HOUR,
            seen=seen,
            verify_ranges=processes.verify,
            suppliers=suppliers,
        )
    if as_json:
        print_json(dict(report.as_json()))
    else:
        _print_report(report, Console(highlight=False))
    if not report.ok:
        sys.exit(1)


def _refuse_bundle_options(importer: str, consignment: str, precursor: list[Path] | None) -> None:
    if importer or consignment or precursor:
        raise Misuse(
            "verify-options",
            found="the result of an aggregation, and an importer, a consignment or a precursor that it should be for",
            expected="these options with a bundle only",
            remedy="Leave --importer, --consignment and --precursor away.",
        )


def _received(result: dict[str, object], console: Console) -> None:
    console.print(
        f"attestation {result['attestation']}: {result['state']}; bundle in [bold]{shown(result['bundle'])}[/bold]"
    )
    scored = result.get("plausibility")
    if isinstance(scored, dict) and "flag" in scored:
        asking = "worth a question" if scored["worth_asking"] else "nothing to ask about"
        console.print(f"plausibility: flag {scored['flag']}, {asking}; `carbonport plausible` says why")
    elif isinstance(scored, dict):
        console.print(f"plausibility: no score ({scored['error']})")
    if result["state"] == "provisional":
        console.print("the witnesses' quorum is missing: run `carbonport refresh` later")


def _print_report(report: Report, console: Console) -> None:
    table = Table("", "check", "found", "expected", show_lines=False)
    for check in report.checks:
        mark = "[green]ok[/green]" if check.ok else "[bold red]NO[/bold red]"
        table.add_row(mark, check.id, shown(check.found), shown(check.expected) if not check.ok else "")
    console.print(table)
    console.print(
        "[bold green]every check holds[/bold green]" if report.ok else "[bold red]not valid[/bold red]"
    )
