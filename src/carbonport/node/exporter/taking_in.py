"""Taking plant data in: a workbook or YAML ledger becomes the next version of an installation's ledger.

`intake` is an operation (`carbonport.node.operations`): arguments and result are JSON data, so that it runs the same in
a command's own process and in the serving one. Reading and calculating take seconds and are done in a thread.
"""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from carbonport.classification.graded_ledger import graded_ledger
from carbonport.crypto.canonical import Json
from carbonport.footprint.calculation import Calculation, calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.cbam.scope import Scope
from carbonport.footprint.exact_decimal import decimal_text
from carbonport.footprint.intake import read_ledger
from carbonport.node.exporter.attested_precursors import bundle_reader, unsealer, with_attested_precursors
from carbonport.node.exporter.ledgers import add_ledger
from carbonport.node.exporter.precursor_bundles import keep_bundles
from carbonport.node.exporter.stated_operator import operator_notices, with_operator
from carbonport.node.identity.names import Role
from carbonport.node.open_node import OpenNode

Arguments = Mapping[str, Json]


async def intake(node: OpenNode, arguments: Arguments) -> Json:
    """Read a workbook or YAML ledger into the store; says what declaring the values at their decimals changes."""
    node.participant.require_role(Role.EXPORTER)
    return await asyncio.to_thread(_taken_in, node, arguments)


def _taken_in(node: OpenNode, arguments: Arguments) -> Json:
    path = Path(str(arguments["path"]))
    catalogue_file = str(arguments.get("catalogue", ""))
    catalogue = Catalogue.load(Path(catalogue_file)) if catalogue_file else Catalogue.load()
    ledger = with_operator(read_ledger(path, catalogue), str(arguments.get("operator") or ""), catalogue)
    pairs = cast(list[list[str]], arguments.get("precursors") or [])
    reader = bundle_reader(node.participant, node.participant.id)
    ledger, attested = with_attested_precursors(ledger, pairs, catalogue, reader, unsealer(node.participant))
    scope = Scope(str(arguments["scope"])) if arguments.get("scope") else None
    calculation = calculate(ledger, scope)
    now = node.participant.clock()
    with node.participant.store.writing() as connection:
        stored = add_ledger(
            connection, ledger, calculation.scope, ledger_id=node.participant.new_id(), now=now
        )
        for item in attested:
            keep_bundles(connection, stored.id, item.precursor, item.bundles)
    grades = graded_ledger(ledger, node.policy.table).counts()
    return {
        "ledger": stored.id,
        "version": stored.version,
        "installation": ledger.installation,
        "period": {"start": ledger.period.start.isoformat(), "end": ledger.period.end.isoformat()},
        "scope": calculation.scope.value,
        "records": len(ledger.records),
        "grades": {str(grade): count for grade, count in grades.items() if count},
        "goods": _goods_json(calculation),
        "attested_precursors": [item.to_json() for item in attested],
        "notices": [
            {"id": item.id, "text": item.text, "where": item.where}
            for item in (*operator_notices(ledger), *calculation.notices)
        ],
    }


def _goods_json(calculation: Calculation) -> list[Json]:
    goods: list[Json] = []
    for good in calculation.goods:
        results: dict[str, Json] = {"process": good.process, "cn": good.cn}
        for name in ("see_direct", "see_indirect"):
            if name in good.source:
                results[name] = good.attested(name)
                results[f"{name}_source"] = decimal_text(good.source[name])
                difference = good.declared[name] - good.source[name]
                results[f"{name}_declared_difference"] = decimal_text(difference)
        goods.append(results)
    return goods
