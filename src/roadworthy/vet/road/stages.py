"""The stages of the road test of an app, in the order in which they are driven."""

from __future__ import annotations

from typing import Final

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.budget import BUDGET
from roadworthy.vet.road.consistency import CONSISTENCY
from roadworthy.vet.road.cost import COST
from roadworthy.vet.road.crash import CRASH
from roadworthy.vet.road.endings import ENDINGS
from roadworthy.vet.road.explanation import EXPLANATION
from roadworthy.vet.road.injection import INJECTION
from roadworthy.vet.road.intake import INTAKE
from roadworthy.vet.road.leakage import LEAKAGE
from roadworthy.vet.road.load import LOAD
from roadworthy.vet.road.outage import OUTAGE
from roadworthy.vet.road.quality import QUALITY
from roadworthy.vet.road.stage import Stage

STAGES: Final[tuple[Stage[Bench], ...]] = (
    INTAKE,
    ENDINGS,
    CRASH,
    BUDGET,
    LOAD,
    OUTAGE,
    CONSISTENCY,
    INJECTION,
    LEAKAGE,
    QUALITY,
    COST,
    EXPLANATION,
)
