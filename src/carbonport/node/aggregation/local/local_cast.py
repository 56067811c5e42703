"""The parties of a local aggregation, made for one run: keys, a trust list, and a verifier that signs the rows as
given.

The jurisdiction is `ZZ`, which ISO 3166 leaves to its users and no state has. Nothing outlives the run but the result.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

from carbonport.attestation.commitments import (
    NONCE_BYTES,
    ROLE_INPUT,
    LabelledValue,
    LeafLabel,
    LeafOpening,
    commit_values,
)
from carbonport.attestation.participants import Accreditation, Participant, TrustedKey
from carbonport.attestation.statement import (
    AccreditationReference,
    Materiality,
    Statement,
    StatusReference,
    sign_statement,
)
from carbonport.attestation.statement_tree import StatementTree
from carbonport.attestation.trust_list import TrustList, WitnessRule, issue_trust_list
from carbonport.attestation.trust_store import TrustStore
from carbonport.crypto.ambient import RandomBytes
from carbonport.crypto.canonical import b64url_encode
from carbonport.crypto.jws import SigningKey
from carbonport.crypto.pedersen import PERIOD_KEY_BYTES, Opening
from carbonport.crypto.sealing import hpke_generate
from carbonport.crypto.sums.attested import AttestedValue
from carbonport.footprint.ledger import Period
from carbonport.node.aggregation.contribute_once import interval_of
from carbonport.node.aggregation.contribution import GivenMetric, ShownLeaf
from carbonport.node.aggregation.local.row_table import Row, RowTable
from carbonport.node.identity.names import Role

JURISDICTION = "ZZ"
"""A user-assigned code of ISO 3166-1."""

LOCAL_VERIFIER = f"{JURISDICTION}/LOCALVERIFIER"
"""Signs every row without having seen a plant."""

LOCAL_COORDINATOR = f"{JURISDICTION}/LOCALCOORDINATOR"

LOCAL_RELEASER = f"{JURISDICTION}/LOCALRELEASER"
"""Tests dominance on the true values, where the order asks for it."""

LOCAL_REMARK = "a local verifier signed the rows of the table as they were given; it saw no plant"
"""What statement and result say about that."""

LIST_YEARS = 10
"""How long the made trust list is current, so that the result file can be checked later."""

SECONDS_PER_YEAR = 366 * 86_400


@dataclass(frozen=True, slots=True)
class RowStatement:
    """A row's statement: its token, and the openings of its leaves. Secret."""

    token: str
    openings: tuple[LeafOpening, ...] = field(repr=False)

    def given(self) -> tuple[GivenMetric, ...]:
        """Each column's leaf, shown."""
        tree = StatementTree(self.openings)
        return tuple(
            GivenMetric(opening.label.path, (ShownLeaf(opening.leaf(), index, tree.inclusion_proof(index)),))
            for index, opening in enumerate(self.openings)
        )

    def attested(self) -> tuple[AttestedValue, ...]:
        """The same from the owner's side."""
        return tuple(
            AttestedValue(Opening(one.value, one.blinding), one.label.decimals) for one in self.openings
        )


class LocalCast:
    """Keys of everyone, the list that names them, and statements over rows."""

    def __init__(
        self, table: RowTable, *, holders: int, period: str, now: int, random_bytes: RandomBytes
    ) -> None:
        self._random_bytes, self._period, self._now = random_bytes, period, now
        self.contributors: Mapping[str, Row] = {
            f"{JURISDICTION}/ROW{number:05}": row for number, row in enumerate(table.rows, start=1)
        }
        self._columns = table.columns
        self.holders = tuple(f"{JURISDICTION}/LOCALHOLDER{number}" for number in range(1, holders + 1))
        everyone = (LOCAL_COORDINATOR, LOCAL_RELEASER, *self.holders, *self.contributors)
        self.keys = {name: SigningKey.generate(random_bytes) for name in everyone}
        self._verifier_key = SigningKey.generate(random_bytes)
        self._list_key = SigningKey.generate(random_bytes)
        self.releaser_hpke = hpke_generate(random_bytes)

    @cached_property
    def trust_list(self) -> str:
        """The list of everybody, signed."""
        roles = {
            LOCAL_COORDINATOR: Role.COORDINATOR,
            **dict.fromkeys(self.holders, Role.KEY_HOLDER),
            **dict.fromkeys(self.contributors, Role.EXPORTER),
        }
        participants = [
            self._participant(name, role, self._listed("seal", self.keys[name]))
            for name, role in roles.items()
        ]
        verifier = self._listed("verifier-seal", self._verifier_key)
        participants.append(self._participant(LOCAL_VERIFIER, Role.VERIFIER, verifier))
        releaser = self._listed("seal", self.keys[LOCAL_RELEASER])
        raw = b64url_encode(self.releaser_hpke.public)
        hpke = TrustedKey("openings", "hpke", "hpke", {}, raw, releaser.valid_from, releaser.valid_until)
        participants.append(self._participant(LOCAL_RELEASER, Role.REGULATOR, releaser, hpke))
        content = TrustList(
            jurisdiction=JURISDICTION,
            seq=1,
            issued_at=self._now,
            next_update=self._now + LIST_YEARS * SECONDS_PER_YEAR,
            prev_hash="",
            recognised={},
            participants=tuple(participants),
            witness_rule=WitnessRule(0, ()),
        )
        return issue_trust_list(content, self._list_key)

    def store(self) -> TrustStore:
        """A trust store that believes the list."""
        store = TrustStore({JURISDICTION: (self._list_key.public_jwk,)})
        store.add(self.trust_list, now=self._now)
        return store

    def sign_row(self, contributor: str) -> RowStatement:
        """The local verifier's statement over one row, with one leaf a column."""
        row = self.contributors[contributor]
        nonce = self._random_bytes(NONCE_BYTES)
        labels = (
            LeafLabel(ROLE_INPUT, column.name, "", column.decimals, column.bits) for column in self._columns
        )
        openings = commit_values(
            (LabelledValue(label, value) for label, value in zip(labels, row.values, strict=True)),
            period=Period(*interval_of(self._period)),
            period_key=self._random_bytes(PERIOD_KEY_BYTES),
            nonce=nonce,
        )
        tree = StatementTree(openings)
        statement = Statement(
            issuer=LOCAL_VERIFIER,
            exporter=contributor,
            installation=row.name,
            country=JURISDICTION,
            period=self._period,
            scope="definitive",
            nonce=nonce,
            version=1,
            supersedes="",
            root=tree.subtree(0, tree.size),
            leaf_count=tree.size,
            goods=(),
            materiality=Materiality("0", "0", "none"),
            opinion="satisfactory",
            comments=(LOCAL_REMARK,),
            accreditation=AccreditationReference(LOCAL_REMARK, "none", "none"),
            openings="deleted",
            status=StatusReference("local:none", 0),
            issued_at=self._now,
        )
        return RowStatement(sign_statement(statement, self._verifier_key), openings)

    def _listed(self, usage: str, key: SigningKey) -> TrustedKey:
        end = self._now + LIST_YEARS * SECONDS_PER_YEAR
        return TrustedKey(key.kid, usage, "jwk", key.public_jwk, "", self._now, end)

    def _participant(self, name: str, role: Role, *keys: TrustedKey) -> Participant:
        row = self.contributors.get(name)
        accreditation = None
        if role is Role.VERIFIER:
            end = self._now + LIST_YEARS * SECONDS_PER_YEAR
            accreditation = Accreditation(LOCAL_REMARK, "none", "none", (), self._now, end)
        return Participant(
            id=name,
            name=row.name if row is not None and row.name else name,
            country=JURISDICTION,
            roles=frozenset({role.value}),
            node=None,
            keys=keys,
            accreditation=accreditation,
        )
