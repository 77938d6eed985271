"""timm loads what is written for it, and says the same."""

from pathlib import Path

import pytest
import torch

from graft.backbone.timm_models import timm  # which makes it importable first
from graft.core.errors import ExportError
from graft.export import formats
from graft.images.decode import Square
from graft.images.depth import Depth
from graft.network.head import Description
from graft.network.network import Network
from graft.tasks import Decision
from tests.export import tiny_bundle

DESCRIPTION = tiny_bundle.DESCRIPTION.model_copy(update={"std": [0.25] * 3})


@pytest.fixture
def network() -> Network:
    """A linear head on the last features alone."""
    return tiny_bundle.network(DESCRIPTION)


def write(
    folder: Path, network: Network, decision: Decision, square: Square, description: Description = DESCRIPTION
) -> None:
    formats.write("timm", folder, formats.Exported(network, description, square, decision, Path(), {}))


@pytest.mark.parametrize(("crop", "mode"), [(0.0, "squash"), (1.0, "center")])
def test_timm_says_the_same(network: Network, tmp_path: Path, crop: float, mode: str) -> None:
    write(tmp_path, network, Decision(temperature=1.5), Square(32, crop))
    loaded = timm.create_model(f"local-dir:{tmp_path / 'timm'}", pretrained=True).eval()
    config = timm.data.resolve_data_config({}, model=loaded)  # type: ignore[no-untyped-call]
    loaded_config = [list(config[key]) for key in ("input_size", "mean", "std")]
    assert loaded_config == [[3, 32, 32], [0.5] * 3, [0.25] * 3]
    assert (config["crop_mode"], config["crop_pct"]) == (mode, 1.0)
    views = torch.rand(4, 3, 32, 32)
    with torch.inference_mode():
        expected, actual = network(views) / 1.5, loaded((views - 0.5) / 0.25)
    torch.testing.assert_close(actual, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    ("changed", "decision", "message"),
    [
        ({"layers": ["blocks.3"]}, Decision(), r"the head sees blocks.3 too \(embed.layers\)"),
        ({"standardise": True}, Decision(), r"embed.standardise"),
        ({"head": "mlp"}, Decision(), r"the head is of kind mlp"),
        ({"backbone": "torchvision/resnet18"}, Decision(), r"torchvision/resnet18 is torchvision's"),
        ({}, Decision(tta=["none", "both"]), r"the flips none, both \(evaluate.tta\)"),
    ],
)
def test_what_timm_cannot_hold_is_refused(
    network: Network, tmp_path: Path, changed: dict[str, object], decision: Decision, message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        write(tmp_path, network, decision, Square(32), DESCRIPTION.model_copy(update=changed))
    assert not (tmp_path / "timm").exists()


@pytest.mark.parametrize(
    ("square", "message"),
    [
        (Square(32, 0.5), r"squeezed in part \(presize.crop 0.5, where timm knows 0 and 1\)"),
        (Square(32, padding=(1, 2, 3)), r"images get a border \(presize.fit\)"),
        (Square(32, depth=Depth((0, 4095))), r"images have more than 8 bits \(index.depth\)"),
        (Square(32, depth=Depth((0, 65535))), r"images have more than 8 bits"),
    ],
    ids=["half", "pad", "12 bits", "16 bits"],
)
def test_images_that_timm_would_read_otherwise_are_refused(
    network: Network, tmp_path: Path, square: Square, message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        write(tmp_path, network, Decision(), square)
