"""The card of a model file: what its reader has to know before believing it, and how such files are read strictly."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from carbonport.attestation.strict_fields import StrictFields
from carbonport.crypto.canonical import Json
from carbonport.errors import Malformed

MAX_LINES = 40
"""Lines of a list in a card."""

_SCORE = re.compile(r"[0-9.]{1,12}")


@dataclass(frozen=True, slots=True)
class ModelCard:
    """What a reader has to know before believing a score.

    `view` are the columns that participants let the tasks read, `participants` and `rows` what stands behind the
    model, `privacy` what protected them, `scores` figures on participants that were held out (beside `default_...`,
    the plain default's), `limits` what the model does not tell.
    """

    view: tuple[str, ...]
    participants: int
    rows: int
    minimum_cohort: int
    privacy: str
    scores: Mapping[str, str]
    limits: tuple[str, ...]

    def as_json(self) -> dict[str, Json]:
        """As the file holds it."""
        return {
            "view": self.view,
            "participants": self.participants,
            "rows": self.rows,
            "minimum_cohort": self.minimum_cohort,
            "privacy": self.privacy,
            "scores": dict(self.scores),
            "limits": self.limits,
        }


def read_card(fields: StrictFields) -> ModelCard:
    """The card of a model file."""
    scores = fields.value("scores")
    require(isinstance(scores, dict) and len(scores) <= MAX_LINES, "scores in another form", "a few figures")
    assert isinstance(scores, dict), "required above"
    read = StrictFields(scores, "model: card: scores")
    card = ModelCard(
        view=fields.texts("view", max_items=MAX_LINES),
        participants=fields.integer("participants"),
        rows=fields.integer("rows"),
        minimum_cohort=fields.integer("minimum_cohort"),
        privacy=fields.text("privacy"),
        scores={name: read.text(name, pattern=_SCORE) for name in sorted(scores)},
        limits=fields.texts("limits", max_items=MAX_LINES),
    )
    fields.finish()
    return card


def require(holds: bool, found: str, expected: str) -> None:
    """Malformed (`model-malformed`) unless it holds."""
    if not holds:
        raise malformed_model(found, expected)


def malformed_model(found: str, expected: str) -> Malformed:
    """The model file is not what this version reads."""
    return Malformed(
        "model-malformed",
        found=found,
        expected=expected,
        remedy="Ask the model's issuer for the file again, or for one of this version.",
    )
