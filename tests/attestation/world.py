"""A whole exchange in memory: keys, trust lists, ledger, statement, logs, attestation, receipt, bundle.

Every part is the real one but for the log, which is a tree in a list. A test takes the world as it is, or
builds one that differs in one respect (`build_world(...)`), or changes a part and puts the bundle together
again.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from importlib.resources import files
from pathlib import Path

from carbonport.attestation.bench import (
    EarlierStatement,
    Examination,
    SignedStatement,
    examine,
    sign_examined,
)
from carbonport.attestation.bundle import Bundle, only_known_signatures, write_bundle
from carbonport.attestation.commitments import LeafOpening
from carbonport.attestation.credential import ATTESTED_RESULTS
from carbonport.attestation.evidence import Evidence, OpeningEvidence, open_results
from carbonport.attestation.evidence_task import EvidenceTask, evidence_task
from carbonport.attestation.good_graphs import good_graphs
from carbonport.attestation.presentation import PresentationSeal
from carbonport.attestation.proof_checking import ProofBinding, claim_under
from carbonport.attestation.sealed_form import Sealing
from carbonport.attestation.shown_graph import place_key
from carbonport.attestation.signed_figures import SignedFigures, signed_figures
from carbonport.attestation.statement import AccreditationReference, Statement, StatusReference
from carbonport.attestation.statement_draft import StatementDraft, draft_statement, open_draft, seal_draft
from carbonport.attestation.statement_tree import StatementTree
from carbonport.attestation.supplier_statements import OpenedSupplier
from carbonport.attestation.trust_list import (
    Accreditation,
    NodeEntry,
    Participant,
    TrustedKey,
    TrustList,
    WitnessRule,
    issue_trust_list,
)
from carbonport.attestation.trust_store import TrustStore
from carbonport.attestation.witness_rules import known_note_keys
from carbonport.crypto.canonical import Json
from carbonport.crypto.checkpoint import Checkpoint, cosign, sign_checkpoint
from carbonport.crypto.fieldtree import fields_root, salted_fields
from carbonport.crypto.jws import SigningKey
from carbonport.crypto.log_entry import Entry, EntryType, Event, FieldName, payload_digest
from carbonport.crypto.merkle import inclusion_proof, leaf_hash, node_hash, tree_root
from carbonport.crypto.notes import TYPE_COSIGNATURE, NoteSigner
from carbonport.crypto.receipt import Receipt
from carbonport.crypto.sealing import HpkeKeyPair, hpke_generate
from carbonport.crypto.statuslist import StatusBits, status_token
from carbonport.footprint.calculation import Calculation, calculate
from carbonport.footprint.catalogue import Catalogue
from carbonport.footprint.graph import Graph
from carbonport.footprint.intake.yaml_ledger import read_yaml_ledger
from carbonport.footprint.ledger import Ledger

NOW = 1_800_000_000
"""The moment at which bundles are checked."""

DAY = 86_400

EXPORTER = "CN/529900EXPORTER000010"
VERIFIER = "CN/529900VERIFIER000010"
IMPORTER = "EU/529900IMPORTER000010"
OTHER_IMPORTER = "EU/529900OTHERIMPO0010"
REGULATOR = "EU/529900REGULATOR0010"
STATUS_URI = "https://exporter.example/status/attestations/1"
STATEMENT_STATUS_URI = "https://verifier.example/status/statements/1"
ATTESTATION_ID = "0123456789abcdef0123456789abcdef"
EXCHANGE_ID = "00112233445566778899aabbccddeeff"
CERTIFICATE = "CNAS V0123"
NONCE_SECRET = hashlib.sha256(b"nonce secret of the tests").digest()
PERIOD_KEY = hashlib.sha256(b"period key of the tests").digest()
EXAMPLE = Path(str(files("carbonport") / "examples" / "steelworks.yaml"))


def counted_bytes(seed: str) -> Callable[[int], bytes]:
    """A repeatable stand-in for randomness."""
    state = hashlib.shake_256(seed.encode()).digest(1 << 16)
    position = 0

    def draw(length: int) -> bytes:
        nonlocal position
        position += length
        assert position <= len(state)
        return state[position - length : position]

    return draw


@cache
def ledger() -> Ledger:
    """The steelworks that ships with the program."""
    return read_yaml_ledger(EXAMPLE, Catalogue.load())


@cache
def calculation() -> Calculation:
    """Its calculation in the scope of its period."""
    return calculate(ledger())


@dataclass(frozen=True)
class Keys:
    """Everybody's private keys, made once."""

    eu_list: SigningKey = field(default_factory=SigningKey.generate)
    cn_list: SigningKey = field(default_factory=SigningKey.generate)
    exporter: SigningKey = field(default_factory=SigningKey.generate)
    importer: SigningKey = field(default_factory=SigningKey.generate)
    other_importer: SigningKey = field(default_factory=SigningKey.generate)
    verifier: SigningKey = field(default_factory=SigningKey.generate)
    stranger: SigningKey = field(default_factory=SigningKey.generate)
    verifier_hpke: HpkeKeyPair = field(default_factory=hpke_generate)
    exporter_log: NoteSigner = field(default_factory=lambda: NoteSigner.generate("exporter.example/log"))
    verifier_log: NoteSigner = field(default_factory=lambda: NoteSigner.generate("verifier.example/log"))
    witness: NoteSigner = field(
        default_factory=lambda: NoteSigner.generate("regulator.example/witness", TYPE_COSIGNATURE)
    )
    unlisted_witness: NoteSigner = field(
        default_factory=lambda: NoteSigner.generate("nobody.example/witness", TYPE_COSIGNATURE)
    )


@cache
def keys() -> Keys:
    """The keys of the world."""
    return Keys()


def listed(signing: SigningKey, usage: str, **changes: object) -> TrustedKey:
    """A JWK of a trust list, valid for a year around now."""
    entry = TrustedKey(
        kid=signing.kid,
        usage=usage,
        format="jwk",
        jwk=signing.public_jwk,
        text="",
        valid_from=NOW - 180 * DAY,
        valid_until=NOW + 180 * DAY,
    )
    return replace(entry, **changes)  # type: ignore[arg-type]


def listed_note(signer: NoteSigner, usage: str) -> TrustedKey:
    """A log or witness key of a trust list."""
    text = str(signer.verifier)
    kid = signer.verifier.key_id.hex()
    return TrustedKey(kid, usage, "note", {}, text, NOW - 180 * DAY, NOW + 180 * DAY)


def participant(
    participant_id: str,
    role: str,
    *entries: TrustedKey,
    accreditation: Accreditation | None = None,
) -> Participant:
    """An entry of a trust list."""
    jurisdiction, _, number = participant_id.partition("/")
    node = NodeEntry(f"{role}.example:7443", ("ab" * 32,), f"spiffe://{jurisdiction.lower()}/node/{number}")
    return Participant(
        id=participant_id,
        name=f"The {role} of the tests",
        country="CN" if jurisdiction == "CN" else "DE",
        roles=frozenset({role}),
        node=node,
        keys=entries,
        accreditation=accreditation,
    )


def accreditation(**changes: object) -> Accreditation:
    """The verifier's accreditation."""
    held = Accreditation(
        body="CNAS",
        certificate=CERTIFICATE,
        scheme="ISO 14065",
        activity_groups=("Iron or steel products", "Crude steel"),
        valid_from=NOW - 90 * DAY,
        valid_until=NOW + 90 * DAY,
    )
    return replace(held, **changes)  # type: ignore[arg-type]


def chinese_list(**changes: object) -> TrustList:
    """Exporter and verifier."""
    held = changes.pop("accreditation", accreditation())
    k = keys()
    content = TrustList(
        jurisdiction="CN",
        seq=7,
        issued_at=NOW - DAY,
        next_update=NOW + 30 * DAY,
        prev_hash="77" * 32,
        recognised={"EU": (k.eu_list.public_jwk,)},
        participants=(
            participant(EXPORTER, "exporter", listed(k.exporter, "seal"), listed_note(k.exporter_log, "log")),
            participant(
                VERIFIER,
                "verifier",
                listed(k.verifier, "verifier-seal"),
                listed_note(k.verifier_log, "log"),
                accreditation=held,  # type: ignore[arg-type]
            ),
        ),
        witness_rule=WitnessRule(1, (REGULATOR,)),
    )
    return replace(content, **changes)  # type: ignore[arg-type]


def european_list(**changes: object) -> TrustList:
    """Importers and the regulator, who witnesses; recognises the Chinese list key."""
    k = keys()
    content = TrustList(
        jurisdiction="EU",
        seq=3,
        issued_at=NOW - DAY,
        next_update=NOW + 30 * DAY,
        prev_hash="33" * 32,
        recognised={"CN": (k.cn_list.public_jwk,)},
        participants=(
            participant(IMPORTER, "importer", listed(k.importer, "seal")),
            participant(OTHER_IMPORTER, "importer", listed(k.other_importer, "seal")),
            participant(REGULATOR, "regulator", listed_note(k.witness, "witness")),
        ),
        witness_rule=WitnessRule(1, (REGULATOR,)),
    )
    return replace(content, **changes)  # type: ignore[arg-type]


def log_receipt(
    signer: NoteSigner,
    values: Mapping[str, bytes],
    payload: bytes,
    *,
    entry_type: EntryType,
    time: int,
    witnesses: Sequence[NoteSigner],
) -> Receipt:
    """A receipt of a log that holds two entries of others before and one after this one."""
    leaves = salted_fields({**values, FieldName.PAYLOAD: payload_digest(payload)}, counted_bytes("fields"))
    event = Event(entry_type, EXCHANGE_ID, time, fields_root(leaves))
    key = hashlib.sha256(payload).digest()
    hashes = [leaf_hash(b"one"), leaf_hash(b"two"), Entry.of(event, key).tree_leaf, leaf_hash(b"four")]
    levels = [hashes, [node_hash(*hashes[:2]), node_hash(*hashes[2:])]]
    note = sign_checkpoint(Checkpoint(signer.name, len(hashes), tree_root(hashes)), signer)
    for witness in witnesses:
        note = cosign(note, witness, time)
    proof = inclusion_proof(2, len(hashes), lambda level, index: levels[level][index])
    return Receipt(2, tuple(proof), note, event.encode(), key, leaves)


@cache
def figures(
    nonce: bytes = hashlib.sha256(b"nonce 1").digest(), sealing: Sealing = Sealing.ATTRIBUTED
) -> SignedFigures:
    """What a statement with this nonce signs of it; that of the first version."""
    return signed_figures(ledger(), good_graphs(calculation()), place_key(PERIOD_KEY, nonce), sealing)


@cache
def draft(
    version: int = 1,
    supersedes: str = "",
    nonce: bytes | None = None,
    sealing: Sealing = Sealing.ATTRIBUTED,
) -> StatementDraft:
    """The exporter's draft, over the example's ledger."""
    number = hashlib.sha256(b"nonce %d" % version).digest() if nonce is None else nonce
    return draft_statement(
        ledger(),
        figures(number, sealing),
        exporter=EXPORTER,
        scope=calculation().scope.value,
        period_key=PERIOD_KEY,
        nonce=number,
        version=version,
        supersedes=supersedes,
    )


def sealed_and_opened(content: StatementDraft) -> StatementDraft:
    """The draft on its way to the verifier."""
    pair = keys().verifier_hpke
    sealed = seal_draft(content, verifier=VERIFIER, hpke_kid="hpke-1", hpke_public=pair.public)
    return open_draft(sealed, verifier=VERIFIER, hpke_kid="hpke-1", hpke_private=pair.private)


def signed_statement(
    content: StatementDraft | None = None,
    *,
    key: SigningKey | None = None,
    opinion: str = "satisfactory",
    earlier: Sequence[EarlierStatement] = (),
) -> SignedStatement:
    """What the bench signs of a draft."""
    examination = examine(ledger(), draft() if content is None else content)
    return signed_examination(examination, key=key, opinion=opinion, earlier=earlier)


def signed_examination(
    examination: Examination,
    *,
    key: SigningKey | None = None,
    opinion: str = "satisfactory",
    earlier: Sequence[EarlierStatement] = (),
) -> SignedStatement:
    """What the bench signs of an examination."""
    return sign_examined(
        examination,
        key=keys().verifier if key is None else key,
        verifier=VERIFIER,
        accreditation=AccreditationReference("CNAS", CERTIFICATE, "ISO 14065"),
        opinion=opinion,
        status=StatusReference(STATEMENT_STATUS_URI, 5),
        clock=lambda: NOW - 20 * DAY,
        earlier=earlier,
    )


def gate_claims(**items: Json) -> dict[str, Json]:
    """What the exporter's gate composes for the importer: the values are the calculation's own."""
    good = calculation().goods[0]
    values: dict[str, Json] = {
        "operator": "Hebei Yanhai Iron and Steel Co., Ltd.",
        "country": "CN",
        "cn": good.cn,
        "period": {"start": "2026-01-01", "end": "2026-12-31"},
        "see_direct": good.attested("see_direct"),
        "default_share": good.attested("default_share"),
        "consignment": "LOT-2027-001",
        "net_mass": "1200.000000",
        "verification_opinion": "satisfactory",
    }
    return {
        "v": 1,
        "purpose": "cbam-declaration",
        "recipient": IMPORTER,
        "decision": "ab" * 16,
        "items": {**values, **items},
    }


@dataclass(frozen=True)
class World:
    """The parts of one exchange, and the bundle put together from them."""

    bundle: Bundle
    statement: SignedStatement
    openings: tuple[LeafOpening, ...]

    @property
    def data(self) -> bytes:
        """The bundle as a file."""
        return write_bundle(self.bundle, keys().importer)

    def resealed(self, key: SigningKey | None = None, **changes: object) -> bytes:
        """The bundle with changed parts, sealed again by the importer or by `key`."""
        return write_bundle(replace(self.bundle, **changes), keys().importer if key is None else key)  # type: ignore[arg-type]


def status(
    key: SigningKey, uri: str, issuer: str, *, revoked: Sequence[int] = (), issued_at: int = NOW - 3600
) -> str:
    """A status token over 64 places."""
    bits = StatusBits(64, revoked)
    return status_token(
        key, issuer=issuer, uri=uri, bits=bits, iat=issued_at, exp=issued_at + 14 * DAY, ttl=3600
    )


def presentation_seal(
    statement: SignedStatement,
    evidence: Evidence,
    *,
    signed_at: int = NOW - 20 * DAY,
    **changes: object,
) -> PresentationSeal:
    """The exporter's signer."""
    k = keys()
    seal = PresentationSeal(
        key=k.exporter,
        issuer=EXPORTER,
        attestation_id=ATTESTATION_ID,
        process="steel",
        statement=statement.token,
        statement_issuer=VERIFIER,
        statement_receipt=log_receipt(
            k.verifier_log,
            {},
            statement.token.encode(),
            entry_type=EntryType.STATEMENT,
            time=signed_at,
            witnesses=[k.witness],
        ),
        evidence=evidence,
        status=StatusReference(STATUS_URI, 9),
        issued_at=NOW - 2 * DAY,
        policy="cd" * 32,
        random_bytes=counted_bytes("sd-jwt"),
    )
    return replace(seal, **changes)  # type: ignore[arg-type]


def opened_evidence(openings: tuple[LeafOpening, ...], *, cn: str = "72083900") -> OpeningEvidence:
    """What an exporter shows whose graph cannot be proved."""
    return open_results(
        openings,
        process="steel",
        cn=cn,
        results=["default_share", "see_direct"],
        reason="proof-node-kind",
    )


def proof_evidence(
    statement: SignedStatement, openings: tuple[LeafOpening, ...], claims: Mapping[str, Json]
) -> Evidence:
    """An honest sealed proof of the good's own results, whatever the claims state of them."""
    items = claims["items"]
    assert isinstance(items, Mapping)
    names = tuple(sorted(ATTESTED_RESULTS & items.keys())) or ("see_direct",)
    cn, consignment = str(items["cn"]), str(items["consignment"])
    return _proved(statement, openings, str(claims["recipient"]), consignment, cn, names)


def proof_task(
    openings: Sequence[LeafOpening],
    graph: Graph,
    statement: Statement,
    binding: ProofBinding,
    *,
    process: str,
    cn: str,
    results: Mapping[str, str],
    open_paths: Collection[str],
    nonce_secret: bytes,
    tree: StatementTree | None = None,
    suppliers: Sequence[OpenedSupplier] = (),
) -> EvidenceTask:
    """What proving these results from this graph takes."""
    digest = graph.digest.hex()
    claim = claim_under(statement, binding, process=process, cn=cn, results=results, digest=digest)
    return evidence_task(
        openings,
        graph,
        claim,
        open_paths=open_paths,
        nonce_secret=nonce_secret,
        tree=tree,
        suppliers=suppliers,
    )


_PROOFS: dict[tuple[object, ...], Evidence] = {}


def _proved(
    statement: SignedStatement,
    openings: tuple[LeafOpening, ...],
    recipient: str,
    consignment: str,
    cn: str,
    names: tuple[str, ...],
) -> Evidence:
    key = (statement.digest, openings[0].salt, recipient, consignment, cn, names)
    if key not in _PROOFS:
        goods = figures()
        graph = goods.good("steel", cn).sealed
        assert graph is not None
        good = next(good for good in calculation().goods if good.cn == cn)
        task = proof_task(
            openings,
            graph,
            replace(statement.statement, goods=draft().goods),
            ProofBinding(statement.digest, EXPORTER, "cbam-declaration", recipient, consignment),
            process="steel",
            cn=cn,
            results={name: good.attested(name) for name in names},
            open_paths=[path for path in goods.sources if "/precursor_see_" in path],
            nonce_secret=NONCE_SECRET,
        )
        _PROOFS[key] = task.prove()
    return _PROOFS[key]


def build_world(
    *,
    lists: Sequence[str] | None = None,
    statement: SignedStatement | None = None,
    openings: tuple[LeafOpening, ...] | None = None,
    claims: Mapping[str, Json] | None = None,
    witnesses: Sequence[NoteSigner] | None = None,
    recipient: str = IMPORTER,
    evidence: Evidence | None = None,
    known_lines_only: bool = True,
    presentation: Callable[[bytes], bytes] = lambda data: data,
    **seal_changes: object,
) -> World:
    """A sound exchange, or one that differs in what is given.

    `presentation` changes the bytes before they are logged: a lying exporter's own doing.
    """
    k = keys()
    if lists is None:
        lists = [issue_trust_list(european_list(), k.eu_list), issue_trust_list(chinese_list(), k.cn_list)]
    statement = _signed_once() if statement is None else statement
    openings = tuple(item.opening for item in draft().leaves) if openings is None else openings
    claims = gate_claims() if claims is None else claims
    if evidence is None:
        evidence = proof_evidence(statement, openings, claims)
    sealer = presentation_seal(statement, evidence, **seal_changes)  # type: ignore[arg-type]
    payload = presentation(sealer(claims))
    receipt = log_receipt(
        k.exporter_log,
        {FieldName.RECIPIENT: recipient.encode()},
        payload,
        entry_type=EntryType.CROSSING,
        time=NOW - DAY,
        witnesses=[k.witness] if witnesses is None else witnesses,
    )
    if known_lines_only:
        store = TrustStore({"EU": [k.eu_list.public_jwk]})
        for token in (
            issue_trust_list(european_list(), k.eu_list),
            issue_trust_list(chinese_list(), k.cn_list),
        ):
            store.add(token, now=NOW)
        receipt = only_known_signatures(receipt, known_note_keys(store))
    bundle = Bundle(
        importer=IMPORTER,
        received_at=NOW - DAY,
        presentation=payload,
        receipt=receipt.encode(),
        attestation_status=status(k.exporter, STATUS_URI, EXPORTER, revoked=[3]),
        statement_status=status(k.verifier, STATEMENT_STATUS_URI, VERIFIER, revoked=[4]),
        trust_lists=tuple(lists),
        anchors={"EU": (k.eu_list.public_jwk,)},
    )
    return World(bundle, statement, openings)


@cache
def _signed_once() -> SignedStatement:
    return signed_statement(sealed_and_opened(draft()))


@cache
def world() -> World:
    """The sound exchange."""
    return build_world()
