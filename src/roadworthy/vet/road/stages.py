"""The stages of the road test of an app, in the order in which they are driven."""

from __future__ import annotations

from typing import Final

from roadworthy.vet.road.bench import Bench
from roadworthy.vet.road.budget import BUDGET
from roadworthy.vet.road.intake import INTAKE
from roadworthy.vet.road.stage import Stage

STAGES: Final[tuple[Stage[Bench], ...]] = (INTAKE, BUDGET)
