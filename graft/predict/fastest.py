"""The faster of a bundle's runtimes on this machine: measured once, and remembered, so that answers stay the same."""

import json
import logging
import os
import platform
import time
from collections.abc import Callable
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from graft.core.files import write_json
from graft.predict.bundle import FLOAT, Metadata
from graft.predict.runtimes import ONNXRUNTIME, OPENVINO
from graft.predict.session import Session

BATCH, ROUNDS = 4, 7
CLEARLY = 1.05
"""Times as fast as onnxruntime another runtime must be to take its place: less is within what is measured by chance."""

log = logging.getLogger(__name__)


def fastest(metadata: Metadata, precision: str, threads: int) -> str:
    """Name the runtime that is to compute a model of a bundle: onnxruntime, or OpenVINO where it is faster.

    Only exact models are exchanged for each other: in eight bits each runtime has a model of its own, with
    answers of its own. What was measured is kept in the user's cache and told once.
    """
    models = metadata.models.get(OPENVINO, {})
    if precision != FLOAT or FLOAT not in models or find_spec(OPENVINO) is None:
        return ONNXRUNTIME
    file = remembered()
    known, key = _read(file), _key(metadata, threads)
    if key in known:
        return OPENVINO if known[key] else ONNXRUNTIME
    speeds = measure([Session(metadata, precision, threads, name).run for name in (ONNXRUNTIME, OPENVINO)], metadata)
    gain = speeds[1] / speeds[0]
    found = gain > CLEARLY
    told = f"{OPENVINO} is {gain:.2f} times as fast as {ONNXRUNTIME} here: {OPENVINO if found else ONNXRUNTIME} is used"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, known | {key: found})
        log.warning("%s, also from now on (%s)", told, file)
    except OSError as error:
        log.warning("%s; measured again next time, for %s cannot be written: %s", told, file, error.strerror)
    return OPENVINO if found else ONNXRUNTIME


def measure(runs: list[Callable[[NDArray[np.uint8]], object]], metadata: Metadata) -> list[float]:
    """Images a second of each, in its best round; they take turns, so that all suffer alike from what else runs."""
    side = metadata.square.size
    pixels = np.random.default_rng(0).integers(0, 256, (BATCH, side, side, 3), dtype=np.uint8)
    best = [float("inf")] * len(runs)
    for turn in range(ROUNDS + 1):  # the first prepares memory
        for place, run in enumerate(runs):
            began = time.perf_counter()
            run(pixels)
            if turn:
                best[place] = min(best[place], time.perf_counter() - began)
    return [BATCH / seconds for seconds in best]


def remembered() -> Path:
    """The file that holds what was measured."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "graft" / "runtimes.json"


def _read(file: Path) -> dict[str, bool]:
    try:
        known = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("%s cannot be read, so that runtimes are measured again: %s", file, error)
        return {}
    return known if isinstance(known, dict) else {}


def _key(metadata: Metadata, threads: int) -> str:
    """All that a measurement depends on: the model, the runtimes, the machine and its share that is used."""
    digests = [digest for name in (ONNXRUNTIME, OPENVINO) for digest in metadata.files(FLOAT, name).values()]
    versions = [f"{name} {version(name)}" for name in (ONNXRUNTIME, OPENVINO)]
    return ", ".join([platform.node(), f"{threads} threads", *versions, *map(str, digests)])
