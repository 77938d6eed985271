"""What is answered: the models that OpenAPI shows."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from graft.predict.results import Prediction
from graft.serve.problems import Fault


class Share(BaseModel):
    """A class and how probable it is."""

    label: str
    probability: float = Field(ge=0, le=1)


class Answer(BaseModel):
    """What the classifier says of one picture, or why it says nothing."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "file": "cell.png",
                    "label": "functional",
                    "sure": True,
                    "probability": 0.93,
                    "labels": ["functional"],
                    "probabilities": [
                        {"label": "functional", "probability": 0.93},
                        {"label": "defective", "probability": 0.07},
                    ],
                    "error": None,
                }
            ]
        }
    )

    file: str | None = Field(description="Name of the file as sent; null without.")
    label: str | None = Field(
        description="The class that the picture shows, or the most probable of several; null if none."
    )
    sure: bool = Field(description="Whether it is sure enough to answer; always, where several may hold or none.")
    probability: float | None = Field(description="Of the most probable class, whether it holds or not.")
    labels: list[str] = Field(description="All classes that hold, in the order of the classes.")
    probabilities: list[Share] = Field(description="Of every class, the most probable first.")
    error: Fault | None = Field(description="Why the picture was not classified; null if it was.")

    @classmethod
    def of(cls, file: str | None, found: Prediction) -> Self:
        """Return what was found of a picture, as an answer."""
        shares = [Share(label=name, probability=chance) for name, chance in found.top(len(found.probabilities))]
        return cls(
            file=file,
            label=found.label,
            sure=found.sure,
            probability=found.probability,
            labels=list(found.labels),
            probabilities=shares,
            error=None,
        )

    @classmethod
    def refused(cls, file: str | None, error: Fault) -> Self:
        """Return the answer for a picture that cannot be classified."""
        return cls(file=file, label=None, sure=False, probability=None, labels=[], probabilities=[], error=error)


class Answers(BaseModel):
    """What the classifier says of each picture, in the order in which they were sent."""

    pictures: list[Answer]


class Limit(BaseModel):
    """What a client has to keep to."""

    body: int = Field(description="Bytes a request.", examples=[33554432])
    files: int = Field(description="Pictures a request.", examples=[16])
    pixels: int = Field(description="Width times height of a picture.", examples=[32000000])


class About(BaseModel):
    """What the classifier tells apart, and what may be sent to it."""

    classes: list[str] = Field(examples=[["defective", "functional"]])
    multi_label: bool = Field(description="Whether any number of classes may hold for a picture.")
    threshold: float | None = Field(description="From which probability a class holds, where several may.")
    abstain_below: float | None = Field(description="Below which probability the classifier is not sure.")
    limits: Limit


class State(BaseModel):
    """Whether the server lives, or is ready for pictures."""

    status: str = Field(examples=["ok"])
