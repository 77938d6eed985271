"""``graft publish mlflow``: params, figures and report as a run, the bundle as a version of a registered model.

The model is loaded by a module's name, never from a pickle, and brings along the part of graft that predicts: where
it is loaded, only numpy, Pillow and onnxruntime are needed.
"""

import json
import os
import shutil
import tempfile
import warnings
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import graft
from graft.apps.results import LOCK, REPORT, recorded_params
from graft.core.addresses import masked
from graft.core.errors import GraftError
from graft.predict.bundle import read_metadata
from graft.predict.pyfunc import COLUMN

ADDRESS = "MLFLOW_TRACKING_URI"
NEEDED = ("numpy", "pillow", "onnxruntime")
ROOMS = ("core", "images", "predict")
"""Folders of graft that a model brings along."""
LONGEST = 6000  # characters of a param that MLflow's servers take


def publish(bundle: Path, name: str) -> Iterator[str]:
    """Register the bundle as a version of the model `name`, beside a run with all that is known of it.

    Raises:
        GraftError: no server is named, or no run of the pipeline lies here.
        BundleError: no bundle, or a damaged one.
    """
    address = os.environ.get(ADDRESS)
    if not address:
        raise GraftError(f"{ADDRESS} is not set: name the server, such as {ADDRESS}=http://127.0.0.1:5000")
    if not LOCK.is_file() or not REPORT.is_file():
        raise GraftError(f"{LOCK} or {REPORT} is absent: run `dvc repro`")
    read_metadata(bundle)  # refuses what a predictor would
    said = json.loads((bundle / "graft.json").read_text(encoding="utf-8"))
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # read as it is imported
    import mlflow

    mlflow.set_experiment(name)
    with mlflow.start_run() as run, tempfile.TemporaryDirectory() as folder:
        mlflow.set_tags({"graft": graft.__version__, "source": said["source"], "backbone": said["backbone"]})
        mlflow.log_params(flat(recorded_params(LOCK.read_text(encoding="utf-8"))))
        mlflow.log_metrics(figures(said))
        mlflow.log_artifact(str(REPORT))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*input example")  # the signature below is written, not guessed
            info = mlflow.pyfunc.log_model(
                name="bundle",
                loader_module="graft.predict.pyfunc",
                data_path=str(bundle),
                code_paths=[str(_code(Path(folder)))],
                signature=_signature(),
                pip_requirements=[f"{package}=={version(package)}" for package in NEEDED],
                registered_model_name=name,
            )
    yield f"run {run.info.run_id} of experiment {name} at {masked(address)}"
    number = info.registered_model_version
    yield f"version {number} of model {name}: mlflow.pyfunc.load_model({f'models:/{name}/{number}'!r})"


def flat(values: dict[str, Any], above: str = "") -> dict[str, str]:
    """Params by dotted key, as texts; what is longer than MLflow takes ends in three dots."""
    found: dict[str, str] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            found |= flat(value, f"{above}{key}.")
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            found[above + str(key)] = text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."
    return found


def figures(said: dict[str, Any]) -> dict[str, float]:
    """Figures of graft.json on the test images by name, the ends of their intervals as ``_low`` and ``_high``.

    Those of heads cross-validated over all images begin with ``cross_validated_``; what has no value is left out.
    """
    found: dict[str, float | None] = {}
    for name, figure in said["metrics"].items():
        found |= {name: figure["value"], f"{name}_low": figure["low"], f"{name}_high": figure["high"]}
    found |= {f"cross_validated_{name}": value for name, value in (said.get("cross_validated") or {}).items()}
    return {name: float(value) for name, value in found.items() if isinstance(value, int | float)}


def _code(folder: Path) -> Path:
    """A copy of what a model needs of graft."""
    package, here = folder / "graft", Path(graft.__file__).parent
    package.mkdir()
    shutil.copy(here / "__init__.py", package)
    for room in ROOMS:
        shutil.copytree(here / room, package / room, ignore=shutil.ignore_patterns("__pycache__"))
    return package


def _signature() -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema
    from mlflow.types.schema import Array, Map

    takes = Schema([ColSpec(DataType.binary, COLUMN)])
    gives = Schema(
        [
            ColSpec(DataType.string, "label", required=False),
            ColSpec(Array(DataType.string), "labels"),
            ColSpec(DataType.double, "probability", required=False),
            ColSpec(Map(DataType.double), "probabilities"),
            ColSpec(DataType.string, "error", required=False),
        ]
    )
    return ModelSignature(inputs=takes, outputs=gives)
