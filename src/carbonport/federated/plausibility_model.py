"""The plausibility model as a file: signed, numbered, plain text, with a card that says what it is worth.

A compact JWS (`carbonport.crypto.jws`) over canonical JSON: integers and texts, nothing that runs. A reader checks the
signature first, then every field; weights and offsets mean what the task of the same version defines, so a model of
another version is refused. Whose key it is, is the trust list's matter.
"""

import re
from dataclasses import dataclass, field

from carbonport.attestation.participants import PARTICIPANT_ID
from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json, canonical_bytes, parse_canonical
from carbonport.crypto.jws import Jwk, SigningKey, peek_header, sign_jws, verify_jws
from carbonport.federated.bucket_ridge import BUCKETS, BucketRidge
from carbonport.federated.buckets import FEWEST_BUCKETS
from carbonport.federated.cells import Cells
from carbonport.federated.features import OTHER, Category
from carbonport.federated.model_card import ModelCard, malformed_model, read_card, require
from carbonport.federated.plausibility_tasks import (
    INDEPENDENT_TASK,
    PRIVATE_INDEPENDENT_TASK,
    RECALCULATION_TASK,
    ROUTE,
)
from carbonport.federated.quantiles import FINE, GRID_BINS
from carbonport.federated.recalculation import RecalculationModel
from carbonport.federated.ridge import RIDGE, RIDGE_FOR_NOISE, RidgeModel

MODEL_TYPE = "carbonport-plausibility+jws"
"""The `typ` of the token."""

MODEL_VERSION = "plausibility/v1"
"""Version of the tasks' definition and of the format."""

MAX_MODEL_BYTES = 1 << 20
"""The largest model file that is read; ours have some 3 KB."""

MAX_BUCKETS = 64
"""Most buckets of a model."""

_INTEGER = re.compile(r"-?[0-9]{1,30}")


@dataclass(frozen=True, slots=True)
class PlausibilityModel:
    """Both models, who signs for them, the number of the issue (later ones replace earlier ones), and when (unix
    seconds)."""

    issuer: str
    number: int
    issued_at: int
    recalculation: RecalculationModel
    independent: RidgeModel | BucketRidge
    card: ModelCard = field(repr=False)


def sign_model(model: PlausibilityModel, key: SigningKey) -> str:
    """The model as a token; it is read back first, so that no unreadable model is signed."""
    payload = canonical_bytes(
        {
            "version": MODEL_VERSION,
            "issuer": model.issuer,
            "number": model.number,
            "issued_at": model.issued_at,
            "recalculation": model.recalculation.as_json(),
            "independent": model.independent.as_json(),
            "card": model.card.as_json(),
        }
    )
    _read(payload)
    return sign_jws(key, {"typ": MODEL_TYPE}, payload)


def model_kid(token: str) -> str:
    """The key that a model names; unverified, good for looking it up."""
    _require_size(token)
    return str(peek_header(token).get("kid", ""))


def verify_model(token: str, jwk: Jwk) -> PlausibilityModel:
    """Check the signature with `jwk`, then read strictly; Malformed or FailedVerification."""
    _require_size(token)
    return _read(verify_jws(token, jwk, typ=MODEL_TYPE, max_bytes=MAX_MODEL_BYTES).payload)


def _require_size(token: str) -> None:
    if len(token) > MAX_MODEL_BYTES:
        raise malformed_model(f"a file of {len(token)} characters", f"at most {MAX_MODEL_BYTES}")


def _read(payload: bytes) -> PlausibilityModel:
    fields = StrictFields(parse_canonical(payload, max_bytes=MAX_MODEL_BYTES), "model")
    if fields.text("version") != MODEL_VERSION:
        raise malformed_model("a model of another version", MODEL_VERSION)
    model = PlausibilityModel(
        issuer=fields.text("issuer", pattern=PARTICIPANT_ID),
        number=fields.integer("number", minimum=1),
        issued_at=fields.integer("issued_at"),
        recalculation=_read_recalculation(fields.nested("recalculation")),
        independent=_read_independent(fields.nested("independent")),
        card=read_card(fields.nested("card")),
    )
    fields.finish()
    return model


def _read_recalculation(fields: StrictFields) -> RecalculationModel:
    require(fields.text("kind") == "recalculation", "another kind of model", "recalculation")
    require(fields.integer("grid_parts") == GRID_BINS * FINE, "another grid", f"{GRID_BINS * FINE} parts")
    cells = _read_cells(fields.nested("cells"), RECALCULATION_TASK.category)
    offsets = _positions(fields.items("offsets", max_items=len(cells.groups)))
    require(len(offsets) == len(cells.groups), "offsets of other cells", "an offset for each cell")
    quartiles: tuple[int, int] | None = None
    if fields.value("quartiles") is not None:
        lower, upper = _positions(fields.items("quartiles", max_items=2), count=2)
        require(lower <= upper, "quartiles in another order", "the lower one first")
        quartiles = (lower, upper)
    fields.finish()
    return RecalculationModel(RECALCULATION_TASK, cells, offsets, quartiles)


def _read_independent(fields: StrictFields) -> RidgeModel | BucketRidge:
    if not fields.has("models"):
        return _read_ridge(fields)
    require(fields.text("kind") == BUCKETS, "another kind of model", BUCKETS)
    models = fields.each("models", _read_ridge, max_items=MAX_BUCKETS)
    require(len(models) >= FEWEST_BUCKETS, "too few buckets", f"at least {FEWEST_BUCKETS}")
    fields.finish()
    return BucketRidge(models)


def _read_ridge(fields: StrictFields) -> RidgeModel:
    kind = fields.text("kind")
    require(kind in (RIDGE, RIDGE_FOR_NOISE), "another kind of model", f"{RIDGE} or {RIDGE_FOR_NOISE}")
    private = kind == RIDGE_FOR_NOISE
    cells = _read_cells(fields.nested("cells"), INDEPENDENT_TASK.categories[ROUTE])
    count, numbers = len(cells.groups), len(INDEPENDENT_TASK.numbers)
    fields.integer("weight_fraction_bits", minimum=24, maximum=24)
    weights = _large(fields.items("weights", max_items=1000))
    deviations = _large(fields.items("deviations", max_items=count))
    means = tuple(_positions(_list(item), limit=1 << 13, low=-(1 << 13)) for item in fields.items("means"))
    slopes = numbers * (1 if private else 1 + count)
    require(len(weights) == 1 + count + slopes, "weights of another task", "one for each feature")
    figures = len(deviations) == count and len(means) == (0 if private else count)
    require(figures, "figures of other cells", "one for each cell")
    require(all(len(mean) == numbers for mean in means), "means of other numbers", "one for each number")
    rows = fields.integer("rows", minimum=0)
    fields.finish()
    task = PRIVATE_INDEPENDENT_TASK if private else INDEPENDENT_TASK
    return RidgeModel(task, {ROUTE: cells}, weights, rows, deviations, means)


def _read_cells(fields: StrictFields, category: Category) -> Cells:
    groups = tuple(
        tuple(str(value) for value in _list(group)) for group in fields.items(ROUTE, max_items=100)
    )
    fields.finish()
    values = [value for group in groups for value in group]
    known = set(values) <= {*category.values, OTHER} and len(set(values)) == len(values)
    require(known and all(groups), "cells of other values", "each listed value in one cell at most")
    return Cells(groups)


def _positions(
    items: list[Json], *, count: int | None = None, limit: int = GRID_BINS * FINE, low: int = 0
) -> tuple[int, ...]:
    good = all(
        isinstance(item, int) and not isinstance(item, bool) and low <= item <= limit for item in items
    )
    require(good and (count is None or len(items) == count), "numbers out of range", f"{low} to {limit}")
    return tuple(int(str(item)) for item in items)


def _large(items: list[Json]) -> tuple[int, ...]:
    good = all(isinstance(item, str) and _INTEGER.fullmatch(item) for item in items)
    require(good, "weights in another form", "integers as text")
    return tuple(int(str(item)) for item in items)


def _list(item: Json) -> list[Json]:
    require(isinstance(item, list), "something that is no list", "a list")
    assert isinstance(item, list), "required above"
    return item
