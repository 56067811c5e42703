"""`carbonport init`, `card` and `key`: a node's home folder, its public card and its keys."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from carbonport.crypto.ambient import system_clock
from carbonport.errors import Malformed, Misuse
from carbonport.node.cli.home_options import (
    HomeOption,
    JsonOption,
    PassphraseFileOption,
    ask_passphrase,
    open_from,
    print_json,
)
from carbonport.node.config import (
    ExchangeSettings,
    LogSettings,
    NodeConfig,
    NodeSettings,
    StoreSettings,
    find_home,
)
from carbonport.node.home import make_home
from carbonport.node.identity.card import make_card
from carbonport.node.identity.key_ring import KeyRecord, KeyUse
from carbonport.node.identity.names import ParticipantName, Role
from carbonport.node.identity.node_identity import CERTIFICATE_NAME
from carbonport.node.identity.passphrase import Passphrase, find_passphrase
from carbonport.node.identity.private_files import write_public

key_app = typer.Typer(no_args_is_help=True, help="The node's keys: list and rotate.")


def register(app: typer.Typer) -> None:
    """Attach the commands of this module to the program."""
    app.command("init")(init)
    app.command("card")(card)
    app.add_typer(key_app, name="key")


def init(
    role: Annotated[list[Role], typer.Option(help="What the node does; may be given several times.")],
    jurisdiction: Annotated[str, typer.Option(help="CN, EU, ...: whose trust list names the node.")],
    lei: Annotated[str, typer.Option(help="Legal entity identifier, twenty characters.")],
    name: Annotated[str, typer.Option(help="The participant's name.")],
    country: Annotated[str, typer.Option(help="Country of establishment, ISO 3166.")],
    endpoint: Annotated[str, typer.Option(help="Where peers reach the node, host:port.")],
    home: HomeOption = None,
    listen: Annotated[str, typer.Option(help="Address to listen on, host:port.")] = "127.0.0.1:7443",
    store: Annotated[str, typer.Option(help="Database URL; default SQLite in the home folder.")] = "",
    log_origin: Annotated[str, typer.Option(help="Origin of the log; default from the participant.")] = "",
    approval: Annotated[str, typer.Option(help="person or policy: who approves requests.")] = "person",
    identifier: Annotated[
        list[str] | None, typer.Option(help="Further public numbers: eori=..., cbam=..., unlocode=...")
    ] = None,
    passphrase: Annotated[bool, typer.Option("--passphrase", help="Ask for a passphrase.")] = False,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a node's home folder: configuration, keys and certificate."""
    folder = find_home(home, os.environ)
    who = ParticipantName(jurisdiction, lei)
    config = NodeConfig(
        node=NodeSettings(str(who), name, country, tuple(item.value for item in role), endpoint, listen),
        store=StoreSettings(store) if store else StoreSettings(),
        log=LogSettings(log_origin),
        exchange=ExchangeSettings(approval=approval),
        identifiers=dict(_identifier(text) for text in identifier or ()),
    )
    secret = _new_passphrase(passphrase_file) if passphrase else find_passphrase(passphrase_file)
    identity = make_home(folder, config, passphrase=secret)
    result = {
        "ok": True,
        "home": str(folder),
        "participant": str(who),
        "roles": sorted(item.value for item in role),
        "encrypted": identity.ring.encrypted,
        "certificate": str(folder / CERTIFICATE_NAME),
        "keys": [_key_json(record, system_clock()) for record in identity.ring.records()],
    }
    if as_json:
        print_json(result)
        return
    console = Console(highlight=False)
    console.print(f"{who} is ready in {folder}.", markup=False)
    if not identity.ring.encrypted:
        console.print(
            "The keys are not encrypted: give --passphrase or CARBONPORT_PASSPHRASE to encrypt them."
        )
    console.print("Next: `carbonport card --out card.json`, and have your regulator list it.")


def card(
    home: HomeOption = None,
    output: Annotated[
        Path | None, typer.Option("--out", help="File to write; default standard output.")
    ] = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the node's public card, which its regulator needs to list it."""
    opened = open_from(home, passphrase_file)
    text = make_card(opened.identity, opened.config)
    if output is None:
        typer.echo(text, nl=False)
        return
    write_public(output, text.encode())
    if as_json:
        print_json({"ok": True, "participant": str(opened.name), "card": str(output)})


@key_app.command("list")
def key_list(
    home: HomeOption = None, passphrase_file: PassphraseFileOption = None, as_json: JsonOption = False
) -> None:
    """Every key the node has or had, with its validity. Private parts are not shown."""
    opened = open_from(home, passphrase_file)
    now = opened.identity.clock()
    rows = [_key_json(record, now) for record in opened.identity.ring.records()]
    if as_json:
        print_json({"ok": True, "keys": rows})
        return
    table = Table("use", "key id", "from", "until", "status")
    for row in rows:
        table.add_row(*(str(row[column]) for column in ("use", "kid", "valid_from", "valid_until", "status")))
    Console(highlight=False).print(table)


@key_app.command("rotate")
def key_rotate(
    use: Annotated[
        list[KeyUse] | None, typer.Option(help="Key to rotate; may be given several times. Default: seal.")
    ] = None,
    in_hours: Annotated[
        int, typer.Option(min=0, max=24 * 366, help="When the new key takes over; 0 is at once.")
    ] = 0,
    home: HomeOption = None,
    passphrase_file: PassphraseFileOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make successors of keys. Give your regulator the new card before they take over."""
    opened = open_from(home, passphrase_file)
    now = opened.identity.clock()
    rotated = []
    for item in dict.fromkeys(use or [KeyUse.SEAL]):
        retired, new = opened.identity.rotate(item, effective_at=now + in_hours * 3600)
        if item is KeyUse.TRUST_LIST:
            opened.trust.pin(opened.name.jurisdiction, new.jwk, fingerprint=new.kid)
        rotated.append(
            {"use": item.value, "retired": retired.kid, "new": new.kid, "valid_from": _time(new.valid_from)}
        )
    if as_json:
        print_json({"ok": True, "rotated": rotated})
        return
    console = Console(highlight=False)
    for row in rotated:
        console.print(f"{row['use']}: {row['retired']} gives way to {row['new']} at {row['valid_from']}")
    console.print("Next: `carbonport card --out card.json`; peers accept the new key once a list names it.")


def _key_json(record: KeyRecord, now: int) -> dict[str, object]:
    status = "active" if record.valid_at(now) else ("announced" if now < record.valid_from else "retired")
    return {
        "use": record.use.value,
        "kid": record.kid,
        "valid_from": _time(record.valid_from),
        "valid_until": "" if record.valid_until is None else _time(record.valid_until),
        "status": status,
    }


def _time(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _identifier(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not separator or not value:
        raise Malformed(
            "identity-identifier",
            found=repr(text[:60]),
            expected="name=value, such as eori=DE123456",
            remedy="Correct the option --identifier.",
        )
    return name, value


def _new_passphrase(file: Path | None) -> Passphrase:
    found = find_passphrase(file)
    if found is not None:
        return found
    first = ask_passphrase()
    if str(typer.prompt("The same again", hide_input=True, err=True)) != first:
        raise Misuse(
            "identity-passphrase-repeat",
            found="two different passphrases",
            expected="the same one twice",
            remedy="Run the command again.",
        )
    return Passphrase(first)
