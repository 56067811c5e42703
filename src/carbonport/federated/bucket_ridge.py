"""The independent score from buckets: the median of what the buckets' ridges predict, scatter by and are moved by."""

from dataclasses import dataclass
from statistics import median

import numpy as np

from carbonport.crypto.canonical import Json
from carbonport.federated.buckets import BucketModel
from carbonport.federated.features import Floats, Rows
from carbonport.federated.ridge import RidgeModel
from carbonport.federated.training import Model

BUCKETS = "buckets"
"""Its kind in a model file."""


@dataclass(frozen=True, slots=True)
class BucketRidge(Model):
    """The ridges of all buckets; a spoiled bucket moves a median little."""

    models: tuple[RidgeModel, ...]

    def predict(self, rows: Rows) -> Floats:
        """The median prediction; NaN where fewer than half of the buckets have an opinion."""
        return BucketModel(self.models).predict(rows)

    def deviation(self, rows: Rows) -> Floats:
        """The median scatter of the buckets that know one; NaN where none does."""
        found = np.array([model.deviation(rows) for model in self.models])
        result = np.full(len(rows), np.nan)
        known = np.isfinite(found).any(axis=0)
        if known.any():
            result[known] = np.nanmedian(found[:, known], axis=0)
        return result

    def effects(self, row: Rows) -> dict[str, float]:
        """The median factor of each number over the buckets that have an opinion on the row."""
        found: dict[str, list[float]] = {}
        for model in self.models:
            for name, effect in model.effects(row).items():
                found.setdefault(name, []).append(effect)
        return {name: median(effects) for name, effects in found.items()}

    def integers(self) -> tuple[int, ...]:
        """Those of every bucket."""
        return BucketModel(self.models).integers()

    def as_json(self) -> dict[str, Json]:
        """Kind and models."""
        return {"kind": BUCKETS, "models": [model.as_json() for model in self.models]}
