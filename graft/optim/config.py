"""Values of params.yaml about learning rates."""

from typing import Annotated, Literal

from pydantic import Field

LearningRate = Annotated[float, Field(gt=0, le=10)]
"""The base learning rate `lr`: the one number that users turn."""

ScheduleKind = Literal["one_cycle", "cosine", "step", "exponential"]
