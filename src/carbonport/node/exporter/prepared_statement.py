"""A current statement, made ready to answer requests: ledger, graphs, grades, results and openings in memory.

Everything is derived anew from the stored ledger, the period key and the statement's nonce, and held against what the
verifier signed (leaf root, goods and their graph digests): a store that was changed behind the node's back cannot be
attested from.
"""

import asyncio
from dataclasses import dataclass

from carbonport.attestation.commitments import LeafOpening
from carbonport.attestation.evidence import StatementTree
from carbonport.attestation.good_graphs import good_graphs
from carbonport.attestation.opened_suppliers import opened_suppliers
from carbonport.attestation.shown_graph import place_key
from carbonport.attestation.signed_figures import SignedFigures, signed_figures
from carbonport.attestation.statement import Statement, statement_kid, verify_statement
from carbonport.attestation.statement_draft import draft_statement
from carbonport.attestation.supplier_statements import OpenedSupplier
from carbonport.classification.graded_ledger import GradedLedger, graded_ledger
from carbonport.classification.policy import Policy
from carbonport.classification.results import Results, calculation_results
from carbonport.crypto.tuplehash import kmac256, tuple_hash
from carbonport.errors import FailedVerification
from carbonport.footprint.calculation import calculate
from carbonport.node.exporter.ledgers import StoredLedger, ledger_of
from carbonport.node.exporter.precursor_bundles import bundles_of
from carbonport.node.exporter.statement_versions import StatementVersion
from carbonport.node.participant import Participant

NONCE_HEDGE_DOMAIN = "carbonport/proof-nonce-hedge/v1"
"""Domain string of the secret that hedges the nonces of a statement version's proofs."""

NONCE_HEDGE_BYTES = 32
"""Its length."""


INSTALLATION_NAMES = frozenset({"installation_name", "registration_code", "unlocode"})
"""The facts by which an importer can know an installation: free to every recipient of a declaration."""


@dataclass(frozen=True, repr=False)
class PreparedStatement:
    """What requests about one statement version are answered from. Secret: openings, names of figures, and what
    hedges the nonces of proofs."""

    version: StatementVersion
    statement: Statement
    stored: StoredLedger
    graded: GradedLedger
    results: Results
    figures: SignedFigures
    openings: tuple[LeafOpening, ...]
    tree: StatementTree
    nonce_secret: bytes
    suppliers: tuple[OpenedSupplier, ...] = ()

    def is_called(self, name: str) -> bool:
        """Whether the installation's name, registration code or UN/LOCODE is exactly this."""
        facts = self.stored.ledger.facts.values()
        return any(fact.field in INSTALLATION_NAMES and fact.text == name for fact in facts)

    def processes_making(self, cn: str) -> list[str]:
        """The processes whose good has this CN code."""
        return [good.process for good in self.stored.ledger.goods if good.cn == cn]


async def prepare(participant: Participant, version: StatementVersion, policy: Policy) -> PreparedStatement:
    """Derive everything and compare it with what was signed; in a thread, for it takes seconds for a large ledger."""
    statement = verified_statement(participant, version)
    period_key = participant.identity.period_keys.held(statement.period)
    return await asyncio.to_thread(_derived, participant, version, statement, period_key, policy)


def _derived(
    participant: Participant,
    version: StatementVersion,
    statement: Statement,
    period_key: bytes,
    policy: Policy,
) -> PreparedStatement:
    with participant.store.reading() as connection:
        stored = ledger_of(connection, version.ledger_id)
        bundles = bundles_of(connection, version.ledger_id)
    calculation = calculate(stored.ledger, stored.scope)
    places = place_key(period_key, statement.nonce)
    figures = signed_figures(stored.ledger, good_graphs(calculation), places, version.sealing)
    draft = draft_statement(
        stored.ledger,
        figures,
        exporter=participant.id,
        scope=stored.scope.value,
        period_key=period_key,
        nonce=statement.nonce,
        version=statement.version,
        supersedes=statement.supersedes,
    )
    if (draft.root, draft.goods) != (statement.root, statement.goods):
        raise _changed("a ledger that does not give the signed commitments and graphs")
    graded = graded_ledger(stored.ledger, policy.table)
    openings = tuple(leaf.opening for leaf in draft.leaves)
    return PreparedStatement(
        version=version,
        statement=statement,
        stored=stored,
        graded=graded,
        results=calculation_results(graded, calculation),
        figures=figures,
        openings=openings,
        tree=StatementTree(openings),
        nonce_secret=kmac256(period_key, tuple_hash(NONCE_HEDGE_DOMAIN, statement.nonce), NONCE_HEDGE_BYTES),
        suppliers=opened_suppliers(stored.ledger, bundles),
    )


def verified_statement(participant: Participant, version: StatementVersion) -> Statement:
    """What a signed version says, once the key of its verifier in the trust list signed it."""
    verifier = participant.trust.participant(version.verifier, now=participant.clock())
    key = verifier.key(statement_kid(version.token), "verifier-seal")
    if key is None:
        raise _changed("a statement signed by a key that the trust list does not hold")
    return verify_statement(version.token, key.jwk)


def _changed(found: str) -> FailedVerification:
    return FailedVerification(
        "statement-not-reproduced",
        found=found,
        expected="the ledger and the calculation that the verifier signed",
        remedy="Restore the store from its backup, or have a new version of the statement signed.",
    )
