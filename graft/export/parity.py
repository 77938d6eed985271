"""Parity: whether the bundle answers on the raw files as the evaluation answered on the cached pixels."""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from graft.core import tables
from graft.core.errors import ExportError
from graft.core.progress import tracked
from graft.data.presized import as_stored
from graft.export.config import Export
from graft.predict.bundle import FLOAT, read_metadata
from graft.predict.fastest import measure
from graft.predict.predictor import Predictor
from graft.predict.runtimes import ONNXRUNTIME, OPENVINO
from graft.tasks import Task

NOT_SURE = "not sure"


def measure_parity(
    bundle: Path,
    evaluated: Path,
    root: Path,
    task: Task,
    abstain_below: float | None,
    log: Callable[[str], None],
    quality: int | None = None,
) -> dict[str, Any]:
    """Classify the raw test images with every model of a bundle, and compare with what `evaluate` wrote.

    Where `evaluate` saw JPEGs, every model is given what their encoding leaves of the raw images, so that nothing
    but the encoding is left out of the comparison; the float model is then given them as they are, too, as it will be
    when it serves.

    Args:
        evaluated: reports/evaluate.
        root: folder of the raw images.
        abstain_below: confidence from which an answer is given.
        quality: of the JPEGs that `evaluate` saw; None where it saw the pixels themselves.

    Returns:
        What `compare` says of the float model, and its size in ``bytes``; under ``served`` what it says of that on
        images as they are, where `evaluate` saw JPEGs; under ``int8`` of that one, None without;
        under the name of another runtime of each of its models, by precision.
    """
    predictions = tables.read(evaluated / "predictions.csv")
    paths = [root / path for path in predictions["path"]]
    parity: dict[str, Any] = {"int8": None}
    change = None if quality is None else partial(as_stored, quality=quality)
    metadata = read_metadata(bundle)
    for runtime, precision in [(runtime, name) for runtime, models in metadata.models.items() for name in models]:
        predictor = Predictor(bundle, precision=precision, runtime=runtime)
        name = precision if runtime == ONNXRUNTIME else f"{runtime} {precision}"
        batches = tracked(predictor.probabilities(paths, change), f"export {name}", len(paths))
        found = compare(predictions, np.concatenate(list(batches)), task, abstain_below)
        found["bytes"] = sum(file.stat().st_size for file in metadata.files(precision, runtime))
        (speed,) = measure([predictor.run], metadata)  # for the log alone: no clock stands in what is kept
        log(
            f"{name}: {found['mismatches']} of {len(paths)} differ, by {found['largest_difference']:g} at most; "
            f"{found['bytes'] / 1e6:.1f} MB, {speed:.0f} images/s"
        )
        if runtime == ONNXRUNTIME:
            parity |= found if precision == FLOAT else {precision: found}
        else:
            parity.setdefault(runtime, {})[precision] = found
    if quality is not None:
        batches = tracked(Predictor(bundle, runtime=ONNXRUNTIME).probabilities(paths), "export as served", len(paths))
        served = parity["served"] = compare(predictions, np.concatenate(list(batches)), task, abstain_below)
        log(
            f"as served, without the JPEGs that evaluate saw: {served['mismatches']} of {len(paths)} differ, and "
            f"{served['correct']} are correct, of which evaluate counted {parity['correct']}"
        )
    return parity


def compare(
    predictions: pd.DataFrame, probabilities: NDArray[np.float32], task: Task, abstain_below: float | None = None
) -> dict[str, Any]:
    """Compare the bundle's probabilities with those of the evaluation.

    Args:
        predictions: the evaluation's predictions.csv, all text; its column ``sure`` says for which images
            the answer was given, for its probabilities are rounded.
        probabilities: `[N, K]`, the bundle's, of the same images in the same order.

    Returns:
        The number of images, of those that are answered correctly (``correct``), of those that get another
        answer than from `evaluate` (``mismatches``), these one by one (``mismatched``), and the largest
        difference of a probability, rounded to what float32 holds. "not sure" is an answer too.
    """
    measured = predictions[[f"p_{name}" for name in task.classes]].to_numpy(dtype=np.float64)
    exported = np.asarray(task.format_labels(task.decide(probabilities)), dtype=object)
    correct = exported == predictions["label"].to_numpy()
    evaluated = predictions["predicted"].to_numpy(dtype=object)
    if abstain_below is not None:
        # in double precision, as whoever reads the bundle's answer compares
        sure = probabilities.max(1).astype(np.float64) >= abstain_below
        exported = np.where(sure, exported, NOT_SURE)
        evaluated = np.where(predictions["sure"] == "yes", evaluated, NOT_SURE)
    differs = exported != evaluated
    rows = zip(predictions["path"][differs], evaluated[differs], exported[differs], strict=True)
    return {
        "images": len(predictions),
        "correct": int(correct.sum()),
        "mismatches": int(differs.sum()),
        "largest_difference": round(float(np.abs(measured - probabilities).max()), 5),
        "mismatched": [{"path": path, "evaluated": before, "exported": after} for path, before, after in rows],
    }


def require_parity(parity: dict[str, Any], config: Export) -> None:
    """Refuse a bundle that answers otherwise than what was measured, as `measure_parity` found.

    Raises:
        ExportError: more images than allowed get another answer.
    """
    limits = {FLOAT: (config.max_mismatches, f"export.max_mismatches = {config.max_mismatches}")}
    if config.int8:
        share = config.int8.max_mismatches
        limits["int8"] = (int(share * parity["images"]), f"the share export.int8.max_mismatches = {share:g}")
    share = config.max_encoding_mismatches
    limits["served"] = (int(share * parity["images"]), f"the share export.max_encoding_mismatches = {share:g}")
    others = [("bundle's OpenVINO model", name, found) for name, found in parity.get(OPENVINO, {}).items()]
    others.append(("bundle on images that are no JPEGs", "served", parity.get("served")))
    for model, precision, found in [("bundle", FLOAT, parity), ("bundle", "int8", parity.get("int8")), *others]:
        if found is None:
            continue
        allowed, limit = limits[precision]
        if found["mismatches"] > allowed:
            first = found["mismatched"][0]
            raise ExportError(
                f"{found['mismatches']} of {found['images']} test images get another answer from the {model} than from "
                f"evaluate, over {limit}; the first is {first['path']}: "
                f"{first['evaluated'] or 'no class'} became {first['exported'] or 'no class'}"
            )
