"""A small world for the life of nodes: the demo's cast, real processes when asked for, lists issued again on demand."""

import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any

from warm_programs import programs

from carbonport.attestation.check_report import Report
from carbonport.attestation.checks import verify_bundle
from carbonport.crypto.ambient import system_clock
from carbonport.crypto.canonical import Json
from carbonport.node.config import ExchangeSettings, write_config
from carbonport.node.demo.cast import (
    AUTHORITY,
    CAST,
    EXPORTER,
    IMPORTER,
    REGULATOR,
    VERIFIER,
    Part,
    set_stage,
)
from carbonport.node.home import NodeHome, open_home
from carbonport.node.identity.card import make_card, read_card
from carbonport.node.identity.trust_issue import Decisions, issue_next
from carbonport.node.operations import perform

DATA = Path(str(files("carbonport") / "examples" / "steelworks.yaml"))
GOOD = "72071210"
PATIENCE_S = 30.0


@dataclass
class LifeStage:
    """Five homes below one folder; `home` gives each as it is on disk now."""

    folder: Path
    good: str = ""
    period: tuple[str, str] = ("", "")

    @classmethod
    def make(cls, folder: Path, *, approval: str = "policy") -> "LifeStage":
        set_stage(folder, ("Crude steel", "Iron or steel products", "Pig iron", "Sintered ore", "Coke"))
        stage = cls(folder)
        config = stage.home(EXPORTER).config
        write_config(folder / EXPORTER.key, replace(config, exchange=ExchangeSettings(approval=approval)))
        return stage

    def home(self, part: Part) -> NodeHome:
        return open_home(self.folder / part.key, environ={})

    def do(self, part: Part, operation: str, arguments: Mapping[str, Json] | None = None) -> dict[str, Any]:
        """An operation, in the serving process when there is one."""
        result = perform(self.home(part), operation, arguments or {})
        assert isinstance(result, dict)
        return result

    def serve(self, processes: ExitStack, *parts: Part) -> None:
        for part in parts:
            processes.enter_context(programs().serve(self.folder / part.key))

    def verify_on_site(self) -> None:
        """From the plant's data to the verifier's signed statement."""
        taken = self.do(EXPORTER, "intake", {"path": str(DATA)})
        self.good, self.period = taken["goods"][0]["cn"], (taken["period"]["start"], taken["period"]["end"])
        openings, statement = self.folder / "openings.sealed", self.folder / "statement.json"
        self.do(EXPORTER, "commit", {"verifier": VERIFIER.id, "out": str(openings)})
        home = self.home(EXPORTER)
        store = home.config.store_url(home.path).removeprefix("sqlite:///")
        self.do(
            VERIFIER,
            "sign",
            {"store": store, "openings": str(openings), "out": str(statement), "opinion": "satisfactory"},
        )
        self.do(EXPORTER, "statement-add", {"path": str(statement)})

    def query(self, consignment: str) -> dict[str, Any]:
        return self.do(
            IMPORTER,
            "query",
            {
                "exporter": EXPORTER.id,
                "purpose": "cbam-declaration",
                "cn": self.good,
                "period_start": self.period[0],
                "period_end": self.period[1],
                "consignment": consignment,
                "net_mass_t": "12.500",
                "items": [],
            },
        )

    def fetch(self, request: str, name: str) -> Path:
        bundle = self.folder / f"{name}.json"
        self.do(IMPORTER, "fetch", {"request": request, "out": str(bundle)})
        return bundle

    def verify(self, bundle: Path) -> Report:
        home = self.home(IMPORTER)
        return verify_bundle(
            bundle.read_bytes(), now=system_clock(), anchors=home.trust.anchors(), importer=IMPORTER.id
        )

    def issue_lists(self) -> None:
        """Both authorities list what the cards say now, and every node adds both lists."""
        now = system_clock()
        tokens = []
        for keeper, members in (
            (REGULATOR, (REGULATOR, EXPORTER)),
            (AUTHORITY, (AUTHORITY, VERIFIER, IMPORTER)),
        ):
            homes = [self.home(member) for member in members]
            cards = [read_card(make_card(home.identity, home.config).encode(), now=now) for home in homes]
            tokens.append(issue_next(self.home(keeper).identity, Decisions(cards=cards)))
        for part in CAST:
            # An own list first: it recognises the other's key.
            ordered = tokens if part.jurisdiction == "CN" else tokens[::-1]
            self.home(part).trust.add(ordered)


def until(holds: Callable[[], bool]) -> None:
    """Ask again until something holds that another process does; a minute's patience is an error, not a result."""
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came to hold"
        time.sleep(0.05)
