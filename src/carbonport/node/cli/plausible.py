"""`carbonport plausible`: whether a claim fits what plants of its kind emit."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console

from carbonport.attestation.bundle import MAX_BUNDLE_BYTES
from carbonport.attestation.checks import verified_attestation
from carbonport.crypto.ambient import system_clock
from carbonport.errors import Malformed
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake import read_ledger
from carbonport.node.bounded_file import read_bounded
from carbonport.node.cli.home_options import HomeOption, JsonOption, open_from, print_json, shown
from carbonport.node.training_extra import require_extra

MAX_KEY_BYTES = 8192
"""Longest file with a public key."""


def register(app: typer.Typer) -> None:
    """Attach the command of this module to the program."""
    app.command()(plausible)


def plausible(
    bundle: Annotated[Path, typer.Argument(help="A bundle; it must pass every check.")],
    model: Annotated[
        Path | None,
        typer.Option(help="A plausibility model; default: plausibility.model in the home folder."),
    ] = None,
    model_key: Annotated[
        Path | None,
        typer.Option(help="The public key (JWK) of the model's signer, when there is no home folder."),
    ] = None,
    route: Annotated[str, typer.Option(help="Production route, when the attestation names none.")] = "",
    ledger: Annotated[
        Path | None, typer.Option(help="The ledger behind it, if you have it: adds the recalculation.")
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Score a claim: an interval, a flag, and what moved it. It proves nothing and blocks nothing."""
    require_extra()
    from carbonport.node.plausibility.claim_assessment import assessment, attested_claim
    from carbonport.node.plausibility.model_files import model_path, read_listed_model, read_model_with_key

    opened = None if model_key is not None and home is None else open_from(home)
    now = system_clock()
    path = model_path(None if opened is None else opened.path, model)
    if model_key is not None:
        believed = read_model_with_key(path, _public_key(model_key))
    else:
        assert opened is not None, "opened without a key"
        believed = read_listed_model(path, opened.trust.store(), own=str(opened.name), now=now)
    attestation = verified_attestation(
        read_bounded(bundle, MAX_BUNDLE_BYTES),
        now=now,
        anchors=None if opened is None else opened.trust.anchors(),
        seen=None if opened is None else opened.trust.seen(),
    )
    claim = attested_claim(
        attestation.items,
        route=route,
        ledger=None if ledger is None else read_ledger(ledger, Catalogue.load()),
        process=attestation.header.process,
    )
    result = assessment(claim, believed)
    if as_json:
        print_json({"ok": True, **result})
    else:
        print_assessment(dict(result), Console(highlight=False))


def print_assessment(result: dict[str, Any], console: Console) -> None:
    """Say an assessment to a person."""
    console.print(f"claim {result['claim']} tCO2e/t, route {shown(result['route'])}")
    if not result["expectations"]:
        console.print("the model has no opinion on this route")
        return
    for one in result["expectations"]:
        console.print(
            f"[bold]{one['model']}[/bold]: {one['predicted']} expected, nine in ten lie in "
            f"{one['low']} ... {one['high']}; score {one['score']}"
        )
        for reason in one["reasons"]:
            console.print(f"  {shown(reason)}")
    asking = (
        "[bold yellow]worth a question[/bold yellow]" if result["worth_asking"] else "nothing to ask about"
    )
    console.print(f"flag {result['flag']}: {asking}. A flag proves nothing.")
    trained = result["model"]
    console.print(
        f"model {trained['number']} of {shown(trained['issuer'])}, {trained['participants']} participants"
    )


def _public_key(path: Path) -> dict[str, Any]:
    try:
        key = json.loads(read_bounded(path, MAX_KEY_BYTES))
    except ValueError:
        key = None
    if not isinstance(key, dict):
        raise Malformed(
            "model-key-file",
            found="no JSON object",
            expected="a public key as a JWK",
            remedy="Ask the model's signer for its public key.",
            where=str(path),
        )
    return key
