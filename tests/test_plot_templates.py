"""DVC fills the templates of `.dvc/plots` with our tables."""

import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from graft.evaluate.single_label import SingleLabelMetrics
from graft.tasks import SingleLabel

TEMPLATES = Path(__file__).resolve().parents[1] / ".dvc" / "plots"
vega = importlib.import_module("dvc_render.vega")  # DVC's own renderer; it has no types


def filled(revisions: list[str]) -> dict[str, Any]:
    """The template as DVC fills it, of a table that it reads as text."""
    metrics = SingleLabelMetrics(SingleLabel(["cat", "dog"]))
    table = metrics.confusion_table(np.array([[1, 1], [0, 1]])).astype(str)
    rows = [
        row | {"rev": rev, "filename": "c.csv", "field": "actual"}
        for rev in revisions
        for row in table.to_dict("records")
    ]
    renderer = vega.VegaRenderer(
        rows,
        "confusion",
        template="confusion_counts",
        template_dir=str(TEMPLATES),
        x="predicted",
        y="actual",
        x_label="answered",
        title="on test",
        anchors_y_definitions=[{"filename": "c.csv", "field": "actual"}],
        revs_with_datapoints=revisions,
    )
    told: dict[str, Any] = renderer.get_filled_template()
    return told


@pytest.mark.parametrize("revisions", [["workspace"], ["HEAD", "workspace"]])
def test_every_anchor_is_filled(revisions: list[str]) -> None:
    told = filled(revisions)
    assert "<DVC_METRIC" not in json.dumps(told)
    assert told["title"]["text"] == "on test"
    assert [row["rev"] for row in told["data"]["values"]] == [rev for rev in revisions for _ in range(3)]


def test_cells_are_the_weights_of_the_fields_named() -> None:
    told = filled(["HEAD", "workspace"])
    spec = told["spec"]
    assert (spec["encoding"]["x"]["field"], spec["encoding"]["x"]["title"]) == ("predicted", "answered")
    assert (spec["encoding"]["y"]["field"], spec["encoding"]["y"]["title"]) == ("actual", "actual")
    row = told["data"]["values"][0]
    made = {step["as"] for step in spec["transform"] if "calculate" in step}
    made |= {one["as"] for step in spec["transform"] for one in step.get("joinaggregate", [])}
    used = {
        encoding["field"] for layer in spec["layer"] for encoding in layer["encoding"].values() if "field" in encoding
    }
    assert "toNumber(datum.images)" in [step.get("calculate") for step in spec["transform"]]
    assert "images" in row
    assert used <= made | set(row)


def test_revisions_stand_side_by_side_and_are_counted_apart() -> None:
    told = filled(["HEAD", "workspace"])
    assert told["facet"]["column"]["field"] == "rev"
    groups = [step["groupby"] for step in told["spec"]["transform"] if "joinaggregate" in step]
    assert groups == [["rev", "actual"], ["rev"]]
