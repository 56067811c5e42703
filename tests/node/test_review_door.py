"""What the exporter's door and inbox take: ASCII figures only, and no more waiting requests than a person can read."""

from pathlib import Path
from typing import Any

import pytest

from carbonport.errors import Refused
from carbonport.node.exporter import inbox
from carbonport.node.exporter.inbox import AttestationRequest
from carbonport.node.store import Store
from carbonport.node.transport.methods import METHODS
from carbonport.node.transport.rich_errors import RequestMalformed
from carbonport.wire.v1 import exchange_pb2

REQUEST = METHODS["/carbonport.wire.v1.ExchangeService/RequestAttestation"]


def _message(**changed: str) -> exchange_pb2.RequestAttestationRequest:
    content: dict[str, Any] = {
        "request_id": "00" * 16,
        "purpose": "cbam-declaration",
        "cn": "72071210",
        "period_start": "2026-01-01",
        "period_end": "2026-12-31",
        "consignment": "C-1",
        "net_mass_t": "12.5",
    }
    return exchange_pb2.RequestAttestationRequest(**{**content, **changed}, consignment_key=b"k" * 32)


@pytest.mark.parametrize(
    ("field", "value"),
    [("cn", "7207121\u0660"), ("net_mass_t", "1\u0662.5"), ("net_mass_t", "1.\u0665")],
)
def test_figures_of_other_scripts_stay_outside(field: str, value: str) -> None:
    REQUEST.door.admit(_message())
    with pytest.raises(RequestMalformed):
        REQUEST.door.admit(_message(**{field: value}))


def test_an_importer_cannot_fill_the_inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inbox, "MAX_PENDING", 3)
    store = Store.open(tmp_path)
    asked = [
        AttestationRequest(f"{number:032x}", importer, "cbam-declaration", "72071210", "", "", "C-1", "1", ())
        for importer in ("EU/ONE", "EU/TWO")
        for number in range(4)
    ]
    with store.writing() as connection:
        for request in (*asked[:3], *asked[4:7], asked[0]):
            inbox.receive(connection, request, now=1)
        with pytest.raises(Refused) as caught:
            inbox.receive(connection, asked[3], now=1)
    store.close()
    assert caught.value.id == "inbox-full"
