"""Entries of a ledger (streams, processes, precursors, goods, flows, utilities) as JSON data, and back.

What an entry does not have is left out, so that a ledger without it is written as it always was.
"""

from collections.abc import Mapping
from datetime import date

from carbonport.crypto.canonical import Json
from carbonport.footprint.ledger import (
    CoProduct,
    Direction,
    Good,
    InternalFlow,
    MeasuredHour,
    Period,
    Precursor,
    ProductionProcess,
    SourceStream,
    SupplierCommitment,
    Utility,
)
from carbonport.footprint.ledger_json_strict import a_flag, a_list, a_text, an_object, texts, wrong


def stream_json(stream: SourceStream) -> Json:
    """One source stream."""
    data: dict[str, Json] = {
        "id": stream.id,
        "label": stream.label,
        "method": stream.method,
        "direction": stream.direction.value,
        "process": stream.process,
        "records": dict(stream.records),
        "standard": stream.standard,
    }
    if stream.gas:
        data["gas"] = stream.gas
    if stream.waste_gas:
        data["waste_gas"] = True
    if stream.shares:
        data["shares"] = dict(stream.shares)
    if stream.hours:
        data["hours"] = [[hour.flow, hour.concentration, hour.data_share] for hour in stream.hours]
    return data


def stream_from_json(data: Json, where: str) -> SourceStream:
    """The stream that `stream_json` wrote."""
    keys = "id label method direction process records standard"
    item = an_object(data, keys, where, "gas waste_gas shares hours")
    try:
        direction = Direction(a_text(item["direction"], where))
    except ValueError:
        raise wrong(where, "an unknown direction", "input or output") from None
    return SourceStream(
        id=a_text(item["id"], where),
        label=a_text(item["label"], where),
        method=a_text(item["method"], where),
        direction=direction,
        process=a_text(item["process"], where),
        records=texts(item["records"], where),
        standard=a_text(item["standard"], where),
        gas=a_text(item.get("gas", ""), where),
        waste_gas=a_flag(item.get("waste_gas", False), where),
        shares=texts(item.get("shares", {}), where),
        hours=tuple(_hour(hour, where) for hour in a_list(item.get("hours", []), where)),
    )


def process_json(process: ProductionProcess) -> Json:
    """One production process."""
    data: dict[str, Json] = {
        "id": process.id,
        "label": process.label,
        "category": process.category,
        "routes": list(process.routes),
        "attributed_by": process.attributed_by,
        "records": dict(process.records),
        "electricity_source": process.electricity_source,
    }
    if process.heat_from:
        data["heat_from"] = process.heat_from
    if process.electricity_from:
        data["electricity_from"] = process.electricity_from
    if process.co_products:
        data["co_products"] = [
            {"product": item.product, "counted": item.counted, "records": dict(item.records)}
            for item in process.co_products
        ]
    return data


def process_from_json(data: Json, where: str) -> ProductionProcess:
    """The process that `process_json` wrote."""
    keys = "id label category routes attributed_by records electricity_source"
    item = an_object(data, keys, where, "heat_from electricity_from co_products")
    return ProductionProcess(
        id=a_text(item["id"], where),
        label=a_text(item["label"], where),
        category=a_text(item["category"], where),
        routes=tuple(a_text(route, where) for route in a_list(item["routes"], where)),
        attributed_by=a_text(item["attributed_by"], where),
        records=texts(item["records"], where),
        electricity_source=a_text(item["electricity_source"], where),
        heat_from=a_text(item.get("heat_from", ""), where),
        electricity_from=a_text(item.get("electricity_from", ""), where),
        co_products=tuple(
            _co_product(product, where) for product in a_list(item.get("co_products", []), where)
        ),
    )


def precursor_json(precursor: Precursor) -> Json:
    """One purchased precursor."""
    data: dict[str, Json] = {
        "id": precursor.id,
        "label": precursor.label,
        "cn": precursor.cn,
        "country": precursor.country,
        "process": precursor.process,
        "basis": precursor.basis,
        "records": dict(precursor.records),
    }
    if precursor.category:
        data["category"] = precursor.category
    if precursor.evidence:
        data["evidence"] = precursor.evidence
    if precursor.period is not None:
        data["period"] = [precursor.period.start.isoformat(), precursor.period.end.isoformat()]
    if precursor.attestations:
        data["attestations"] = list(precursor.attestations)
    if precursor.commitments:
        data["commitments"] = {
            field: [one.statement, one.leaf, one.blinding] for field, one in precursor.commitments.items()
        }
    return data


def precursor_from_json(data: Json, where: str) -> Precursor:
    """The precursor that `precursor_json` wrote."""
    keys, optional = (
        "id label cn country process basis records",
        "category evidence period attestations commitments",
    )
    item = an_object(data, keys, where, optional)
    return Precursor(
        id=a_text(item["id"], where),
        label=a_text(item["label"], where),
        cn=a_text(item["cn"], where),
        country=a_text(item["country"], where),
        process=a_text(item["process"], where),
        basis=a_text(item["basis"], where),
        records=texts(item["records"], where),
        category=a_text(item.get("category", ""), where),
        evidence=a_text(item.get("evidence", ""), where),
        period=_a_period(item["period"], where) if "period" in item else None,
        attestations=tuple(a_text(digest, where) for digest in a_list(item.get("attestations", []), where)),
        commitments=_commitments(item.get("commitments", {}), where),
    )


def _commitments(data: Json, where: str) -> Mapping[str, SupplierCommitment]:
    if not isinstance(data, dict):
        raise wrong(where, "no object", "commitments by field")
    found: dict[str, SupplierCommitment] = {}
    for field, item in data.items():
        parts_ = [a_text(part, where) for part in a_list(item, where)]
        if len(parts_) != 3:
            raise wrong(where, f"a commitment with {len(parts_)} parts", "statement, leaf and blinding")
        found[field] = SupplierCommitment(*parts_)
    return found


def _a_period(data: Json, where: str) -> Period:
    days = [a_text(day, where) for day in a_list(data, where)]
    try:
        start, end = map(date.fromisoformat, days)
    except ValueError:
        raise wrong(where, "no period", "a first and a last day") from None
    return Period(start, end)


def good_json(good: Good) -> Json:
    """One good."""
    data: dict[str, Json] = {"process": good.process, "cn": good.cn, "label": good.label}
    if good.records:
        data["records"] = dict(good.records)
    return data


def good_from_json(data: Json, where: str) -> Good:
    """The good that `good_json` wrote."""
    item = an_object(data, "process cn label", where, "records")
    return Good(
        a_text(item["process"], where),
        a_text(item["cn"], where),
        a_text(item["label"], where),
        texts(item.get("records", {}), where),
    )


def flow_json(flow: InternalFlow) -> Json:
    """One internal flow."""
    return {"producer": flow.producer, "consumer": flow.consumer, "records": dict(flow.records)}


def flow_from_json(data: Json, where: str) -> InternalFlow:
    """The flow that `flow_json` wrote."""
    item = an_object(data, "producer consumer records", where)
    return InternalFlow(
        a_text(item["producer"], where), a_text(item["consumer"], where), texts(item["records"], where)
    )


def utility_json(utility: Utility) -> Json:
    """One utility."""
    return {
        "id": utility.id,
        "label": utility.label,
        "kind": utility.kind,
        "records": dict(utility.records),
        "reference": utility.reference,
    }


def utility_from_json(data: Json, where: str) -> Utility:
    """The utility that `utility_json` wrote."""
    item = an_object(data, "id label kind records reference", where)
    return Utility(
        id=a_text(item["id"], where),
        label=a_text(item["label"], where),
        kind=a_text(item["kind"], where),
        records=texts(item["records"], where),
        reference=a_text(item["reference"], where),
    )


def _hour(data: Json, where: str) -> MeasuredHour:
    paths = [a_text(path, where) for path in a_list(data, where)]
    if len(paths) != 3:
        raise wrong(where, f"an hour with {len(paths)} paths", "flow, concentration and data share")
    return MeasuredHour(*paths)


def _co_product(data: Json, where: str) -> CoProduct:
    item = an_object(data, "product counted records", where)
    return CoProduct(
        a_text(item["product"], where), a_flag(item["counted"], where), texts(item["records"], where)
    )
