"""Participants made with the real commands, each in a folder of its own; what they exchange are copied files."""

import json
import shutil
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from warm_programs import Finished, Node, programs

from carbonport.crypto.ambient import system_clock
from carbonport.node.identity.names import complete_lei

SECONDS_PER_DAY = 86_400
ACTIVITY_GROUPS = ("Crude steel", "Iron or steel products", "Pig iron", "Sintered ore", "Coke")


@dataclass
class Person:
    """One participant: its machine (a folder), its node's home, and the files it was handed."""

    machine: Path
    role: str
    jurisdiction: str
    lei: str
    port: int
    node: Node | None = field(default=None)

    @property
    def home(self) -> Path:
        return self.machine / "home"

    @property
    def id(self) -> str:
        return f"{self.jurisdiction}/{self.lei}"

    def run(self, *arguments: object) -> Finished:
        """A command of this participant, for scripts."""
        words = [str(argument) for argument in arguments]
        return programs().run(*words, "--home", self.home, "--json")

    def do(self, *arguments: object, code: int = 0) -> dict[str, Any]:
        """A command whose exit code is known; its JSON object."""
        return self.run(*arguments).expect(code)

    def hand(self, name: str, *others: "Person") -> None:
        """Give others a copy of a file of one's own: by post, so to speak."""
        for other in others:
            shutil.copy(self.machine / name, other.machine / name)

    def file(self, name: str) -> Path:
        return self.machine / name

    def serve(self) -> Node:
        self.node = programs().serve(self.home)
        return self.node


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
    finally:
        for each in held:
            each.close()


@dataclass
class Country:
    """Five participants: four with nodes that serve, and the authority that keeps the EU's list."""

    exporter: Person
    regulator: Person
    verifier: Person
    importer: Person
    authority: Person

    def all(self) -> tuple[Person, ...]:
        return (self.exporter, self.regulator, self.verifier, self.importer, self.authority)

    def serving(self) -> tuple[Person, ...]:
        return (self.regulator, self.verifier, self.exporter, self.importer)


def make_country(folder: Path) -> Country:
    """`init` and `card` everywhere, cards to the regulators, lists and list keys to all."""
    ports = free_ports(5)
    roles = {
        "exporter": ("CN", "exporter"),
        "regulator": ("CN", "regulator"),
        "verifier": ("EU", "verifier"),
        "importer": ("EU", "importer"),
        "authority": ("EU", "regulator"),
    }
    people = {}
    for (name, (jurisdiction, role)), port in zip(roles.items(), ports, strict=True):
        lei = complete_lei(f"5493{name.upper():0<14}")
        people[name] = Person(folder / name, role, jurisdiction, lei, port)
        people[name].machine.mkdir(parents=True)
    country = Country(**people)
    for person in country.all():
        where = f"127.0.0.1:{person.port}"
        made = person.do(
            *("init", "--role", person.role, "--jurisdiction", person.jurisdiction, "--lei", person.lei),
            *("--name", f"A {person.role}", "--country", "CN" if person.jurisdiction == "CN" else "DE"),
            *("--endpoint", where, "--listen", where),
        )
        assert made["participant"] == person.id
        card = f"{person.machine.name}.card.json"
        person.do("card", "--out", person.file(card))
        person.hand(card, *(each for each in (country.regulator, country.authority) if each is not person))
    _publish_lists(country)
    return country


def _publish_lists(country: Country) -> None:
    regulator, authority = country.regulator, country.authority
    kids = {}
    for keeper in (regulator, authority):
        name = f"{keeper.jurisdiction}.key.json"
        kids[keeper.jurisdiction] = keeper.do("trust", "anchor", "--export", keeper.file(name))["kid"]
        keeper.hand(name, *(person for person in country.all() if person is not keeper))
    accreditation = {
        country.verifier.id: {
            "body": "Accreditation body",
            "certificate": "D-VS-1",
            "scheme": "ISO 14065:2020",
            "activityGroups": list(ACTIVITY_GROUPS),
            "validFrom": system_clock() - SECONDS_PER_DAY,
            "validUntil": system_clock() + 365 * SECONDS_PER_DAY,
            "suspensions": [],
        }
    }
    authority.file("accreditation.json").write_text(json.dumps(accreditation))
    witness = ("--witness", regulator.id, "--quorum", "1")
    regulator.do(
        *("trust", "issue", "--out", regulator.file("CN.jws"), *witness),
        *("--participant", regulator.file("exporter.card.json")),
        *("--recognise", f"EU={regulator.file('EU.key.json')}"),
    )
    authority.do(
        *("trust", "issue", "--out", authority.file("EU.jws"), *witness),
        *("--participant", authority.file("verifier.card.json")),
        *("--participant", authority.file("importer.card.json")),
        *("--accreditation", authority.file("accreditation.json")),
        *("--recognise", f"CN={authority.file('CN.key.json')}"),
    )
    for keeper in (regulator, authority):
        keeper.hand(f"{keeper.jurisdiction}.jws", *(each for each in country.all() if each is not keeper))
    for person in country.all():
        if person is not authority and person is not regulator:
            key = person.file(f"{person.jurisdiction}.key.json")
            where = ("--jurisdiction", person.jurisdiction, "--key", key, "--kid", kids[person.jurisdiction])
            person.do("trust", "anchor", *where)
        other = "EU" if person.jurisdiction == "CN" else "CN"
        lists = (person.file(f"{person.jurisdiction}.jws"), person.file(f"{other}.jws"))
        own = lists[1:] if person in (regulator, authority) else lists
        assert person.do("trust", "add", *own)["ok"]
