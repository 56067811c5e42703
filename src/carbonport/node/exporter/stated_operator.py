"""The operator of an installation, where the document does not say it.

The registry knows an operator by an id, and an importer's declaration names it; the Commission's template has no
cell for it. An exporter states it when it takes the data in.
"""

from dataclasses import replace

from carbonport.errors import Misuse
from carbonport.footprint.calculation import Notice
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.ledger import Ledger, Source

OPERATOR = "installation/operator"
"""The fact's path."""


def with_operator(ledger: Ledger, operator: str, catalogue: Catalogue) -> Ledger:
    """The ledger with the operator as a fact; `Misuse` when its document names another one."""
    if not operator:
        return ledger
    stated = ledger.facts.get(OPERATOR)
    if stated is not None and stated.text != operator:
        raise Misuse(
            "operator-stated",
            found="another operator in the document",
            expected="the operator that the document states, or a document without one",
            remedy="Leave --operator out, or correct the document.",
            where=stated.source.place,
        )
    fact = catalogue.fact(OPERATOR, "operator", operator, Source("intake", "--operator"))
    return replace(ledger, facts={**ledger.facts, OPERATOR: fact})


def operator_notices(ledger: Ledger) -> tuple[Notice, ...]:
    """A notice when nobody names the operator."""
    if OPERATOR in ledger.facts:
        return ()
    return (
        Notice(
            "operator-missing",
            "nobody names the operator: the registry and an importer's declaration need it; take the data in with "
            "--operator",
            "installation",
        ),
    )
