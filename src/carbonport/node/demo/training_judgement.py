"""What the demo's model is worth: on plants of the same generator that were in no training, beside three others.

    local       each exporter's own rows alone; the mean over the exporters
    federated   the model file of the training
    pooled      the same rows in one heap, which only the demo has
    default     no model: the mean claim of the route

Beside them stands the plain recalculation of a claim from a plant's amounts with standard factors. It is far better,
where the amounts are seen; the model is for an importer, who sees none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from carbonport.classification.field_classes import GradingTable
from carbonport.crypto.canonical import Json
from carbonport.examples.plants.ledgers import EmissionsEngine
from carbonport.examples.plants.recipes import Plant
from carbonport.examples.plants.table import plant_rows
from carbonport.federated.evaluation import default_constants
from carbonport.federated.features import Rows
from carbonport.federated.judgement import Scores
from carbonport.federated.plausibility_model import PlausibilityModel
from carbonport.federated.plausibility_tasks import INDEPENDENT_TASK, RECALCULATED, ROUTE, SEE_INDIRECT
from carbonport.federated.ridge import RidgeModel
from carbonport.federated.training import Participants, train
from carbonport.node.demo.training_cast import MEMBERS, MONTHS, SEED, TrainingStage
from carbonport.node.participant import Participant
from carbonport.node.plausibility.claim_assessment import Claim, assessment
from carbonport.node.training.ledger_rows import as_rows, ledger_rows, own_ledgers

PLANTED = 0.6
"""What a dishonest plant claims of the real value; its ledger says the same, so that a recalculation agrees."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """Scores by model, `amounts_seen` of the plain recalculation; the largest difference between a federated and a
    pooled weight; the shares of honest and of planted claims that are flagged, and what the model says of one each."""

    results: Mapping[str, Scores]
    amounts_seen: Scores
    max_weight_difference: int
    honest_flagged: float
    planted_flagged: float
    honest: Mapping[str, Json]
    planted: Mapping[str, Json]


def judge(stage: TrainingStage, model: PlausibilityModel) -> Judgement:
    """Judge the model of the training with all tables, which nobody but the demo has."""
    members = {part.id: member_rows(stage, index) for index, part in enumerate(MEMBERS)}
    engine = EmissionsEngine()
    held_out = Rows.together([_claims(plant, engine) for plant in stage.held_out])
    lies = Rows.together([_claims(plant, engine, claimed=PLANTED) for plant in stage.held_out])
    own = [_learned({name: rows}).predict(held_out) for name, rows in members.items()]
    pooled = _learned({"all": Rows.together(list(members.values()))})
    answers = {
        "local": Scores.mean(Scores.of(predicted, held_out.target) for predicted in own),
        "federated": Scores.of(model.independent.predict(held_out), held_out.target),
        "pooled": Scores.of(pooled.predict(held_out), held_out.target),
        "default": Scores.of(default_constants(members.values(), held_out, (ROUTE,)), held_out.target),
    }
    pairs = zip(model.independent.integers(), pooled.integers(), strict=True)
    honest, planted = _assessed(held_out, model), _assessed(lies, model)
    return Judgement(
        results=answers,
        amounts_seen=Scores.of(held_out.column(RECALCULATED), held_out.target),
        max_weight_difference=max(abs(one - other) for one, other in pairs),
        honest_flagged=_flagged(honest),
        planted_flagged=_flagged(planted),
        honest=honest[0],
        planted=planted[0],
    )


def member_rows(stage: TrainingStage, index: int) -> Rows:
    """The rows that an exporter's node makes of its ledgers."""
    participant = Participant.open(stage.home(MEMBERS[index]))
    try:
        rows = as_rows(ledger_rows(own_ledgers(participant), GradingTable.load()))
    finally:
        participant.close()
    return rows.take(INDEPENDENT_TASK.usable(rows))


def _learned(members: Mapping[str, Rows]) -> RidgeModel:
    task = INDEPENDENT_TASK.alone()
    return train(task.training(), Participants(task, members).sum_of)


def _claims(plant: Plant, engine: EmissionsEngine, *, claimed: float = 1.0) -> Rows:
    rows = list(plant_rows(SEED, plant, engine, months=MONTHS, claimed=claimed, consistent=claimed != 1.0))
    return Rows(
        {
            RECALCULATED: np.array([row.recalculated for row in rows]),
            SEE_INDIRECT: np.array([row.see_indirect for row in rows]),
        },
        {ROUTE: np.array([row.route.name for row in rows])},
        np.array([row.see for row in rows]),
    )


def _assessed(rows: Rows, model: PlausibilityModel) -> list[Mapping[str, Json]]:
    """What `carbonport plausible` would say of each claim to somebody who sees no amounts."""
    columns = zip(rows.labels(ROUTE), rows.target, rows.column(SEE_INDIRECT), strict=True)
    return [
        assessment(Claim(str(route), float(claim), float(indirect), None), model)
        for route, claim, indirect in columns
    ]


def _flagged(assessed: Sequence[Mapping[str, Json]]) -> float:
    return sum(bool(one["worth_asking"]) for one in assessed) / len(assessed)
