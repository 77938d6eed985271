"""All keys are checked at once; those of earlier versions are refused with their new names, and renamed."""

import json
import shutil
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from graft.apps.check import MODELS, REMOVED, RENAMED, check_file, fix
from graft.apps.use import presets
from graft.core import params
from graft.core.errors import ParamsError
from graft.core.params import flattened, parse_yaml

ROOT = Path(__file__).resolve().parents[2]

OLD = """\
# what a run depends on
lr: 0.001
labels:
  rule: folder
  several: "|"   # between labels
# about index
index:
  near:   # copies
    distance: 8
    # an inner comment
    tolerance: 0.05   # and another
  only: []

split:
  by: group
audit:
  max_metadata_gain: 0.1   # fail above it
embed: {view: 224, layers: [a, b]}

finetune:
  views: 3   # drawn once
  # about the average
  ema: 0.99
  clip: 1.0
  warm_up: 0.25
evaluate:
  gallery: 24   # images
  # precision of the network
  precision: fp32
  flips: [none]
  review: 60   # rows

# about export
export:
  max_flips: 0
  int8: {max_flips: 3}
  timm: true   # for others
  # the end
"""

NEW = """\
# what a run depends on
lr: 0.001
labels:
  rule: folder
  label_separator: "|"   # between labels
# about index
index:
  near_duplicates:   # copies
    distance: 8
    # an inner comment
    tolerance: 0.05   # and another
  only: []

split:
  by: group
  max_metadata_gain: 0.1   # fail above it
embed: {size: 224, layers: [a, b]}

finetune:
  # about the average
  ema_decay: 0.99
  grad_clip_norm: 1.0
  warmup_fraction: 0.25
evaluate:
  # precision of the network
  precision: fp32
  tta: [none]

report:
  gallery: 24   # images
  review: 60   # rows

# about export
export:
  max_mismatches: 0
  int8: {max_mismatches: 3}
  formats: [timm]   # for others
  # the end
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """params.yaml with every old name."""
    (tmp_path / "params.yaml").write_text(OLD)
    return tmp_path / "params.yaml"


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    """A copy of params.yaml as it is shipped."""
    return Path(shutil.copy(ROOT / "params.yaml", tmp_path))


def test_every_key_has_a_model() -> None:
    assert list(params.load(ROOT / "params.yaml")) == list(MODELS)


def test_every_problem_is_named_at_once(shipped: Path) -> None:
    shipped.write_text(shipped.read_text().replace("lr: 0.001", "lr: 30").replace("size: 256", "sise: 256"))
    with pytest.raises(ParamsError) as refused:
        check_file(shipped)
    message = str(refused.value)
    assert "lr: input should be less than or equal to 10; got 30" in message
    assert "presize.sise: unknown key (did you mean 'size'?); the names are crop, fit, quality, size, store" in message
    assert "presize.size: missing" in message


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        (
            "freeze: [conv_stem, 'blocks\\.[0-3]\\.']",
            "freeze: ['[']",
            "finetune.freeze.0: is no regular expression: unterminated character set at position 0; got '['",
        ),
        (
            "unfreeze: []",
            "unfreeze: [{epoch: 2, pattern: '('}]",
            "finetune.unfreeze.0.pattern: is no regular expression: missing ), unterminated subpattern at position 0",
        ),
        ("name: tf_efficientnet_lite0", "name: resnet43", "backbone.name: neither timm nor torchvision has 'resnet43'"),
        ("weights: package:", "weights: timm://nope #", "backbone.weights: timm has no weights 'nope'"),
        ("l2: [0.03,", "l2: [0.1,", "train_head.l2: each penalty can be named once; got [0.1, 0.1, 0.3, 1.0, 3.0]"),
        ("l2: [0.03,", "l2: [-0.03,", "train_head.l2.0: input should be greater than or equal to 0; got -0.03"),
        ("pools: [mean, max]", "pools: [max, max]", "embed.pools: each can be named once; got ['max', 'max']"),
        ("rule: table", "rule: folder", "labels: the key 'table' belongs to rule: table, and the rule is folder"),
        (
            "layers: [blocks.3,",
            "layers: [block.3,",
            "embed.layers: the backbone has no layer 'block.3' (did you mean 'blocks.3'?); it is made of conv_stem",
        ),
        (
            "freeze: [conv_stem,",
            "freeze: [stem,",
            "finetune.freeze: 'stem' matches no parameter; the backbone has blocks, bn1, bn2, conv_head, conv_stem",
        ),
        ("unfreeze: []", "unfreeze: [{epoch: 2, pattern: layer4}]", "finetune.unfreeze: 'layer4' matches no parameter"),
        (
            "freeze: [conv_stem,",
            "method: lora\n  freeze: [conv_stem,",
            "finetune.method: 'lora' adds to linear layers, and tf_efficientnet_lite0 has none that finetune.freeze "
            "leaves; use full, which trains convolutions too, or a vision transformer or ConvNeXt as the backbone",
        ),
        ("formats: []", "formats: [tim]", "export.formats: no format 'tim' (did you mean 'timm'?); there are "),
        (
            "formats: []",
            "formats: [timm]",
            "export.formats: timm cannot be written: the head sees blocks.3, blocks.4, blocks.5, blocks.6 too "
            "(embed.layers); images are standardised one by one (embed.standardise); or leave timm out",
        ),
    ],
    ids=[
        *("freeze", "unfreeze", "backbone", "weights", "a penalty twice", "a negative penalty", "a pool twice", "rule"),
        *("a layer", "a frozen layer", "a layer that joins in", "additions to convolutions"),
        *("format", "a network that a format cannot hold"),
    ],
)
def test_what_the_stages_would_refuse_is_found(shipped: Path, before: str, after: str, expected: str) -> None:
    text = shipped.read_text()
    assert text.count(before) == 1
    shipped.write_text(text.replace(before, after))
    with pytest.raises(ParamsError) as refused:
        check_file(shipped)
    assert str(refused.value).startswith(expected)


@pytest.mark.parametrize(
    ("depth", "white", "refused"),
    [("auto", None, False), ("auto", "", False), ("auto", "65535.0", True), ("12", None, True)],
    ids=["not indexed", "8 bits", "16 bits", "said to have 12 bits"],
)
def test_a_format_for_8_bits_is_refused_to_images_of_more(
    shipped: Path, depth: str, white: str | None, refused: bool
) -> None:
    text = shipped.read_text().replace("formats: []", "formats: [timm]")
    shipped.write_text(text.replace("  max_bad: 0.1", f"  depth: {depth}\n  max_bad: 0.1"))
    if white is not None:
        shipped.with_name("data").mkdir()
        shipped.with_name("data").joinpath("images.csv").write_text(
            f"mode,black,white\nI;16,{white and '0.0'},{white}\n"
        )
    with pytest.raises(ParamsError, match="timm cannot be written") as told:
        check_file(shipped, network=False)
    assert ("images have more than 8 bits (index.depth)" in str(told.value)) == refused


@pytest.mark.parametrize(
    ("labels", "regions", "message"),
    [
        (
            "rule: regions",
            "null",
            "labels.rule 'regions' takes labels from the table of index.regions, which names none",
        ),
        ("rule: table", "{file: boxes.csv}", "labels.rule 'table' names whole images, and index.regions makes boxes"),
    ],
    ids=["labels of no boxes", "boxes, and labels of images"],
)
def test_labels_and_boxes_belong_together(shipped: Path, labels: str, regions: str, message: str) -> None:
    section = shipped.read_text().partition("\nlabels:")[2].partition("\nindex:")[0]
    text = shipped.read_text().replace("regions: null", f"regions: {regions}")
    shipped.write_text(text if labels == "rule: table" else text.replace(section, f"\n  {labels}\n"))
    with pytest.raises(ParamsError, match=f"^{message}"):
        check_file(shipped, network=False)


def test_every_new_name_is_a_key() -> None:
    for name in RENAMED.values():
        section, *rest = name.split(".")
        known = json.dumps(TypeAdapter(MODELS[section]).json_schema())
        assert all(f'"{key}"' in known for key in rest), name


@pytest.mark.parametrize(
    "name", ["params.yaml", *(f"presets/{file.name}" for file in sorted((ROOT / "presets").glob("*.yaml")))]
)
def test_what_is_shipped_has_no_old_name(name: str) -> None:
    values = flattened(parse_yaml((ROOT / name).read_text()))
    assert not {key for key in values if any(f"{key}.".startswith(f"{old}.") for old in [*RENAMED, *REMOVED])}


def test_old_names_are_refused_with_the_new_ones(file: Path) -> None:
    with pytest.raises(ParamsError) as refused:
        check_file(file)
    lines = str(refused.value).splitlines()
    assert lines[0].endswith("has keys of an earlier version; `graft check --fix` brings them up to date:")
    assert set(lines[1:]) >= {f"  {old} is now {new}" for old, new in RENAMED.items()}
    assert file.read_text() == OLD


def test_old_names_are_replaced_and_comments_and_order_kept(file: Path) -> None:
    assert fix(file) == [
        *(f"{old} is now {new}" for old, new in RENAMED.items()),
        *(f"{old} is gone: {why}" for old, why in REMOVED.items()),
        "audit is gone: its one key is now in split",
    ]
    assert file.read_text() == NEW
    assert fix(file) == []
    assert file.read_text() == NEW


def test_a_key_under_both_names_is_not_guessed_at(file: Path) -> None:
    file.write_text(OLD.replace("{view: 224,", "{view: 224, size: 192,"))
    with pytest.raises(ParamsError, match=r"embed\.view is now embed\.size, and both are there; remove one of them"):
        fix(file)
    assert "view: 224" in file.read_text()


def test_a_section_that_is_new_is_added_with_its_defaults(file: Path) -> None:
    file.write_text("evaluate:\n  precision: fp32\n")
    assert fix(file) == ["report is new: what the report shows; as it is empty, its defaults hold"]
    assert file.read_text() == "evaluate:\n  precision: fp32\n\nreport: {}\n"


def test_a_comment_about_a_section_that_goes_stays(file: Path) -> None:
    file.write_text("split:\n  by: group\n\n# why\naudit: {}\npresize: {size: 64}\n")
    fix(file)
    assert file.read_text() == "split:\n  by: group\n\n# why\npresize: {size: 64}\n"


@pytest.mark.parametrize(("text", "message"), [("a: [", "cannot be read"), ("- 1", "expected a mapping")])
def test_what_is_no_mapping_is_refused(file: Path, text: str, message: str) -> None:
    file.write_text(text)
    with pytest.raises(ParamsError, match=f"{file}: {message}"):
        fix(file)


@pytest.mark.parametrize("name", presets.names(presets.BACKBONES))
def test_presets_of_backbones_fit_their_networks(shipped: Path, name: str) -> None:
    values, _ = presets.read_preset(name, presets.BACKBONES)
    presets.write_values(values, shipped)
    assert check_file(shipped)["backbone"] == values["backbone"]


def test_additions_need_a_linear_layer_that_is_not_frozen(shipped: Path) -> None:
    values, _ = presets.read_preset("dinov2_small", presets.BACKBONES)
    values["finetune"]["method"] = "lora"
    presets.write_values(values, shipped)
    check_file(shipped)
    values["finetune"]["freeze"] = ["blocks"]
    presets.write_values(values, shipped)
    with pytest.raises(ParamsError, match=r"and vit_small_patch14_dinov2 has none that finetune\.freeze leaves"):
        check_file(shipped)


def test_an_ensemble_needs_a_linear_head_and_fits_no_format_of_one_network(shipped: Path) -> None:
    head = {"head": "mlp", "solver": "onecycle"}
    presets.write_values({"finetune": {"ensemble": True}, "train_head": head}, shipped)
    with pytest.raises(
        ParamsError, match=r"finetune\.ensemble joins linear heads alone, and train_head\.head is 'mlp'"
    ):
        check_file(shipped)
    linear = {"head": "linear"}
    presets.write_values({"train_head": linear, "export": {"formats": ["timm"]}}, shipped)
    alike = r"tf_efficientnet_lite0 \+ tf_efficientnet_lite0 are several networks .*\(backbone, finetune\.ensemble\)"
    with pytest.raises(ParamsError, match=alike):
        check_file(shipped)
