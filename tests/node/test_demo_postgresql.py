"""The whole exchange with the exporter's ledger, inbox and log in PostgreSQL, read there by the verifier."""

from collections.abc import Callable
from importlib.resources import files
from pathlib import Path

from carbonport.node.demo.play import Play


def test_the_exchange_holds_with_the_exporter_on_postgresql(
    tmp_path: Path, new_postgresql_schema: Callable[[], str]
) -> None:
    document = Path(str(files("carbonport") / "examples" / "steelworks.yaml"))
    outcome = Play(
        tmp_path, document, lambda *_: None, stores={"exporter": new_postgresql_schema()}
    ).perform()
    assert [check["id"] for check in outcome.checks if not check["ok"]] == []
    assert outcome.attestation["see_direct"] == "1.79766"
    assert not list((tmp_path / "exporter" / "data").iterdir()), "nothing of the store lies in the folder"
