"""What a bundle says of itself, read strictly: a bundle that cannot be used is refused at once."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from graft.core.errors import BundleError, nearest
from graft.images.decode import Square
from graft.images.depth import Depth
from graft.predict.runtimes import ONNXRUNTIME, OPENVINO

FORMAT = 4
"""Of graft.json: the newest that is read here. `presize.crop` came with 2, `presize.depth` with 3, `presize.padding`
with 4."""
FLOAT = "float"  # the precision that every bundle has


@dataclass(frozen=True, slots=True)
class Metadata:
    """What ``graft.json`` of a bundle says and a predictor needs; see the attributes of `Predictor`, too."""

    folder: Path
    classes: list[str]  # in the order of the probabilities
    multi_label: bool
    threshold: float
    abstain_below: float | None
    square: Square
    input: str  # name of the model's pixels
    output: str  # name of its probabilities
    models: dict[str, dict[str, list[str]]]  # files by runtime and precision; the first is loaded and names the others
    sha256: dict[str, str]  # digest by file, of those that the bundle vouches for

    def files(self, precision: str, runtime: str = ONNXRUNTIME) -> dict[Path, str | None]:
        """Files of a model, the one to load first, each with the sha256 it must have, where the bundle names one.

        Raises:
            BundleError: the bundle has no such model, or a file is missing.
        """
        if runtime not in self.models:
            raise BundleError(f"{self.folder}: has no model for {runtime}; it has one for {', '.join(self.models)}")
        models = self.models[runtime]
        if precision not in models:
            where = "" if runtime == ONNXRUNTIME else f" for {runtime}"
            raise BundleError(
                f"{self.folder}: has no precision {precision!r}{where}{nearest(precision, models)}; "
                f"it has {', '.join(sorted(models))}"
            )
        for name in models[precision]:
            if not (self.folder / name).is_file():
                raise BundleError(f"{self.folder / name}: is missing; the bundle is not whole, copy or export it again")
        return {self.folder / name: self.sha256.get(name) for name in models[precision]}


def read_metadata(folder: Path) -> Metadata:
    """Read a bundle's ``graft.json``; what an older bundle does not say has its default.

    Raises:
        BundleError: no bundle lies there, it is damaged, or it was written by a newer graft.
    """
    values = _load(folder)
    version = values.get("format", 1)
    if not isinstance(version, int) or version > FORMAT:
        raise BundleError(
            f"{folder}: is a bundle of format {version!r}, and this graft knows up to {FORMAT}; upgrade it"
        )
    try:
        return _parse(folder, values)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{folder / 'graft.json'}: is damaged ({type(error).__name__}: {error})") from error


def check_probability(value: Any, name: str) -> float:
    """Return a number from 0 to 1.

    Raises:
        BundleError: it is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 1:
        raise BundleError(f"{name}: must be a number from 0 to 1; got {value!r}")
    return float(value)


def _load(folder: Path) -> dict[str, Any]:
    file = folder / "graft.json"
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        problem = "holds no bundle (no graft.json)" if folder.is_dir() else "no such folder"
        raise BundleError(f"{folder}: {problem}; `dvc repro export` writes one to models/export") from error
    except (OSError, ValueError, RecursionError) as error:
        raise BundleError(f"{file}: cannot be read: {error}") from error
    if not isinstance(values, dict):
        raise BundleError(f"{file}: must hold an object; it holds a {type(values).__name__}")
    return values


def _parse(folder: Path, values: dict[str, Any]) -> Metadata:
    classes, presize, digests = values["classes"], values["presize"], values.get("sha256", {})
    listed = isinstance(classes, list) and all(isinstance(name, str) for name in classes)
    _require(listed and classes, "classes", "a list of names", classes)
    _require(len(set(classes)) == len(classes), "classes", "a list of names that differ", classes)
    models = _texts("models", values.get("models", {FLOAT: "model.onnx"}))
    openvino = values.get("formats", {}).get(OPENVINO)
    _require(FLOAT in models, "models", f"files by precision with {FLOAT!r} among them", models)
    multi_label, lowest = values.get("multi_label", False), values.get("abstain_below")
    _require(isinstance(multi_label, bool), "multi_label", "true or false", multi_label)
    size, crop = presize["size"], presize.get("crop", 0.0)
    _require(type(size) is int and size > 0, "presize.size", "a whole number of pixels", size)
    crop, depth = check_probability(crop, f"{folder}: presize.crop"), Depth.read(presize.get("depth", {}))
    abstains = lowest is not None and not multi_label
    return Metadata(
        folder=folder,
        classes=classes,
        multi_label=multi_label,
        threshold=check_probability(values.get("threshold", 0.5), f"{folder}: threshold"),
        abstain_below=check_probability(lowest, f"{folder}: abstain_below") if abstains else None,
        square=Square(size, crop, depth, _colour(presize.get("padding"))),
        input=_text("input.name", values.get("input", {}).get("name", "pixels")),
        output=_text("output.name", values.get("output", {}).get("name", "probabilities")),
        models={ONNXRUNTIME: {precision: [file] for precision, file in models.items()}}
        | ({} if openvino is None else {OPENVINO: {name: _files(name, files) for name, files in openvino.items()}}),
        # one digest is that of the float model; a mapping has each file's
        sha256={models[FLOAT]: digests} if isinstance(digests, str) else _texts("sha256", digests),
    )


def _require(holds: object, name: str, expected: str, value: object) -> None:
    if not holds:
        raise ValueError(f"{name} must be {expected}; it is {value!r}")


def _colour(value: Any) -> tuple[int, int, int] | None:
    if value is None:
        return None
    whole = (
        isinstance(value, list) and len(value) == 3 and all(type(level) is int and 0 <= level < 256 for level in value)
    )
    _require(whole, "presize.padding", "three numbers from 0 to 255", value)
    red, green, blue = value
    return red, green, blue


def _text(name: str, value: Any) -> str:
    _require(isinstance(value, str) and value, name, "a text", value)
    return str(value)


def _files(precision: str, value: Any) -> list[str]:
    listed = isinstance(value, list) and value and all(isinstance(file, str) for file in value)
    _require(listed, f"formats.{OPENVINO}.{precision}", "a list of files", value)
    return list(value)


def _texts(name: str, values: Any) -> dict[str, str]:
    return {key: _text(f"{name}.{key}", value) for key, value in dict(values).items()}
