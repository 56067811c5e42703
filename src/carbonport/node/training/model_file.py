"""The model of a training as a signed file, and that it is what follows from the released sums.

Everyone who followed the training knows the models from the holders' answers. A file with other models is refused by
whoever took part.
"""

from dataclasses import dataclass

from carbonport.crypto.canonical import Json
from carbonport.crypto.jws import Jwk, SigningKey
from carbonport.errors import FailedVerification
from carbonport.federated.boosting import BoostingModel
from carbonport.federated.bucket_ridge import BucketRidge
from carbonport.federated.buckets import BucketModel
from carbonport.federated.course import Course
from carbonport.federated.gap_model import GapModel, sign_gap_model, verify_gap_model
from carbonport.federated.gap_training import LIMITS as GAP_LIMITS
from carbonport.federated.model_card import ModelCard
from carbonport.federated.packaged_tasks import GAP_FILLING, GAPS, INDEPENDENT, RECALCULATION
from carbonport.federated.plausibility_model import PlausibilityModel, sign_model, verify_model
from carbonport.federated.plausibility_training import LIMITS, VIEW
from carbonport.federated.private_plausibility import PRIVATE_LIMITS
from carbonport.federated.recalculation import RecalculationModel
from carbonport.federated.ridge import RidgeModel
from carbonport.node.training.plan import SignedPlan

BUCKET_LIMIT = "The independent score is the median of models of separate buckets of members."
"""What the card of a training with buckets says besides."""


@dataclass(frozen=True, slots=True)
class Issue:
    """Who signs a model file, the number of the issue, and when (unix seconds)."""

    issuer: str
    number: int
    at: int


def model_card(plan: SignedPlan, course: Course) -> ModelCard:
    """What a reader has to know of the training behind a model."""
    content, members = plan.content, len(course.members)
    view: tuple[str, ...] = VIEW
    limits: tuple[str, ...] = PRIVATE_LIMITS if content.privacy else LIMITS
    if content.task == GAPS.name:
        view, limits = content.packaged.view, GAP_LIMITS
    privacy = "sums over key holders; no noise was added"
    if content.privacy is not None:
        privacy = (
            f"record-level noise by the members: epsilon {content.privacy.epsilon:f}, delta {content.privacy.delta:f} "
            f"for each of {len(content.packaged.parts)} models, if {content.privacy.tolerated} of the minimum cohort "
            "at most are dishonest or absent"
        )
    if not course.rows:
        privacy += "; rows: at least so many"
    return ModelCard(
        view=view,
        participants=members,
        rows=course.rows or members * content.minimum_rows,
        minimum_cohort=content.minimum_cohort,
        privacy=privacy,
        scores=course.scores,
        limits=(*limits, BUCKET_LIMIT) if content.bucket_size else limits,
    )


def sign_models(plan: SignedPlan, course: Course, issue: Issue, key: SigningKey) -> str:
    """The models of a course that is over, as a signed file."""
    card = model_card(plan, course)
    if plan.content.task == GAPS.name:
        gaps = course.models[GAP_FILLING]
        assert isinstance(gaps, BoostingModel), "the task's own model"
        return sign_gap_model(GapModel(issue.issuer, issue.number, issue.at, gaps, card), key)
    recalculation, independent = course.models[RECALCULATION], course.models[INDEPENDENT]
    assert isinstance(recalculation, RecalculationModel), "the task's own model"
    if isinstance(independent, BucketModel):
        ridges = [model for model in independent.models if isinstance(model, RidgeModel)]
        independent = BucketRidge(tuple(ridges))
    assert isinstance(independent, RidgeModel | BucketRidge), "the task's own model"
    return sign_model(
        PlausibilityModel(issue.issuer, issue.number, issue.at, recalculation, independent, card), key
    )


def check_models(plan: SignedPlan, course: Course, token: str, jwk: Jwk) -> None:
    """Raise `FailedVerification` (`training-model`) unless the file is the coordinator's and its models and card are
    what follows from the sums of this course."""
    read: dict[str, Json]
    if plan.content.task == GAPS.name:
        gaps = verify_gap_model(token, jwk)
        issuer, card, read = gaps.issuer, gaps.card, {GAP_FILLING: gaps.model.as_json()}
    else:
        both = verify_model(token, jwk)
        issuer, card = both.issuer, both.card
        read = {RECALCULATION: both.recalculation.as_json(), INDEPENDENT: both.independent.as_json()}
    own = {part: model.as_json() for part, model in course.models.items()}
    if issuer != plan.issuer or read != own or card != model_card(plan, course):
        raise FailedVerification(
            "training-model",
            found="a model file with other models, another card or another issuer than the training's",
            expected="the models that follow from the sums that the holders answered",
            remedy="Do not use it; keep it and show it to the others.",
            where=plan.issuer,
        )
