"""`carbonport trust`: pin anchors, add lists, show what is believed; as a regulator, issue the next list."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from carbonport.attestation.participants import ULTIMATE_PARENT, read_public_jwk
from carbonport.attestation.trust_list import MAX_TRUST_LIST_BYTES, TrustList, WitnessRule
from carbonport.crypto.canonical import parse_json
from carbonport.crypto.jws import thumbprint
from carbonport.errors import CarbonportError, Malformed, Misuse
from carbonport.node.cli.home_options import (
    HomeOption,
    JsonOption,
    PassphraseFileOption,
    open_from,
    print_json,
    read_input,
    shown,
)
from carbonport.node.home import NodeHome
from carbonport.node.identity.card import MAX_CARD_BYTES, make_card, read_card
from carbonport.node.identity.key_ring import KeyUse
from carbonport.node.identity.names import JURISDICTION_PATTERN
from carbonport.node.identity.private_files import write_public
from carbonport.node.identity.trust_issue import (
    MAX_ACCREDITATION_BYTES,
    Decisions,
    issue_next,
    read_accreditations,
)

MAX_LIST_KEY_BYTES = 4096
"""Longest file with a list key (a public JWK) read."""

Jwk = dict[str, str]

trust_app = typer.Typer(no_args_is_help=True, help="Trust lists: pin, add, list, and issue as a regulator.")


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.add_typer(trust_app, name="trust")


@trust_app.command("anchor")
def anchor(
    jurisdiction: Annotated[str, typer.Option(help="Jurisdiction whose list key is meant.")] = "",
    key: Annotated[Path | None, typer.Option(help="The regulator's list key (a public JWK), to pin.")] = None,
    kid: Annotated[
        str, typer.Option(help="The key's fingerprint, learned by another way than the file.")
    ] = "",
    export: Annotated[
        Path | None, typer.Option(help="As a regulator: write this node's own list key to this file.")
    ] = None,
    remove: Annotated[bool, typer.Option("--remove", help="Forget the pinned key --kid.")] = False,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Pin a regulator's list-signing key by its fingerprint, forget one, or export one's own."""
    opened = open_from(home, passphrase_file)
    if sum((key is not None, export is not None, remove)) != 1 or (export is None) != bool(jurisdiction):
        raise Misuse(
            "trust-anchor-usage",
            found="another combination of options",
            expected="--jurisdiction with --key and --kid, or with --remove and --kid; or --export alone",
            remedy="`carbonport trust anchor --help` explains each.",
        )
    if export is not None:
        own = opened.identity.record(KeyUse.TRUST_LIST)
        write_public(export, (json.dumps({**own.jwk, "kid": own.kid}, indent=1) + "\n").encode())
        _say(as_json, {"ok": True, "key": str(export), "kid": own.kid}, f"fingerprint {own.kid}")
    elif key is not None:
        opened.trust.pin(_jurisdiction(jurisdiction), _read_list_key(key), fingerprint=kid)
        _say(
            as_json,
            {"ok": True, "jurisdiction": jurisdiction, "kid": kid},
            f"pinned {kid} for {jurisdiction}",
        )
    else:
        opened.trust.unpin(jurisdiction, kid)
        _say(as_json, {"ok": True, "removed": kid}, f"forgot {kid}")


@trust_app.command("add")
def add(
    lists: Annotated[list[Path], typer.Argument(help="Trust lists (.jws), older ones first.")],
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check trust lists against the pinned anchors and keep them; a running node follows."""
    opened = open_from(home, passphrase_file)
    tokens = [_read_list(path) for path in lists]
    added = opened.trust.add(tokens)
    rows = [_list_json(item) for item in added]
    words = "\n".join(f"{row['jurisdiction']}: list {row['seq']}, next {row['next_update']}" for row in rows)
    _say(as_json, {"ok": True, "lists": rows}, words)


@trust_app.command("list")
def show(
    home: HomeOption = None, passphrase_file: PassphraseFileOption = None, as_json: JsonOption = False
) -> None:
    """The pinned anchors, the lists in force and the participants they name."""
    opened = open_from(home, passphrase_file)
    now, store = opened.identity.clock(), opened.trust.store()
    lists = []
    for name, seen in sorted(opened.trust.seen().items()):
        try:
            lists.append({**_list_json(store.current(name, now=now)), "state": "current"})
        except CarbonportError as problem:
            lists.append({"jurisdiction": name, "seq": seen.seq, "state": problem.id, "participants": []})
    result = {
        "ok": True,
        "anchors": {name: [thumbprint(jwk) for jwk in keys] for name, keys in opened.trust.anchors().items()},
        "lists": lists,
    }
    if as_json:
        print_json(result)
        return
    table = Table("list", "participant", "name", "roles", "endpoint")
    for row in lists:
        table.add_row(f"{row['jurisdiction']} {row['seq']}", str(row["state"]), "", "", "")
        for item in _rows(row["participants"]):
            table.add_row("", *(shown(item[column]) for column in ("id", "name", "roles", "endpoint")))
    console = Console(highlight=False)
    for name, keys in opened.trust.anchors().items():
        for jwk in keys:
            console.print(f"anchor {name} {thumbprint(jwk)}", markup=False)
    console.print(table)


@trust_app.command("issue")
def issue(
    output: Annotated[Path, typer.Option("--out", help="File for the new list (.jws), to publish.")],
    participant: Annotated[list[Path] | None, typer.Option(help="Card to list or update.")] = None,
    remove: Annotated[list[str] | None, typer.Option(help="Participant to drop.")] = None,
    accreditation: Annotated[
        Path | None, typer.Option(help="JSON file: verifiers' accreditations by participant id.")
    ] = None,
    recognise: Annotated[
        list[str] | None,
        typer.Option(help="Jurisdiction to recognise and the file of its list key: EU=authority.jwk.json."),
    ] = None,
    withdraw: Annotated[list[str] | None, typer.Option(help="Jurisdiction no longer recognised.")] = None,
    revoke_key: Annotated[
        list[str] | None, typer.Option(help="Key id that counts no more from now on.")
    ] = None,
    ultimate_parent: Annotated[
        list[str] | None,
        typer.Option(help="Head of a participant's group of undertakings: CN/LEI=LEI; CN/LEI= for none."),
    ] = None,
    witness: Annotated[list[str] | None, typer.Option(help="Participant whose cosignatures count.")] = None,
    quorum: Annotated[
        int | None, typer.Option(min=0, help="Cosignatures a log of this jurisdiction needs.")
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=366, help="Days until the next list is due.")] = 30,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """As a regulator: sign the jurisdiction's next trust list; what is not given stays as it was."""
    opened = open_from(home, passphrase_file)
    now = opened.identity.clock()
    opened.identity.record(KeyUse.TRUST_LIST)
    own = read_card(make_card(opened.identity, opened.config).encode(), now=now)
    cards = [read_card(read_input(path, max_bytes=MAX_CARD_BYTES), now=now) for path in participant or ()]
    recognised: dict[str, Sequence[Jwk]] = dict(named_list_key(text) for text in recognise or ())
    recognised |= dict.fromkeys(withdraw or (), ())
    decisions = Decisions(
        cards=[own, *cards],
        removed=remove or (),
        accreditations=(
            read_accreditations(read_input(accreditation, max_bytes=MAX_ACCREDITATION_BYTES))
            if accreditation is not None
            else {}
        ),
        recognised=recognised,
        revoked_keys=revoke_key or (),
        ultimate_parents=dict(_ultimate_parent(text) for text in ultimate_parent or ()),
        witness_rule=_witness_rule(opened, witness, quorum),
        valid_days=days,
    )
    token = issue_next(opened.identity, decisions)
    write_public(output, (token + "\n").encode())
    (issued,) = opened.trust.add([token])
    row = _list_json(issued)
    _say(
        as_json,
        {"ok": True, "list": str(output), **row},
        f"{row['jurisdiction']}: list {row['seq']} with {len(issued.participants)} participants in {output}",
    )


def _ultimate_parent(text: str) -> tuple[str, str]:
    name, equals, parent = text.partition("=")
    if not equals or (parent and not ULTIMATE_PARENT.fullmatch(parent)):
        raise Misuse(
            "trust-ultimate-parent",
            found=repr(text[:80]),
            expected="CN/LEI=LEI of the group's head, or CN/LEI= for a participant that is in no group",
            remedy="Look up the ultimate parent in the GLEIF register.",
        )
    return name, parent


def _witness_rule(opened: NodeHome, witnesses: list[str] | None, quorum: int | None) -> WitnessRule | None:
    if witnesses is None and quorum is None:
        return None
    names = tuple(witnesses or ())
    if not names and quorum:
        current = opened.trust.store().current(opened.name.jurisdiction, now=opened.identity.clock())
        names = current.witness_rule.witnesses
    return WitnessRule(quorum=len(names) if quorum is None else quorum, witnesses=names)


def _read_list(path: Path) -> str:
    return read_input(path, max_bytes=MAX_TRUST_LIST_BYTES).decode("ascii", "replace").strip()


def _read_list_key(path: Path) -> Jwk:
    value = parse_json(read_input(path, max_bytes=MAX_LIST_KEY_BYTES), max_bytes=MAX_LIST_KEY_BYTES)
    jwk = read_public_jwk(value)
    return {member: str(jwk[member]) for member in ("crv", "kty", "x", "y") if member in jwk}


def named_list_key(text: str) -> tuple[str, Sequence[Jwk]]:
    name, separator, path = text.partition("=")
    if not separator or not path:
        raise Misuse(
            "trust-recognise",
            found=repr(text[:80]),
            expected="<jurisdiction>=<file with its list key>, such as EU=authority.jwk.json",
            remedy="Correct the option --recognise.",
        )
    return _jurisdiction(name), [_read_list_key(Path(path))]


def _jurisdiction(text: str) -> str:
    if not JURISDICTION_PATTERN.fullmatch(text):
        raise Malformed(
            "identity-jurisdiction",
            found=repr(text[:20]),
            expected="two capital letters, such as CN or EU",
            remedy="Give the jurisdiction whose list key is meant.",
        )
    return text


def _list_json(item: TrustList) -> dict[str, object]:
    return {
        "jurisdiction": item.jurisdiction,
        "seq": item.seq,
        "issued": _time(item.issued_at),
        "next_update": _time(item.next_update),
        "recognised": sorted(item.recognised),
        "witness_quorum": item.witness_rule.quorum,
        "witnesses": list(item.witness_rule.witnesses),
        "participants": [
            {
                "id": entry.id,
                "name": entry.name,
                "roles": " ".join(sorted(entry.roles)),
                "undertaking": entry.undertaking,
                "endpoint": "" if entry.node is None else entry.node.endpoint,
                "keys": len(entry.keys),
            }
            for entry in item.participants
        ],
    }


def _rows(value: object) -> list[dict[str, str]]:
    return list(value) if isinstance(value, list) else []


def _say(as_json: bool, value: dict[str, object], words: str) -> None:
    if as_json:
        print_json(value)
    elif words:
        Console(highlight=False).print(words, markup=False)


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
