"""The ledger as JSON data: what the store keeps and what the verifier reads in place.

Strict both ways: every number is a decimal string, unknown or missing keys raise, and a record whose value is
not its own source value converted is refused. Bytes, canonical form and size limits are
`carbonport.crypto.canonical`'s matter.
"""

from collections.abc import Mapping
from datetime import date

from carbonport.crypto.canonical import Json
from carbonport.errors import Malformed
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.ledger import (
    DataQuality,
    Direction,
    Fact,
    Good,
    Ledger,
    Period,
    Precursor,
    ProductionProcess,
    Record,
    Source,
    SourceStream,
)
from carbonport.footprint.units import convert, unit_named

LEDGER_FORMAT = "carbonport/ledger/v1"
"""Stands in every ledger; another version is another format."""

MAX_ENTRIES = 2_000_000
"""Records, facts or entries of one list; a site with 10^5 source streams stays far below."""


def ledger_to_json(ledger: Ledger) -> Json:
    """The ledger as JSON data; `ledger_from_json` gives back an equal ledger."""
    return {
        "format": LEDGER_FORMAT,
        "installation": ledger.installation,
        "country": ledger.country,
        "period": {"start": ledger.period.start.isoformat(), "end": ledger.period.end.isoformat()},
        "records": [_record_json(record) for record in ledger.records.values()],
        "facts": [_fact_json(fact) for fact in ledger.facts.values()],
        "streams": [
            {
                "id": stream.id,
                "label": stream.label,
                "method": stream.method,
                "direction": stream.direction.value,
                "process": stream.process,
                "records": dict(stream.records),
                "standard": stream.standard,
            }
            for stream in ledger.streams
        ],
        "processes": [
            {
                "id": process.id,
                "label": process.label,
                "category": process.category,
                "routes": list(process.routes),
                "attributed_by": process.attributed_by,
                "records": dict(process.records),
                "electricity_source": process.electricity_source,
            }
            for process in ledger.processes
        ],
        "precursors": [
            {
                "id": precursor.id,
                "label": precursor.label,
                "cn": precursor.cn,
                "country": precursor.country,
                "process": precursor.process,
                "basis": precursor.basis,
                "records": dict(precursor.records),
            }
            for precursor in ledger.precursors
        ],
        "goods": [{"process": good.process, "cn": good.cn, "label": good.label} for good in ledger.goods],
    }


def ledger_from_json(data: Json) -> Ledger:
    """The ledger that `data` writes; `Malformed` names the entry that is not what it should be."""
    keys = "format installation country period records facts streams processes precursors goods"
    top = _object(data, keys, "ledger")
    if top["format"] != LEDGER_FORMAT:
        raise _wrong("ledger", "another ledger format", LEDGER_FORMAT)
    period = _object(top["period"], "start end", "period")
    records = [_record(item, f"records[{i}]") for i, item in enumerate(_list(top["records"], "records"))]
    facts = [_fact(item, f"facts[{i}]") for i, item in enumerate(_list(top["facts"], "facts"))]
    by_path = {record.path: record for record in records}
    fact_by_path = {fact.path: fact for fact in facts}
    if len(by_path) != len(records) or len(fact_by_path) != len(facts):
        raise _wrong("ledger", "one path twice", "one record or fact per path")
    return Ledger(
        installation=_text(top["installation"], "installation"),
        country=_text(top["country"], "country"),
        period=Period(_day(period["start"], "period.start"), _day(period["end"], "period.end")),
        records=by_path,
        facts=fact_by_path,
        streams=tuple(
            _stream(item, f"streams[{i}]") for i, item in enumerate(_list(top["streams"], "streams"))
        ),
        processes=tuple(
            _process(item, f"processes[{i}]") for i, item in enumerate(_list(top["processes"], "processes"))
        ),
        precursors=tuple(
            _precursor(item, f"precursors[{i}]")
            for i, item in enumerate(_list(top["precursors"], "precursors"))
        ),
        goods=tuple(_good(item, f"goods[{i}]") for i, item in enumerate(_list(top["goods"], "goods"))),
    )


def _record_json(record: Record) -> Json:
    return {
        "path": record.path,
        "field": record.field,
        "field_class": record.field_class,
        "source_value": format(record.source_value, "f"),
        "source_unit": record.source_unit,
        "value": format(record.value, "f"),
        "unit": record.unit,
        "decimals": record.decimals,
        "bits": record.bits,
        "source": {"document": record.source.document, "location": record.source.location},
        "quality": record.quality.value,
    }


def _fact_json(fact: Fact) -> Json:
    return {
        "path": fact.path,
        "field": fact.field,
        "field_class": fact.field_class,
        "text": fact.text,
        "source": {"document": fact.source.document, "location": fact.source.location},
    }


def _record(data: Json, where: str) -> Record:
    keys = "path field field_class source_value source_unit value unit decimals bits source quality"
    item = _object(data, keys, where)
    source_value = parse_decimal(_text(item["source_value"], where), where=where)
    value = parse_decimal(_text(item["value"], where), where=where)
    source_unit, unit = _text(item["source_unit"], where), _text(item["unit"], where)
    if value != convert(
        source_value, unit_named(source_unit, where=where), unit_named(unit, where=where), where=where
    ):
        raise _wrong(
            where, "a value that is not its source value converted", "source value and value that agree"
        )
    record = Record(
        path=_text(item["path"], where),
        field=_text(item["field"], where),
        field_class=_text(item["field_class"], where),
        source_value=source_value,
        source_unit=source_unit,
        value=value,
        unit=unit,
        decimals=_count(item["decimals"], where),
        bits=_count(item["bits"], where),
        source=_source(item["source"], where),
        quality=_quality(item["quality"], where),
    )
    if value < 0 or record.declared_integer >= 1 << record.bits:
        raise _wrong(where, "a value below zero or beyond its declared width", "a value within its width")
    return record


def _fact(data: Json, where: str) -> Fact:
    item = _object(data, "path field field_class text source", where)
    path, field, field_class, text = (
        _text(item[key], where) for key in ("path", "field", "field_class", "text")
    )
    return Fact(path, field, field_class, text, _source(item["source"], where))


def _stream(data: Json, where: str) -> SourceStream:
    item = _object(data, "id label method direction process records standard", where)
    try:
        direction = Direction(_text(item["direction"], where))
    except ValueError:
        raise _wrong(where, "an unknown direction", "input or output") from None
    return SourceStream(
        id=_text(item["id"], where),
        label=_text(item["label"], where),
        method=_text(item["method"], where),
        direction=direction,
        process=_text(item["process"], where),
        records=_texts(item["records"], where),
        standard=_text(item["standard"], where),
    )


def _process(data: Json, where: str) -> ProductionProcess:
    item = _object(data, "id label category routes attributed_by records electricity_source", where)
    return ProductionProcess(
        id=_text(item["id"], where),
        label=_text(item["label"], where),
        category=_text(item["category"], where),
        routes=tuple(_text(route, where) for route in _list(item["routes"], where)),
        attributed_by=_text(item["attributed_by"], where),
        records=_texts(item["records"], where),
        electricity_source=_text(item["electricity_source"], where),
    )


def _precursor(data: Json, where: str) -> Precursor:
    item = _object(data, "id label cn country process basis records", where)
    return Precursor(
        id=_text(item["id"], where),
        label=_text(item["label"], where),
        cn=_text(item["cn"], where),
        country=_text(item["country"], where),
        process=_text(item["process"], where),
        basis=_text(item["basis"], where),
        records=_texts(item["records"], where),
    )


def _good(data: Json, where: str) -> Good:
    item = _object(data, "process cn label", where)
    return Good(_text(item["process"], where), _text(item["cn"], where), _text(item["label"], where))


def _source(data: Json, where: str) -> Source:
    item = _object(data, "document location", where)
    return Source(_text(item["document"], where), _text(item["location"], where))


def _quality(data: Json, where: str) -> DataQuality:
    try:
        return DataQuality(_text(data, where))
    except ValueError:
        raise _wrong(where, "an unknown data quality", ", ".join(DataQuality)) from None


def _day(data: Json, where: str) -> date:
    try:
        return date.fromisoformat(_text(data, where))
    except ValueError:
        raise _wrong(where, "no calendar day", "a day such as 2026-01-01") from None


def _object(data: Json, keys: str, where: str) -> Mapping[str, Json]:
    if not isinstance(data, dict) or set(data) != set(keys.split()):
        raise _wrong(where, "missing, unknown or misplaced keys", f"an object with exactly {keys}")
    return data


def _list(data: Json, where: str) -> list[Json]:
    if not isinstance(data, list) or len(data) > MAX_ENTRIES:
        raise _wrong(where, "no list, or one beyond the limit", f"a list of at most {MAX_ENTRIES} entries")
    return data


def _texts(data: Json, where: str) -> Mapping[str, str]:
    if not isinstance(data, dict):
        raise _wrong(where, "no object", "record paths by field")
    return {key: _text(value, where) for key, value in data.items()}


def _text(data: Json, where: str) -> str:
    if not isinstance(data, str):
        raise _wrong(where, f"a {type(data).__name__}", "a string")
    return data


def _count(data: Json, where: str) -> int:
    if not isinstance(data, int) or isinstance(data, bool) or not 0 <= data <= 64:
        raise _wrong(where, "no small whole number", "decimals and bits from 0 to 64")
    return data


def _wrong(where: str, found: str, expected: str) -> Malformed:
    return Malformed(
        "ledger-json",
        found=found,
        expected=expected,
        remedy="Read the workbook in again; Carbonport's own ledger file is not meant to be edited.",
        where=where,
    )
