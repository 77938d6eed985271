"""A bundle that cannot be used is refused with what is wrong and what would be right."""

import json
from pathlib import Path
from typing import Any

import pytest

from graft.core.errors import BundleError
from graft.images.decode import Square
from graft.images.depth import Depth
from graft.predict.bundle import FORMAT, Metadata, read_metadata
from tests.predict.tiny_bundle import CLASSES, SIZE, write_bundle


def test_what_is_not_said_has_its_default(tmp_path: Path) -> None:
    metadata = read_metadata(write_bundle(tmp_path, input=None, output=None, sha256=None))
    assert metadata == Metadata(
        folder=tmp_path,
        classes=CLASSES,
        multi_label=False,
        threshold=0.5,
        abstain_below=None,
        square=Square(SIZE),
        input="pixels",
        output="probabilities",
        models={"onnxruntime": {"float": ["model.onnx"]}},
        sha256={},
    )
    assert metadata.files("float") == {tmp_path / "model.onnx": None}


def test_what_is_said_is_taken(tmp_path: Path) -> None:
    changed: dict[str, Any] = {
        "format": FORMAT,
        "abstain_below": 0.7,
        "presize": {
            "size": SIZE,
            "crop": 0.5,
            "depth": {"integers": [0, 4095], "floats": None},
            "padding": [9, 0, 255],
        },
        "input": {"name": "x"},
        "output": {"name": "y"},
        "models": {"float": "model.onnx", "int8": "small.onnx"},
        "sha256": {"small.onnx": "abc"},
    }
    metadata = read_metadata(write_bundle(tmp_path, **changed))
    (tmp_path / "small.onnx").touch()
    assert (metadata.abstain_below, metadata.input, metadata.output) == (0.7, "x", "y")
    assert metadata.square == Square(SIZE, 0.5, Depth((0, 4095)), (9, 0, 255))
    assert metadata.files("int8") == {tmp_path / "small.onnx": "abc"}
    assert metadata.files("float") == {tmp_path / "model.onnx": None}
    with pytest.raises(BundleError, match="has no model for openvino; it has one for onnxruntime"):
        metadata.files("float", "openvino")


def test_files_of_openvino_are_found_by_precision(tmp_path: Path) -> None:
    files = ["openvino/model.xml", "openvino/model.bin"]
    folder = write_bundle(tmp_path, formats={"openvino": {"float": files}, "timm": {"float": ["timm/x"]}})
    metadata = read_metadata(folder)
    (tmp_path / "openvino").mkdir()
    (tmp_path / files[0]).touch()
    with pytest.raises(BundleError, match=r"model.bin: is missing; the bundle is not whole"):
        metadata.files("float", "openvino")
    (tmp_path / files[1]).touch()
    assert list(metadata.files("float", "openvino")) == [tmp_path / name for name in files]
    with pytest.raises(BundleError, match=r"has no precision 'int8' for openvino; it has float"):
        metadata.files("int8", "openvino")
    with pytest.raises(BundleError, match=r"formats.openvino.float must be a list of files; it is 'x'"):
        read_metadata(write_bundle(tmp_path, formats={"openvino": {"float": "x"}}))


def test_a_single_digest_is_the_float_models(tmp_path: Path) -> None:
    metadata = read_metadata(
        write_bundle(tmp_path, sha256="abc", models={"float": "model.onnx", "int8": "model.onnx2"})
    )
    assert metadata.sha256 == {"model.onnx": "abc"}


def test_of_several_labels_nothing_is_abstained_from(tmp_path: Path) -> None:
    assert read_metadata(write_bundle(tmp_path, multi_label=True, abstain_below=0.7)).abstain_below is None


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"format": FORMAT + 1}, rf"is a bundle of format {FORMAT + 1}, and this graft knows up to {FORMAT}; upgrade"),
        ({"classes": None}, r"graft.json: is damaged \(KeyError: 'classes'\)"),
        ({"classes": []}, r"classes must be a list of names; it is \[\]"),
        ({"classes": [1, 2]}, r"classes must be a list of names; it is \[1, 2\]"),
        ({"classes": "ab"}, "classes must be a list of names; it is 'ab'"),
        ({"classes": ["a", "b", "a"]}, r"classes must be a list of names that differ; it is \['a', 'b', 'a'\]"),
        (
            {"presize": {"size": SIZE, "depth": {"integers": [9, 1]}}},
            r"integers must be two numbers, .* it is \[9, 1\]",
        ),
        ({"models": {"float": None}}, "models.float must be a text; it is None"),
        ({"models": {"int8": "a.onnx"}}, "models must be files by precision with 'float' among them; it is {'int8'"),
        ({"models": ["a"]}, r"is damaged \(ValueError"),
        ({"sha256": {"model.onnx": 1}}, "sha256.model.onnx must be a text; it is 1"),
        ({"input": {"name": ["pixels"]}}, r"input.name must be a text; it is \['pixels'\]"),
        ({"output": {"name": ""}}, "output.name must be a text; it is ''"),
        ({"multi_label": "no"}, "multi_label must be true or false; it is 'no'"),
        ({"presize": {}}, r"is damaged \(KeyError: 'size'\)"),
        ({"presize": {"size": 8, "crop": 2}}, "presize.crop: must be a number from 0 to 1; got 2"),
        (
            {"presize": {"size": 8, "padding": [0, 0, 256]}},
            r"presize.padding must be three numbers from 0 to 255; it is",
        ),
        ({"presize": {"size": 8, "padding": "black"}}, r"presize.padding must be three numbers .* it is 'black'"),
        ({"presize": {"size": "8"}}, r"presize.size must be a whole number of pixels; it is '8'"),
        ({"presize": [8]}, r"is damaged \(TypeError"),
        ({"input": "pixels"}, r"is damaged \(AttributeError"),
        ({"threshold": 1.5}, r"threshold: must be a number from 0 to 1; got 1.5"),
        ({"abstain_below": "half"}, r"abstain_below: must be a number from 0 to 1; got 'half'"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_damage_is_named(tmp_path: Path, changed: dict[str, Any], message: str) -> None:
    with pytest.raises(BundleError, match=message):
        read_metadata(write_bundle(tmp_path, **changed))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "graft.json: cannot be read"),
        (b"\xff", "cannot be read"),
        (b"[]", "must hold an object; it holds a list"),
        (b"[" * 100_000, "cannot be read: maximum recursion depth"),
    ],
)
def test_what_is_no_description_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    write_bundle(tmp_path)
    (tmp_path / "graft.json").write_bytes(content)
    with pytest.raises(BundleError, match=message):
        read_metadata(tmp_path)


def test_no_bundle_says_where_one_comes_from(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"holds no bundle \(no graft.json\); `dvc repro export` writes one"):
        read_metadata(tmp_path)
    with pytest.raises(BundleError, match="absent: no such folder"):
        read_metadata(tmp_path / "absent")
    (tmp_path / "file").touch()
    with pytest.raises(BundleError, match="file: no such folder"):
        read_metadata(tmp_path / "file")


def test_precision_and_files_are_checked(tmp_path: Path) -> None:
    models = {"float": "model.onnx", "int8": "gone.onnx"}
    metadata = read_metadata(write_bundle(tmp_path, models=models))
    with pytest.raises(BundleError, match=r"has no precision 'int' \(did you mean 'int8'\?\); it has float, int8"):
        metadata.files("int")
    with pytest.raises(BundleError, match=r"gone.onnx: is missing; the bundle is not whole"):
        metadata.files("int8")
    assert json.loads((tmp_path / "graft.json").read_text())["models"] == models
