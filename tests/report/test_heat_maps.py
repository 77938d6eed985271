"""Heat maps point at what decides, in every kind of network; the sheet shows the costliest answers with them."""

from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

from graft.backbone.build import create
from graft.core.errors import ParamsError
from graft.data.arrays import ImageRows
from graft.network.features import Features
from graft.network.head import Head
from graft.network.network import Network
from graft.render.sheets import Tile
from graft.report import heat_maps as module
from graft.report.gallery import GREEN, RED
from graft.report.heat_maps import (
    BATCH,
    MappedClass,
    choose_classes,
    evidence,
    find_grid_layers,
    heat_maps,
    overlay,
    save_heat_maps,
)
from graft.tasks import MultiLabel, SingleLabel, Task
from tests.network.tiny_network import TINY, made
from tests.report.planted_networks import BRIGHT, CELL, DARK, KINDS, SIDE, Kind, images, planted

CELLS = [(row, column) for row in range(4) for column in range(4)]


def names(network: Network, shown: torch.Tensor) -> list[str]:
    return [layer.name for layer in find_grid_layers(network, shown)]


@pytest.mark.parametrize("kind", KINDS)
def test_the_planted_patch_is_pointed_at(kind: Kind) -> None:
    heat = heat_maps(planted(kind), images(CELLS), torch.full((16,), BRIGHT))
    assert heat.shape == (16, SIDE, SIDE)
    assert heat.dtype == torch.float32
    for one, (row, column) in zip(heat, CELLS, strict=True):
        inside = one[row * CELL : (row + 1) * CELL, column * CELL : (column + 1) * CELL]
        assert inside.max() == one.max() == 1
        assert inside.sum() > 0.35 * one.sum()
        away = one.clone()
        away[max(0, row - 1) * CELL : (row + 2) * CELL, max(0, column - 1) * CELL : (column + 2) * CELL] = 0
        assert away.max() == 0


@pytest.mark.parametrize("kind", KINDS)
def test_the_other_class_sees_all_but_the_patch(kind: Kind) -> None:
    heat = heat_maps(planted(kind), images([(1, 2)]), torch.tensor([DARK]))[0]
    assert heat[CELL + 3 : CELL + 5, 2 * CELL + 3 : 2 * CELL + 5].max() < 0.2
    assert heat[-CELL:].min() > 0.999


@pytest.mark.parametrize("kind", KINDS)
def test_twice_is_the_same_bits_inside_inference_mode_too(kind: Kind) -> None:
    network, shown, classes = planted(kind), images(CELLS), torch.tensor([0, 1] * 8)
    once = heat_maps(network, shown, classes)
    with torch.inference_mode():
        again = heat_maps(network, shown.clone(), classes.clone())
    assert torch.equal(once, again)


def test_the_network_is_left_as_it_was() -> None:
    network, shown = planted("folded"), images([(0, 0), (3, 1)])
    next(network.parts[""].body.parameters()).requires_grad_(False)
    asking = [parameter.requires_grad for parameter in network.parameters()]
    before, kept = network(shown).detach(), shown.clone()
    heat_maps(network, shown, torch.tensor([1, 0]))
    assert [parameter.requires_grad for parameter in network.parameters()] == asking
    assert not any(module._forward_hooks for module in network.modules())
    assert all(parameter.grad is None for parameter in network.parameters())
    assert torch.equal(network(shown), before)
    assert torch.equal(shown, kept)


def test_an_image_is_the_same_in_any_batch() -> None:
    network = planted("convolution")
    cells = (CELLS * 2)[: BATCH + 1]
    whole = heat_maps(network, images(cells), torch.ones(len(cells), dtype=torch.int64))
    alone = heat_maps(network, images(cells[-1:]), torch.tensor([1]))
    torch.testing.assert_close(whole[-1:], alone)


def test_where_nothing_speaks_for_the_class_all_is_nought() -> None:
    dark = torch.full((1, 3, SIDE, SIDE), 0.2)
    assert heat_maps(planted("convolution"), dark, torch.tensor([BRIGHT])).count_nonzero() == 0


def test_tokens_that_the_answer_does_not_read_are_not_asked() -> None:
    # the norm is the last layer that gives tokens, and only its class token is read
    assert names(planted("tokens"), images([(0, 0)])) == ["block"]
    assert names(planted("channels last"), images([(0, 0)])) == ["last"]


class Attending(nn.Module):
    """A grid of 4, then a table of attention of 16 x 16, a gate of 1 x 1, a table of places, and the grid blown up."""

    def __init__(self) -> None:
        super().__init__()
        self.stem, self.table, self.gate = nn.Conv2d(3, 4, 8, 8), nn.Identity(), nn.AdaptiveAvgPool2d(1)
        self.finer, self.places = nn.Upsample(scale_factor=2), nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        grid = self.stem(images)
        flat = grid.flatten(2)
        attended = self.table((flat.transpose(1, 2) @ flat).softmax(-1)[:, None])
        mixed = (flat @ attended[:, 0]).unflatten(2, (4, 4)) * self.gate(grid) + self.places(torch.ones(1, 4, 4, 4))
        finer: torch.Tensor = self.finer(mixed)
        return finer.mean((2, 3))


def test_neither_attention_nor_gate_nor_a_finer_grid_is_taken_for_the_features() -> None:
    torch.manual_seed(0)
    network = Network(Features(Attending(), [], ["mean"]), Head(4, 2), TINY).eval()
    assert names(network, images([(0, 0)])) == ["stem"]


def test_a_layer_that_alone_decides_is_asked_though_others_follow() -> None:
    first = nn.Conv2d(3, 2, 8, 8, bias=False)
    nn.init.constant_(first.weight, 1 / 192)
    body = nn.Sequential(first, nn.ReLU(inplace=True), nn.Conv2d(2, 2, 1))
    network = Network(Features(body, ["1"], ["mean", "max"]), Head(6, 2), TINY).eval()
    with torch.no_grad():  # of the body's own two features the head reads nothing, of the layer's maxima all
        assert network.head is not None
        network.head.linear.weight.copy_(torch.tensor([[0, 0, 0, 0, 0, 0], [0, 0, 0, 0, 1, 1]]))
    assert names(network, images([(2, 1)])) == ["1"]
    heat = heat_maps(network, images([(2, 1)]), torch.tensor([1]))[0]
    assert heat[2 * CELL : 3 * CELL, CELL : 2 * CELL].max() == 1


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet", "test_resnet", "test_convnext"])
def test_real_architectures_are_mapped(name: str) -> None:
    body = create(name)
    state = made(name)
    body.load_state_dict({key: state[key] for key in body.state_dict()}, assign=True)
    torch.manual_seed(0)
    features = Features(body.eval(), [], ["mean"])
    shown = torch.rand((2, 3, 160, 160), generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():  # as elsewhere in an evaluation, before
        width = features(shown).shape[1]
    network = Network(features, Head(width, 3), TINY.model_copy(update={"size": 160})).eval()
    heat = heat_maps(network, shown, torch.tensor([0, 2]))
    assert heat.amax((1, 2)).tolist() == [1, 1]
    assert heat.std((1, 2)).min() > 0.01
    assert torch.equal(heat, heat_maps(network, shown, torch.tensor([0, 2])))
    wanted = {"test_vit": "blocks.5.norm1", "test_resnet": "layer4", "test_efficientnet": "bn2"}
    if name in wanted:
        assert names(network, shown) == [wanted[name]]


@pytest.mark.parametrize("kind", ["linear", "fastai"])
def test_what_is_added_up_is_the_logit(kind: Literal["linear", "fastai"]) -> None:
    """Of means of two layers and a head that is linear: where the logit comes from, nothing lost or counted twice."""
    torch.manual_seed(0)
    first, second = nn.Conv2d(3, 4, 4, 4), nn.Conv2d(4, 5, 2, 2)
    body = nn.Sequential(first, nn.ReLU(inplace=True), second)
    head = Head(9, 3, kind, hidden=64)
    if kind == "linear":
        head.mean, head.scale = torch.randn(9), torch.rand(9) + 0.5
        bias = head.linear.bias
    else:  # its ReLU lets all through
        norm, inner, after = (head.hidden[place] for place in (0, 2, 4))
        norm.running_mean, inner.bias = torch.randn(9), nn.Parameter(torch.full((64,), 100.0))
        after.running_mean = torch.full((64,), 100.0)
        bias = head.linear.bias
    network = Network(Features(body, ["1"], ["mean"]), head, TINY).eval()
    shown = torch.rand((3, 3, SIDE, SIDE))
    classes = torch.tensor([0, 2, 1])
    assert names(network, shown) == ["1", "2"]
    found = evidence(network, shown, classes).mean((1, 2))
    wanted = (network(shown) - bias)[torch.arange(3), classes]
    torch.testing.assert_close(found, wanted.detach(), rtol=1e-4, atol=1e-4)


def test_a_network_without_any_grid_is_refused() -> None:
    body = nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 2))
    network = Network(Features(body, [], ["mean"]), Head(2, 2), TINY).eval()
    with pytest.raises(ParamsError, match=r"embed.size: no layer gives a grid of features for images of 32 pixels"):
        heat_maps(network, images([(0, 0)]), torch.tensor([0]))


TASK = SingleLabel(["dark", "bright"])
SHOWN = [(0, 1), (3, 3), (2, 0)]


def row(label: str, predicted: str, **chances: float) -> pd.Series:
    return pd.Series({"path": "x", "label": label, "predicted": predicted} | {f"p_{k}": v for k, v in chances.items()})


def asked(task: Task, one: pd.Series) -> list[tuple[str, bool, bool]]:
    return [(task.classes[each.position], each.predicted, each.true) for each in choose_classes(one, task)]


def test_of_a_mistake_the_predicted_and_the_true_class_are_asked() -> None:
    task = SingleLabel(["cat", "dog", "owl"])
    assert asked(task, row("owl", "cat", cat=0.5, dog=0.3, owl=0.2)) == [("cat", True, False), ("owl", False, True)]


def test_of_a_correct_answer_the_class_and_the_runner_up_are_asked() -> None:
    task = SingleLabel(["cat", "dog", "owl"])
    assert asked(task, row("dog", "dog", cat=0.1, dog=0.7, owl=0.2)) == [("dog", True, True), ("owl", False, False)]


def test_of_several_labels_the_most_probable_mistakes_are_asked() -> None:
    task = MultiLabel(["a", "b", "c", "d"])
    one = row("b|d", "a|b|c", a=0.6, b=0.9, c=0.8, d=0.4)
    assert asked(task, one) == [("c", True, False), ("a", True, False)]
    one = row("b|d", "b|c", a=0.3, b=0.9, c=0.8, d=0.4)
    assert asked(task, one) == [("c", True, False), ("d", False, True)]
    one = row("b", "", a=0.3, b=0.1, c=0.2, d=0.4)
    assert asked(task, one) == [("b", False, True), ("d", False, False)]
    assert asked(MultiLabel(["a"]), row("", "", a=0.3)) == [("a", False, False)]


def test_classes_come_with_their_position_and_probability() -> None:
    assert choose_classes(row("bright", "dark", dark=0.75, bright=0.25), TASK) == [
        MappedClass(0, 0.75, predicted=True, true=False),
        MappedClass(1, 0.25, predicted=False, true=True),
    ]


def test_heat_covers_the_image_where_it_is_and_only_there() -> None:
    image = np.full((4, 4, 3), 100, dtype=np.uint8)
    heat = np.zeros((4, 4), dtype=np.float32)
    heat[1, 2], heat[0, 0] = 1, 0.19
    drawn = overlay(image, heat)
    assert drawn.dtype == np.uint8
    assert drawn[1, 2].tolist() != [100] * 3
    drawn[1, 2] = 100
    assert (drawn == 100).all()  # a grey picture has no colours to lose


def test_the_images_own_colours_are_taken_out() -> None:
    red = np.tile(np.array([255, 0, 0], dtype=np.uint8), (2, 2, 1))
    assert (overlay(red, np.zeros((2, 2), dtype=np.float32)) == 85).all()


def test_hotter_bands_cover_more() -> None:
    heat = np.linspace(0, 1, 11, dtype=np.float32)[None]
    ground = np.zeros((1, 11, 3), dtype=np.uint8)
    covered = [255 - int(value) for value in (overlay(ground + 255, heat).astype(int) - overlay(ground, heat))[0, :, 0]]
    assert covered == sorted(covered)
    assert len(set(covered)) == module.BANDS


@pytest.fixture
def pixels(tmp_path: Path) -> ImageRows:
    """Three dark pictures with a bright cell each."""
    shown = (images(SHOWN).permute(0, 2, 3, 1) * 255).round().numpy().astype(np.uint8)
    np.save(tmp_path / "pixels.npy", shown)
    (tmp_path / "rows.csv").write_text("path\na.png\nb.png\nc.png\n")
    return ImageRows(tmp_path / "pixels.npy")


@pytest.fixture
def predictions() -> pd.DataFrame:
    """One right answer, two wrong ones, the last the costliest."""
    return pd.DataFrame(
        {
            "path": ["a.png", "b.png", "c.png"],
            "label": ["bright", "dark", "bright"],
            "predicted": ["bright", "bright", "dark"],
            "loss": [0.1, 1.0, 2.0],
            "p_dark": [0.1, 0.37, 0.87],
            "p_bright": [0.9, 0.63, 0.13],
        }
    )


def test_tiles_are_the_image_and_both_classes_the_costliest_first(
    tmp_path: Path, pixels: ImageRows, predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Tile] = []

    def keep(path: Path, tiles: list[Tile], columns: int, side: int, palette: bool) -> None:
        assert (columns, palette) == (6, False)
        drawn[:] = tiles

    monkeypatch.setattr(module, "save_sheet", keep)
    monkeypatch.setattr(module, "BATCH", 2)
    save_heat_maps(tmp_path / "cam.png", predictions, pixels, planted("folded"), TASK, 24)
    assert [(tile.lines[:2], tile.frame) for tile in drawn if tile.frame != module.OUTCOMES[False, False][1]] == [
        (("dark 87%", "is bright"), RED),
        (("dark 87%", "wrong"), RED),
        (("bright 13%", "missed"), RED),
        (("bright 63%", "is dark"), RED),
        (("bright 63%", "wrong"), RED),
        (("dark 37%", "missed"), RED),
        (("bright 90%", "correct"), GREEN),
        (("bright 90%", "correct"), GREEN),
    ]
    assert drawn[-1].lines == ("dark 10%", "not predicted")
    # what speaks for bright is the bright cell: there the picture is covered, elsewhere it shows
    for tile, (cell_row, cell_column) in ((drawn[2], SHOWN[2]), (drawn[4], SHOWN[1]), (drawn[7], SHOWN[0])):
        hottest = tile.pixels.max(2) - tile.pixels.min(2)
        found = np.unravel_index(hottest.argmax(), hottest.shape)
        assert (found[0] // CELL, found[1] // CELL) == (cell_row, cell_column)


def test_the_sheet_is_the_same_bytes_twice(tmp_path: Path, pixels: ImageRows, predictions: pd.DataFrame) -> None:
    for name in ("one.png", "two.png"):
        save_heat_maps(tmp_path / name, predictions, pixels, planted("tokens"), TASK, 2)
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_no_images_make_an_empty_sheet(tmp_path: Path, pixels: ImageRows, predictions: pd.DataFrame) -> None:
    save_heat_maps(tmp_path / "cam.png", predictions.head(0), pixels, planted("tokens"), TASK, 2)
    assert (tmp_path / "cam.png").is_file()


def test_of_several_labels_each_image_has_its_maps(
    tmp_path: Path, pixels: ImageRows, predictions: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Tile] = []
    monkeypatch.setattr(module, "save_sheet", lambda path, tiles, **_: drawn.extend(tiles))
    told = predictions.assign(label=["", "bright|dark", "bright"], predicted=["bright", "bright", "bright"])
    save_heat_maps(tmp_path / "cam.png", told, pixels, planted("folded"), MultiLabel(TASK.classes), 24)
    assert [tile.lines[:2] for tile in drawn] == [
        ("bright 13%", "correct"),
        ("dark 87%", "not predicted"),
        ("bright 13%", "correct"),
        ("bright 63%", "is bright, dark"),
        ("dark 37%", "missed"),
        ("bright 63%", "correct"),
        ("bright 90%", "is no class"),
        ("bright 90%", "wrong"),
        ("dark 10%", "not predicted"),
    ]
