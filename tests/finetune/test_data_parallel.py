"""Several processes train as one does: the same draws, the same steps, gradients and statistics of whole batches."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

from graft.augment.augment import augment
from graft.augment.mix import mix
from graft.core.errors import ParamsError
from graft.data.dataset import LabelledImages
from graft.finetune import data_parallel
from graft.finetune.data_parallel import WholeBatch, replicated
from graft.network.network import Network
from graft.optim.batches import Part
from tests.finetune.shared_training import MIXING, PLAIN, WAYS, trained

ROOT = Path(__file__).resolve().parents[2]
TORCHRUN = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node"]


@pytest.mark.slow
@pytest.mark.parametrize("world", [2, 3])
def test_the_curves_are_those_of_one_process(images: LabelledImages, tmp_path: Path, world: int) -> None:
    command = [*TORCHRUN, str(world), "-m", "tests.finetune.shared_training", str(tmp_path)]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "CUDA_VISIBLE_DEVICES": ""}
    subprocess.run(command, cwd=ROOT, env=environment, check=True)
    found = json.loads((tmp_path / "found.json").read_text())
    for way in WAYS:
        alone = trained(tmp_path, way)
        for name, values in found[way].items():
            assert values == pytest.approx(alone[name], rel=1e-5), f"{way}: {name}"
        assert alone["valid"][0] != pytest.approx(alone["valid"][-1], rel=1e-3)


def parts(whole: int, world: int, mixes: bool) -> list[Part]:
    return [Part.of(whole, rank, world, mixes) for rank in range(world)]


@pytest.mark.parametrize("world", [1, 2, 3, 7])
def test_every_process_draws_for_its_images_what_one_would(world: int) -> None:
    pixels = torch.randint(0, 256, (5, 32, 32, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    aspects = torch.linspace(0.5, 2, 5)
    whole = mix(augment(pixels, MIXING, 24, 3, aspects), MIXING, 4)
    assert whole is not None
    for part in parts(5, world, mixes=True):
        mixed = mix(augment(pixels[part.seen], MIXING, 24, 3, aspects, part), MIXING, 4, part)
        assert mixed is not None
        own = slice(part.start, part.stop)
        assert torch.equal(mixed.images[part.lead :], whole.images[own])
        assert torch.equal(mixed.weight[part.lead :], whole.weight[own])


@pytest.mark.parametrize("fills_to", [0, 4])
def test_dropout_of_a_part_is_that_of_the_whole_batch(fills_to: int) -> None:
    values = torch.rand((5, 64))
    torch.manual_seed(0)
    dropped, kept = F.dropout(values, 0.3), torch.empty((5, 1)).bernoulli_(0.6)
    for part in parts(5, 2, mixes=False):
        own = slice(part.start, part.stop)
        shown = torch.cat([values[own], values[:1].expand(max(0, fills_to - len(values[own])), 64)])
        torch.manual_seed(0)
        with WholeBatch(part, len(shown)):
            found, chosen = F.dropout(shown, 0.3), shown.new_empty((len(shown), 1)).bernoulli_(0.6)
            assert F.dropout(shown, 0.3, training=False) is shown
            assert len(torch.empty(9).bernoulli_(0.5)) == 9
        count = part.stop - part.start
        assert torch.equal(found[:count], dropped[own])
        assert torch.equal(chosen[:count], kept[own])


def test_a_compiled_network_is_refused(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    config = PLAIN.model_copy(update={"compile": True})
    assert replicated(network, config) is network
    monkeypatch.setattr(data_parallel, "world", lambda: 2)
    with pytest.raises(ParamsError, match=r"finetune.compile: true compiles for one process, and GRAFT_LAUNCH asks"):
        replicated(network, config)


def test_what_trains_and_does_nothing_is_noticed(network: Network) -> None:
    assert not data_parallel._has_idle(network)
    network.idle = torch.nn.Linear(1, 1)
    assert data_parallel._has_idle(network)
