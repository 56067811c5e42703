"""The gap-filling model as a file: signed and strictly read, like the plausibility model."""

from dataclasses import dataclass, field

from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.jws import Jwk, SigningKey, sign_jws, verify_jws
from carbonport.federated.boosting import BoostingModel
from carbonport.federated.gap_filling import GAP_TASK
from carbonport.federated.model_card import ModelCard, malformed_model, read_card, require

GAP_MODEL_TYPE = "carbonport-gap-filling+jws"
"""The `typ` of the token."""

GAP_MODEL_VERSION = "gap-filling/v1"
"""Version of the task's definition and of the format."""

MAX_GAP_MODEL_BYTES = 1 << 20
"""The largest file that is read; ours have some 40 KB."""

MAX_VALUE = 1 << 24
"""A cell's correction is far below the whole range of the target."""


@dataclass(frozen=True, slots=True)
class GapModel:
    """The model, who signs for it, the number of the issue, when (unix seconds), and its card."""

    issuer: str
    number: int
    issued_at: int
    model: BoostingModel
    card: ModelCard = field(repr=False)


def sign_gap_model(gap_model: GapModel, key: SigningKey) -> str:
    """The model as a token; it is read back first."""
    payload = canonical_bytes(
        {
            "version": GAP_MODEL_VERSION,
            "issuer": gap_model.issuer,
            "number": gap_model.number,
            "issued_at": gap_model.issued_at,
            "model": gap_model.model.as_json(),
            "card": gap_model.card.as_json(),
        }
    )
    _read(payload)
    return sign_jws(key, {"typ": GAP_MODEL_TYPE}, payload)


def verify_gap_model(token: str, jwk: Jwk) -> GapModel:
    """Check the signature with `jwk`, then read strictly."""
    if len(token) > MAX_GAP_MODEL_BYTES:
        raise malformed_model(f"a file of {len(token)} characters", f"at most {MAX_GAP_MODEL_BYTES}")
    return _read(verify_jws(token, jwk, typ=GAP_MODEL_TYPE, max_bytes=MAX_GAP_MODEL_BYTES).payload)


def _read(payload: bytes) -> GapModel:
    fields = StrictFields(parse_canonical(payload, max_bytes=MAX_GAP_MODEL_BYTES), "model")
    require(fields.text("version") == GAP_MODEL_VERSION, "a model of another version", GAP_MODEL_VERSION)
    model = GapModel(
        issuer=fields.text("issuer", pattern=PARTICIPANT_ID),
        number=fields.integer("number", minimum=1),
        issued_at=fields.integer("issued_at"),
        model=_read_boosting(fields.nested("model")),
        card=read_card(fields.nested("card")),
    )
    fields.finish()
    return model


def _read_boosting(fields: StrictFields) -> BoostingModel:
    require(fields.text("kind") == "boosting", "another kind of model", "boosting")
    require(fields.text("seed") == GAP_TASK.seed, "trees of another seed", GAP_TASK.seed)
    base = fields.integer("base", minimum=-MAX_VALUE, maximum=MAX_VALUE)
    nodes = 2 * GAP_TASK.drawn.leaves - 2
    cells = [_integers(item, 0, nodes) for item in fields.items("cells", max_items=GAP_TASK.trees)]
    values = [
        _integers(item, -MAX_VALUE, MAX_VALUE) for item in fields.items("values", max_items=GAP_TASK.trees)
    ]
    require(len(cells) == len(values) == GAP_TASK.trees, "another number of trees", f"{GAP_TASK.trees} trees")
    fit = all(len(of_tree) in (0, len(own)) for own, of_tree in zip(cells, values, strict=True))
    require(
        fit and all(len(set(own)) == len(own) for own in cells), "values of other cells", "one for each cell"
    )
    fields.finish()
    # A tree without values says nothing, whatever its cells.
    kept = tuple(own if of_tree else () for own, of_tree in zip(cells, values, strict=True))
    return BoostingModel(GAP_TASK, base, kept, tuple(values))


def _integers(item: Json, low: int, high: int) -> tuple[int, ...]:
    require(
        isinstance(item, list) and len(item) <= GAP_TASK.drawn.leaves, "cells in another form", "short lists"
    )
    assert isinstance(item, list), "required above"
    good = all(
        isinstance(value, int) and not isinstance(value, bool) and low <= value <= high for value in item
    )
    require(good, "numbers out of range", f"{low} to {high}")
    return tuple(int(str(value)) for value in item)
