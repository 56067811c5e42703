"""One performance of the demo for all tests of a run, with the recorders around its exporter; and copies of its homes.

A copy of the homes is a stage where everything up to the statement has happened: nodes start on it at once. The cards
name the ports of the demo, so that one copy is on stage at a time.
"""

import functools
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from carbonport.crypto.canonical import Json
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.intake import read_ledger
from carbonport.footprint.ledger import Ledger
from carbonport.node.control import call_control
from carbonport.node.demo.cast import EXPORTER, IMPORTER, REGULATOR, VERIFIER, Part
from carbonport.node.demo.play import Outcome, Play

HERE = Path(__file__).resolve().parent
STEELWORKS = Path(str(files("carbonport") / "examples" / "steelworks.yaml"))
PARTS = (EXPORTER, VERIFIER, IMPORTER, REGULATOR)


@dataclass(frozen=True)
class PlayedDemo:
    """What a performance left."""

    folder: Path
    record: Path
    outcome: Outcome
    told: tuple[tuple[str, str], ...]

    @property
    def bundle(self) -> bytes:
        """The importer's bundle."""
        return self.outcome.bundle.read_bytes()

    @property
    def consignment(self) -> str:
        """The consignment it is about."""
        return str(self.outcome.attestation["consignment"])

    def copy_homes(self, folder: Path) -> dict[str, Path]:
        """A stage of one's own: the homes of the four nodes, by part."""
        return {part.key: _copied(self.folder / part.key, folder / part.key) for part in PARTS}


@functools.cache
def played_demo() -> PlayedDemo:
    """Perform, once per run of the tests."""
    top = Path(tempfile.mkdtemp(dir=_kept_folder().name))
    folder, record = top / "demo", top / "record"
    folder.mkdir()
    launcher = [
        sys.executable,
        str(HERE / "recording_launcher.py"),
        str(record),
        str(folder / "exporter"),
        "--",
    ]
    told: list[tuple[str, str]] = []
    play = Play(folder, STEELWORKS, lambda *words: told.append(words), {"exporter": launcher})
    return PlayedDemo(folder, record, play.perform(), tuple(told))


@functools.cache
def steelworks() -> Ledger:
    """The ledger of the demo."""
    return read_ledger(STEELWORKS, Catalogue.load())


@functools.cache
def _kept_folder() -> "tempfile.TemporaryDirectory[str]":
    """Lives until the interpreter ends, which removes it. Short: sockets stand in it."""
    return tempfile.TemporaryDirectory(prefix="carbonport-demo-", ignore_cleanup_errors=True)


def _copied(home: Path, to: Path) -> Path:
    shutil.copytree(home, to)
    return to


def question(
    request_id: str = "", *, consignment: str = "ROLL-7", items: tuple[str, ...] = ()
) -> Mapping[str, Json]:
    """Arguments of the importer's query about the demo's good."""
    period = steelworks().period
    return {
        "exporter": EXPORTER.id,
        "purpose": "cbam-declaration",
        "cn": steelworks().goods[0].cn,
        "period_start": period.start.isoformat(),
        "period_end": period.end.isoformat(),
        "consignment": consignment,
        "net_mass_t": "2450.500",
        "items": list(items),
        "request_id": request_id,
    }


async def do(home: Path, operation: str, **arguments: Json) -> dict[str, Json]:
    """Run an operation in the serving process of a home, as its operator does."""
    result = await call_control(home, operation, arguments)
    assert isinstance(result, dict)
    return result


__all__ = [
    "EXPORTER",
    "IMPORTER",
    "REGULATOR",
    "VERIFIER",
    "Part",
    "PlayedDemo",
    "do",
    "played_demo",
    "question",
]
