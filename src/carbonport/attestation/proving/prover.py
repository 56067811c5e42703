"""Prove results of a signed graph from the openings of its leaves.

The prover lowers the graph as the verifier will, computes what it has to commit to, and proves relation and ranges
under one context. It never proves something that is not so: values that do not round to the stated results are
refused before anything is made. Time depends on the secrets: make proofs off the path of requests.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from carbonport.attestation.proving.linear_forms import LinearForm, form_commitments
from carbonport.attestation.proving.lowered_claim import (
    HighPartOf,
    LoweredClaim,
    ProductOf,
    RoundedQuotientOf,
    SignedInteger,
    Variable,
)
from carbonport.attestation.proving.lowering import ProvableGraph
from carbonport.attestation.proving.proof_layout import ProofParts, encode_parts
from carbonport.attestation.proving.relation import ClaimRelation
from carbonport.attestation.proving.result_claim import RELATION_PURPOSE, ResultClaim
from carbonport.crypto.ambient import RandomBytes, system_random
from carbonport.crypto.group import ORDER
from carbonport.crypto.pedersen import Opening, commit
from carbonport.crypto.proofs.hedged_nonces import hedged_nonces
from carbonport.crypto.proofs.ranges import prove_openings
from carbonport.crypto.proofs.relation_proofs import Form, prove_relation, relation_tag
from carbonport.crypto.tuplehash import tuple_hash
from carbonport.errors import Misuse, Refused
from carbonport.footprint.graph import Graph

BLINDING_STATEMENT_DOMAIN = "carbonport/result-proof-blindings/v1"
"""Domain string of what hedges the blindings of the prover's own commitments."""

NO_SUPPLIERS: Mapping[str, Opening] = MappingProxyType({})
"""For graphs without a value that a supplier keeps secret."""


def prove_results(
    claim: ResultClaim,
    graph: Graph,
    openings: Mapping[SignedInteger, Opening],
    *,
    open_paths: Collection[str] = (),
    suppliers: Mapping[str, Opening] = NO_SUPPLIERS,
    nonce_secret: bytes,
    random_bytes: RandomBytes = system_random,
) -> bytes:
    """The proof of `claim`.

    `openings` are those of the statement's leaves, by their labels; more than needed may be there. The leaves at
    `open_paths` are opened in the proof: their values become public to whoever gets it, so the policy decides which;
    paths that the results do not rest on are not opened. `suppliers` are the openings of suppliers' commitments that
    the graph names, by leaf (hex). `nonce_secret` is 32 bytes of the node's own. Raises `Refused` when the results are
    not those of the openings or the graph cannot be proved.
    """
    if graph.digest.hex() != claim.graph_digest:
        raise Misuse(
            "proof-claim",
            found="a claim about another graph",
            expected="the digest of the graph that is to be proved",
            remedy="Take graph and digest from the same statement version.",
        )
    provable = ProvableGraph(graph, claim.results.keys())
    results = {name: claim.result(name, provable.decimals(name)) for name in claim.results}
    leaves = provable.leaves()
    missing = [leaf.path for leaf in leaves if leaf not in openings]
    if missing:
        raise Misuse(
            "proof-opening-missing",
            found=f"no opening of {missing[0]}",
            expected="the openings of every input that the results rest on",
            remedy="Use the openings of the statement that the graph was signed in.",
            where=missing[0],
        )
    opened = {leaf.path: openings[leaf] for leaf in leaves if leaf.path in open_paths}
    closed = [openings[leaf] for leaf in leaves if leaf.path not in opened]
    witness = _Witness([opening.value for opening in closed])
    lowered = provable.lower(
        results,
        {path: opening.value for path, opening in opened.items()},
        witness.is_nonnegative,
        at_most=claim.at_most,
    )
    witness.extend(lowered.variables)
    linked = [_supplier_opening(suppliers, link.leaf) for link in lowered.links]
    _refuse_false(lowered, witness.values, linked)

    own = lowered.variables[len(closed) :]
    blindings = [opening.blinding for opening in closed]
    if own:
        blindings += hedged_nonces(
            len(own),
            ORDER,
            nonce_secret=nonce_secret,
            statement=tuple_hash(BLINDING_STATEMENT_DOMAIN, claim.statement_digest, claim.graph_digest),
            witness=[*witness.values, *blindings],
            random_bytes=random_bytes,
        )
    every = [
        commit(Opening(value, blinding)) for value, blinding in zip(witness.values, blindings, strict=True)
    ]
    derived = form_commitments([one.form for one in lowered.ranges], every)
    shown = [(leaf, opened[leaf.path].value) for leaf in lowered.opened]
    theirs = [commit(opening) for opening in linked]
    context = claim.context(lowered, shown, every, derived, theirs)
    rest = [commitment.encode() for commitment in every[len(closed) :]]
    relation = ClaimRelation(lowered)
    if not relation.is_empty:
        rest.append(
            prove_relation(
                relation.build(every, theirs),
                relation.witness(witness.values, blindings, [opening.blinding for opening in linked]),
                relation_tag(Form.COMPACT, RELATION_PURPOSE, context),
                nonce_secret=nonce_secret,
                random_bytes=random_bytes,
            )
        )
    for indices in lowered.range_proofs():
        proved = [lowered.ranges[i] for i in indices]
        rest.append(
            prove_openings(
                [Opening(one.form.value(witness.values), one.form.blinding(blindings)) for one in proved],
                [one.width for one in proved],
                context,
                nonce_secret=nonce_secret,
                random_bytes=random_bytes,
            )
        )
    return encode_parts(leaves, ProofParts(opened, lowered.signs, b"".join(rest)))


@dataclass(repr=False)
class _Witness:
    """The values of the variables, computed as lowering makes them. Secret."""

    values: list[int] = field(repr=False)

    def is_nonnegative(self, form: LinearForm, variables: list[Variable]) -> bool:
        """The sign of a form, while a graph is lowered."""
        self.extend(variables)
        return form.value(self.values) >= 0

    def extend(self, variables: Collection[Variable]) -> None:
        """Compute the variables that have no value yet."""
        for variable in list(variables)[len(self.values) :]:
            self.values.append(self._compute(variable))

    def _compute(self, variable: Variable) -> int:
        match variable.origin:
            case ProductOf(left, right):
                return left.value(self.values) * right.value(self.values)
            case HighPartOf(form, shift):
                return form.value(self.values) >> shift
            case RoundedQuotientOf(numerator, half):
                divisor = half.value(self.values)
                if divisor <= 0:
                    raise _false()
                return (numerator.value(self.values) + divisor) // (2 * divisor)
            case _:
                raise AssertionError("closed leaves have their values from the beginning")


def _supplier_opening(suppliers: Mapping[str, Opening], leaf: str) -> Opening:
    opening = suppliers.get(leaf)
    if opening is None:
        raise Misuse(
            "proof-supplier-opening",
            found="no opening of a supplier's commitment that the graph names",
            expected="what the supplier sealed to its customer",
            remedy="Take the supplier's bundle in again.",
        )
    return opening


def _refuse_false(lowered: LoweredClaim, values: list[int], linked: Sequence[Opening]) -> None:
    if any(values[link.variable] != theirs.value for link, theirs in zip(lowered.links, linked, strict=True)):
        raise _false()
    ranges_hold = all(0 <= one.form.value(values) < 1 << one.width for one in lowered.ranges)
    if lowered.contradicted or not ranges_hold or any(not form.value(values) for form in lowered.nonzero):
        raise _false()


def _false() -> Refused:
    return Refused(
        "proof-not-true",
        found="figures that do not give the stated results, or a divisor that is not positive",
        expected="the results that the signed graph gives for the committed figures",
        remedy="Attest the declared results of this statement version; calculate the ledger again if in doubt.",
    )
