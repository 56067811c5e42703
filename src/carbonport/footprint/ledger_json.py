"""The ledger as JSON data: what the store keeps and what the verifier reads in place.

Strict both ways: every number is a decimal string, unknown or missing keys raise, and a record whose value is
not its own source value converted is refused. Bytes, canonical form and size limits are
`carbonport.crypto.canonical`'s matter.
"""

from collections.abc import Callable, Mapping
from datetime import date
from typing import TypeVar

from carbonport.crypto.canonical import Json
from carbonport.footprint.exact_decimal import parse_decimal
from carbonport.footprint.ledger import DataQuality, Fact, Ledger, Period, Record, Source
from carbonport.footprint.ledger_json_entries import (
    flow_from_json,
    flow_json,
    good_from_json,
    good_json,
    precursor_from_json,
    precursor_json,
    process_from_json,
    process_json,
    stream_from_json,
    stream_json,
    utility_from_json,
    utility_json,
)
from carbonport.footprint.ledger_json_strict import a_count, a_list, a_text, an_object, texts, wrong
from carbonport.footprint.units import convert, unit_named

LEDGER_FORMAT = "carbonport/ledger/v1"
"""Stands in every ledger; another version is another format."""

_Entry = TypeVar("_Entry")


def ledger_to_json(ledger: Ledger) -> Json:
    """The ledger as JSON data; `ledger_from_json` gives back an equal ledger."""
    data: dict[str, Json] = {
        "format": LEDGER_FORMAT,
        "installation": ledger.installation,
        "country": ledger.country,
        "period": {"start": ledger.period.start.isoformat(), "end": ledger.period.end.isoformat()},
        "records": [_record_json(record) for record in ledger.records.values()],
        "facts": [_fact_json(fact) for fact in ledger.facts.values()],
        "streams": [stream_json(stream) for stream in ledger.streams],
        "processes": [process_json(process) for process in ledger.processes],
        "precursors": [precursor_json(precursor) for precursor in ledger.precursors],
        "goods": [good_json(good) for good in ledger.goods],
    }
    if ledger.flows:
        data["flows"] = [flow_json(flow) for flow in ledger.flows]
    if ledger.utilities:
        data["utilities"] = [utility_json(utility) for utility in ledger.utilities]
    if ledger.totals:
        data["totals"] = dict(ledger.totals)
    return data


def ledger_from_json(data: Json) -> Ledger:
    """The ledger that `data` writes; `Malformed` names the entry that is not what it should be."""
    keys = "format installation country period records facts streams processes precursors goods"
    top = an_object(data, keys, "ledger", "flows utilities totals")
    if top["format"] != LEDGER_FORMAT:
        raise wrong("ledger", "another ledger format", LEDGER_FORMAT)
    period = an_object(top["period"], "start end", "period")
    records = [_record(item, f"records[{i}]") for i, item in enumerate(a_list(top["records"], "records"))]
    facts = [_fact(item, f"facts[{i}]") for i, item in enumerate(a_list(top["facts"], "facts"))]
    by_path = {record.path: record for record in records}
    fact_by_path = {fact.path: fact for fact in facts}
    if len(by_path) != len(records) or len(fact_by_path) != len(facts):
        raise wrong("ledger", "one path twice", "one record or fact per path")
    return Ledger(
        installation=a_text(top["installation"], "installation"),
        country=a_text(top["country"], "country"),
        period=Period(_day(period["start"], "period.start"), _day(period["end"], "period.end")),
        records=by_path,
        facts=fact_by_path,
        streams=_each(top, "streams", stream_from_json),
        processes=_each(top, "processes", process_from_json),
        precursors=_each(top, "precursors", precursor_from_json),
        goods=_each(top, "goods", good_from_json),
        flows=_each(top, "flows", flow_from_json),
        utilities=_each(top, "utilities", utility_from_json),
        totals=texts(top.get("totals", {}), "totals"),
    )


def _each(top: Mapping[str, Json], key: str, read: Callable[[Json, str], _Entry]) -> tuple[_Entry, ...]:
    return tuple(read(item, f"{key}[{i}]") for i, item in enumerate(a_list(top.get(key, []), key)))


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
    item = an_object(data, keys, where)
    source_value = parse_decimal(a_text(item["source_value"], where), where=where)
    value = parse_decimal(a_text(item["value"], where), where=where)
    source_unit, unit = a_text(item["source_unit"], where), a_text(item["unit"], where)
    if value != convert(
        source_value, unit_named(source_unit, where=where), unit_named(unit, where=where), where=where
    ):
        raise wrong(
            where, "a value that is not its source value converted", "source value and value that agree"
        )
    record = Record(
        path=a_text(item["path"], where),
        field=a_text(item["field"], where),
        field_class=a_text(item["field_class"], where),
        source_value=source_value,
        source_unit=source_unit,
        value=value,
        unit=unit,
        decimals=a_count(item["decimals"], where),
        bits=a_count(item["bits"], where),
        source=_source(item["source"], where),
        quality=_quality(item["quality"], where),
    )
    if value < 0 or record.declared_integer >= 1 << record.bits:
        raise wrong(where, "a value below zero or beyond its declared width", "a value within its width")
    return record


def _fact(data: Json, where: str) -> Fact:
    item = an_object(data, "path field field_class text source", where)
    path, field, field_class, text = (
        a_text(item[key], where) for key in ("path", "field", "field_class", "text")
    )
    return Fact(path, field, field_class, text, _source(item["source"], where))


def _source(data: Json, where: str) -> Source:
    item = an_object(data, "document location", where)
    return Source(a_text(item["document"], where), a_text(item["location"], where))


def _quality(data: Json, where: str) -> DataQuality:
    try:
        return DataQuality(a_text(data, where))
    except ValueError:
        raise wrong(where, "an unknown data quality", ", ".join(DataQuality)) from None


def _day(data: Json, where: str) -> date:
    try:
        return date.fromisoformat(a_text(data, where))
    except ValueError:
        raise wrong(where, "no calendar day", "a day such as 2026-01-01") from None
