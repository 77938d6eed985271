"""Training goes on after a crash as if nothing had happened, learns, and touches only what it may."""

import copy
import itertools
import math
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.backbone.build import create, native_size
from graft.core.errors import ParamsError, TrainingError
from graft.data.dataset import LabelledImages
from graft.finetune import loop, step
from graft.finetune.config import Finetune, Unfreeze
from graft.finetune.loop import Training
from graft.finetune.parameter_groups import freeze
from graft.finetune.validate import Score, validate
from graft.network.config import Precision
from graft.network.features import Features
from graft.network.head import Head
from graft.network.inference import resize
from graft.network.network import Network
from graft.optim.batches import epoch_order
from graft.tasks import MultiLabel
from tests.finetune.conftest import DESCRIPTION
from tests.finetune.tiny_training import CONFIG, STILL, TASK, check_resumed, several, training, weights
from tests.network.tiny_network import tiny_body

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("killed_after", [1, 2])
def test_resumed_training_is_the_uninterrupted_one(
    network: Network, images: LabelledImages, tmp_path: Path, killed_after: int
) -> None:
    check_resumed(network, images, tmp_path, killed_after)


def test_going_on_with_other_processes_is_said_and_in_another_folder_refused(
    network: Network, images: LabelledImages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, first, said = tmp_path / "checkpoint.safetensors", training(network, images), list[str]()
    first.save(file, [next(first.epochs())])
    training(network, images).resume(file, said.append)
    monkeypatch.setattr(loop, "devices", lambda: "2 x cpu")
    training(network, images).resume(file, said.append)
    told = "goes on after epoch 1"
    assert said == [told, f"{told}, computed on 1 x cpu: what follows is the same up to rounding"]
    monkeypatch.setattr(loop, "broadcast", lambda _: 1)
    with pytest.raises(TrainingError, match=r"finds 0 epochs there, .* all processes must see the same folder"):
        training(network, images).resume(tmp_path / "elsewhere.safetensors")


@pytest.mark.usefixtures("cuda")
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_so_it_is_on_a_gpu(network: Network, images: LabelledImages, tmp_path: Path, precision: Precision) -> None:
    check_resumed(network, images, tmp_path, 1, CONFIG.model_copy(update={"precision": precision, "batch_size": 7}))


def test_same_seed_gives_the_same_bits_and_another_seed_does_not(network: Network, images: LabelledImages) -> None:
    runs = [training(network, images) for _ in range(2)]
    other = training(network, images)
    other.seed = 8
    for run in (*runs, other):
        list(run.epochs())
    first, second, third = (weights(run)["network.head.linear.weight"] for run in (*runs, other))
    assert torch.equal(first, second)
    assert not torch.equal(first, third)


def unscored(_: Network) -> Score:
    return Score({"accuracy": 0.5}, -1.0)


def test_attention_trains_to_the_same_bits_too(images: LabelledImages) -> None:
    torch.manual_seed(0)
    body = create("test_vit").to_empty(device="cpu")
    for parameter in body.parameters():
        torch.nn.init.normal_(parameter, std=0.1)
    side = native_size("test_vit")
    vit = Network(Features(body, [], ["mean"]), Head(64, 2), DESCRIPTION)
    config = CONFIG.model_copy(update={"epochs": 1, "sizes": [[side, 1.0]]})
    runs = [Training(copy.deepcopy(vit), TASK, images, unscored, config, STILL, 1e-2, 0) for _ in range(2)]
    for run in runs:
        next(run.epochs())
    first, second = map(weights, runs)
    assert all(torch.equal(value, second[name]) for name, value in first.items())


def test_an_operation_of_other_bits_on_every_run_is_refused(
    network: Network, images: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = training(network, images)

    def pooled(*_: object) -> torch.Tensor:
        return torch.zeros(2).put_(torch.tensor([0]), torch.tensor([1.0]))

    monkeypatch.setattr(run.step, "backward", pooled)
    with pytest.raises(TrainingError, match=r"other bits on every run on cpu \(put_\): choose another backbone"):
        next(run.epochs())


def test_no_checkpoint_means_the_beginning(network: Network, images: LabelledImages, tmp_path: Path) -> None:
    fresh = training(network, images)
    assert fresh.resume(tmp_path / "none.safetensors") == []
    assert fresh.completed == 0


def test_a_few_images_can_be_learnt_by_heart(network: Network, images: LabelledImages) -> None:
    config = Finetune(epochs=40, batch_size=16, sizes=[[32, 1.0]], ema_decay=0.5, label_smoothing=0.0, precision="fp32")
    on_valid = partial(validate, task=TASK, images=images, size=32, precision="fp32")
    run = Training(network, TASK, images, on_valid, config, STILL, 2e-2, seed=0)
    last = list(run.epochs())[-1]
    assert last.valid == {"accuracy": 1.0}
    assert last.train_loss < 0.05


def test_frozen_bytes_do_not_change_and_the_rest_does(network: Network, images: LabelledImages) -> None:
    freeze(network, ["conv_stem", r"blocks\.0\."])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    on_valid = partial(validate, task=TASK, images=images, size=32, precision="fp32")
    run = Training(network, TASK, images, on_valid, CONFIG, Augment(), 1e-2, seed=0)
    list(run.epochs())
    for module in (run.network, run.averaged()):
        for name, value in module.state_dict().items():
            inside = name.removeprefix("features.body.")
            if inside.startswith(("conv_stem", "blocks.0.")) or name in ("head.mean", "head.scale"):
                assert torch.equal(value, before[name]), name
        assert not torch.equal(module.state_dict()["head.linear.weight"], before["head.linear.weight"])
        last = "features.body.blocks.4.0.conv_pw.weight"
        assert not torch.equal(module.state_dict()[last], before[last])


def test_loss_that_is_not_finite_stops_with_epoch_and_rates(network: Network, images: LabelledImages) -> None:
    assert network.head is not None
    network.head.linear.bias.data[0] = float("nan")
    with pytest.raises(TrainingError, match=r"the loss is nan in epoch 1, batch 1, at learning rates .*head.*lower lr"):
        list(training(network, images).epochs())


def test_batches_are_counted_from_the_first_however_often_losses_are_looked_at(
    network: Network, images: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop, "CHECK_EVERY", 2)
    run = training(network, images, CONFIG.model_copy(update={"batch_size": 2}))  # eight batches
    plain, seen = run.step.backward, itertools.count(1)
    monkeypatch.setattr(run.step, "backward", lambda *given: plain(*given) + (math.nan if next(seen) == 6 else 0))
    with pytest.raises(TrainingError, match="the loss is nan in epoch 1, batch 6, at"):
        next(run.epochs())


@pytest.mark.parametrize("steps", [1, 2])
def test_a_gradient_that_is_not_finite_stops_before_a_checkpoint(
    network: Network, images: LabelledImages, steps: int
) -> None:
    """The loss of the last step is finite still: only its gradient shows that the weights are lost."""
    run = training(network, images, CONFIG.model_copy(update={"batch_size": 16 // steps}))
    assert run.network.head is not None
    taken = itertools.count(1)

    def spoilt(gradient: torch.Tensor) -> torch.Tensor:
        return gradient * (math.nan if next(taken) == steps else 1)

    run.network.head.linear.weight.register_hook(spoilt)
    with pytest.raises(
        TrainingError, match=rf"the norm of the gradients is nan in epoch 1, step {steps}, at learning rates .*lower lr"
    ):
        next(run.epochs())
    assert run.completed == 0


def test_scaled_gradients_may_overflow(network: Network, images: LabelledImages) -> None:
    run = training(network, images, CONFIG.model_copy(update={"batch_size": 16, "precision": "fp16"}))
    assert run.network.head is not None
    run.network.head.linear.weight.register_hook(lambda gradient: gradient * math.inf)
    next(run.epochs())
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in run.network.state_dict().items())


@pytest.mark.parametrize("accumulate", [1, 2])
def test_learning_rates_are_those_of_the_last_step(network: Network, images: LabelledImages, accumulate: int) -> None:
    config = CONFIG.model_copy(update={"schedule": "step", "decay_epochs": 1, "accumulate": accumulate})
    rates = [epoch.learning_rates["head.bias"] for epoch in training(network, images, config, lr=1e-3).epochs()]
    assert rates == pytest.approx([5e-4, 5e-5, 5e-6])  # half of lr, and a tenth of that after each epoch


def test_augmentation_knows_how_each_image_was_squeezed(
    network: Network, images: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    squeezed = np.linspace(0.5, 2, 16, dtype=np.float32)
    squares = LabelledImages(images.pixels, images.rows, images.targets, squeezed)
    seen: list[float] = []

    def noted(
        pixels: torch.Tensor, config: Augment, size: int, seed: int, aspects: torch.Tensor, part: None
    ) -> torch.Tensor:
        seen.extend(aspects.tolist())
        return augment(pixels, config, size, seed, aspects, part)

    monkeypatch.setattr(step, "augment", noted)
    next(training(network, squares).epochs())
    assert seen == squeezed[epoch_order(16, 7, 1)].tolist()


def test_average_of_weights_by_hand(network: Network, images: LabelledImages) -> None:
    run = training(network, images, CONFIG.model_copy(update={"ema_decay": 0.2}))
    assert run.network.head is not None
    weight = run.network.head.linear.bias
    with torch.no_grad():
        weight.copy_(torch.tensor([1.0, 0.0]))
        run.average.update()  # the first is taken as it is
        weight.copy_(torch.tensor([2.0, 0.0]))
        run.average.update()  # decay min(0.2, 2 / 11) = 2 / 11
    averaged = run.averaged().head.linear.bias  # type: ignore[union-attr]
    torch.testing.assert_close(averaged[0].detach(), torch.tensor(1 * 2 / 11 + 2 * 9 / 11))


def test_several_labels_can_be_learnt_by_heart(network: Network, images: LabelledImages) -> None:
    config = Finetune(epochs=40, batch_size=16, sizes=[[32, 1.0]], ema_decay=0.5, label_smoothing=0.0, precision="fp32")
    task, asked = MultiLabel(["light", "seen"]), several(images)
    on_valid = partial(validate, task=task, images=asked, size=32, precision="fp32")
    run = Training(network, task, asked, on_valid, config, STILL, 2e-2, seed=0)
    history = list(run.epochs())
    assert history[-1].valid == {"mean_average_precision": 1.0, "exact_match": 1.0}
    assert history[-1].train_loss < 0.05
    assert history[-1].score.beats(history[0].score)
    curves = ["train/loss", "valid/loss", "valid/mean_average_precision", "valid/exact_match"]
    assert list(history[-1].curves())[:4] == curves


def test_accumulated_batches_make_the_step_of_a_large_one(network: Network, images: LabelledImages) -> None:
    large = CONFIG.model_copy(update={"epochs": 1, "batch_size": 16, "optimizer": "sgd"})
    found = []
    for config in (large, large.model_copy(update={"batch_size": 4, "accumulate": 4})):
        on_valid = partial(validate, task=TASK, images=images, size=32, precision="fp32")
        run = Training(copy.deepcopy(network), TASK, images, on_valid, config, STILL, 1e-2, seed=0)
        found.append((next(run.epochs()).train_loss, run.network.state_dict()))
    (loss, wanted), (small, got) = found
    assert small == pytest.approx(loss, rel=1e-5)
    for name, value in got.items():
        torch.testing.assert_close(value, wanted[name], rtol=1e-4, atol=1e-6)


UNFREEZE = [Unfreeze(epoch=3, pattern="conv_stem"), Unfreeze(epoch=2, pattern=r"conv_stem|blocks\.0\.")]
"""The stem is named twice: what counts is the latest epoch, not the last line."""


@pytest.mark.parametrize("frozen_too", [[], ["conv_stem", r"blocks\.0\."]])
def test_what_is_unfrozen_joins_in_its_epoch(
    network: Network, images: LabelledImages, tmp_path: Path, frozen_too: list[str]
) -> None:
    freeze(network, frozen_too, UNFREEZE)
    config = CONFIG.model_copy(update={"freeze": frozen_too, "unfreeze": UNFREEZE})
    run = training(network, images, config, lr=1e-2)
    names = {"stem": "features.body.conv_stem.weight", "first": "features.body.blocks.0.0.conv.weight"}

    def moved() -> set[str]:
        state, start = run.network.state_dict(), network.state_dict()
        return {short for short, name in names.items() if not torch.equal(state[name], start[name])}

    seen, file, history = [], tmp_path / "checkpoint.safetensors", []
    for epoch in run.epochs():
        history.append(epoch)
        seen.append(moved())
        if epoch.epoch == 1:
            run.save(file, history)
    assert seen == [set(), {"first"}, {"first", "stem"}]
    resumed = training(network, images, config, lr=1e-2)
    assert resumed.resume(file) + list(resumed.epochs()) == history


def test_unfreezing_nothing_is_an_error(network: Network, images: LabelledImages) -> None:
    config = CONFIG.model_copy(update={"unfreeze": [Unfreeze(epoch=2, pattern="layer9")]})
    with pytest.raises(ParamsError, match=r"finetune.unfreeze: 'layer9' matches no parameter"):
        training(network, images, config)


@pytest.mark.parametrize(
    ("policy", "patterns", "moves"),
    [("frozen", [], False), ("train", [], True), ("train", ["conv_stem", "bn1"], False)],
)
def test_batch_norm_statistics_follow_only_if_asked(
    images: LabelledImages, policy: str, patterns: list[str], moves: bool
) -> None:
    body = tiny_body(folded=False)
    network = Network(Features(body, [], ["mean"]), Head(256, 2), DESCRIPTION)
    freeze(network, patterns)
    before = body.state_dict()["bn1.running_mean"].clone()
    run = training(network, images, CONFIG.model_copy(update={"batch_norm": policy}))
    next(run.epochs())
    for module in (run.network, run.averaged()):
        after = module.state_dict()["features.body.bn1.running_mean"]
        assert torch.equal(after, before) is not moves


def test_dropout_of_the_head_is_set_and_repeats(network: Network, images: LabelledImages) -> None:
    config = CONFIG.model_copy(update={"dropout": 0.5, "epochs": 1})
    losses = [next(training(network, images, each).epochs()).train_loss for each in (config, config, CONFIG)]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize(
    "config", [{}, {"class_weights": "balanced"}, {"sampling": "balanced"}, {"focal": 2.0}, {"label_smoothing": 0.2}]
)
def test_what_shapes_the_loss_by_hand(
    network: Network, images: LabelledImages, config: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of twelve pictures eight are said to be dark and four light; the rate is too low to move a weight."""
    targets = np.repeat(np.array([0, 1]), [8, 4])
    assert network.head is not None
    torch.manual_seed(0)
    torch.nn.init.normal_(network.head.linear.weight, std=3e-4)  # of features in the hundreds
    uneven = LabelledImages(images.pixels, images.rows[:12], targets)
    shaped = CONFIG.model_copy(update={"label_smoothing": 0.0} | config)
    run, sums = training(network, uneven, shaped, lr=1e-12, augment=STILL), list[torch.Tensor]()
    backward = run.step.backward

    def recorded(*given: Any) -> torch.Tensor:
        sums.append(backward(*given))
        return sums[-1]

    monkeypatch.setattr(run.step, "backward", recorded)
    plain = next(run.epochs()).train_loss
    loss = float(torch.stack(sums)[:, 0].sum()) / 12

    with torch.no_grad():
        logits = network(resize(torch.from_numpy(images.pixels.read(uneven.rows)), 32))
    given = torch.softmax(logits, 1).numpy()
    losses = -np.log(given[np.arange(12), targets])
    wanted = {
        (): losses,
        ("class_weights",): losses * np.array([12 / 2 / 8, 12 / 2 / 4])[targets],
        ("sampling",): losses[epoch_order(12, 7, 1, np.repeat([1 / 16, 1 / 8], [8, 4]))],
        ("focal",): losses * (1 - given[np.arange(12), targets]) ** 2,
        ("label_smoothing",): 0.8 * losses - 0.2 * np.log(given).mean(1),
    }
    assert loss == pytest.approx(wanted[tuple(config)].mean(), rel=1e-4)
    # what is told is the plain loss of the images that were drawn, to be laid beside valid's
    assert plain == pytest.approx(wanted[("sampling",) if "sampling" in config else ()].mean(), rel=1e-4)
    assert len({round(float(each.mean()), 4) for each in wanted.values()}) == len(wanted), "they can be told apart"


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_learns_and_resumes(
    network: Network, images: LabelledImages, tmp_path: Path, precision: str
) -> None:
    config = CONFIG.model_copy(update={"precision": precision})
    whole = training(network, images, config)
    file, history = tmp_path / "checkpoint.safetensors", []
    for epoch in whole.epochs():
        history.append(epoch)
        if epoch.epoch == 2:
            whole.save(file, history)
    assert math.isfinite(history[-1].train_loss)
    resumed = training(network, images, config)
    assert resumed.resume(file) + list(resumed.epochs()) == history
    assert resumed.step.scaler.state_dict() == whole.step.scaler.state_dict()


SAME = r"{} does: with finetune.accumulate {} the steps stay as they are$"


@pytest.mark.parametrize(
    ("room", "config", "message"),
    [
        (3, {"batch_size": 8}, SAME.format(2, 4)),
        (4, {"batch_size": 14, "accumulate": 5}, SAME.format(2, 35)),  # 3 would fit, but is no part of 70
        (3, {"batch_size": 15, "batch_norm": "train"}, SAME.format(3, 5)),
        (3, {"batch_size": 13, "batch_norm": "train"}, r"; 3 does$"),  # no number but 1 is a part of 13
        (1, {"batch_size": 8, "batch_norm": "train"}, r", nor does one of 2; freeze more layers"),
    ],
)
def test_too_little_memory_names_what_fits(
    network: Network,
    images: LabelledImages,
    monkeypatch: pytest.MonkeyPatch,
    room: int,
    config: dict[str, Any],
    message: str,
) -> None:
    plain = network.forward

    def cramped(images: torch.Tensor) -> torch.Tensor:
        if len(images) > room:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(images)

    run = training(network, images, CONFIG.model_copy(update=config))
    monkeypatch.setattr(run.network, "forward", cramped)
    start = rf"^finetune.batch_size {config['batch_size']} at 32 x 32 does not fit into the memory of cpu"
    with pytest.raises(TrainingError, match=rf"{start}.*{message}"):
        next(run.epochs())


@pytest.mark.parametrize("count", [3, 16])
def test_norms_that_follow_never_meet_a_single_image(images: LabelledImages, count: int) -> None:
    """A fastai head refuses a batch of one; an odd number of pictures in batches of two would leave one."""
    body = tiny_body(folded=False)
    network = Network(Features(body, [], ["mean"]), Head(256, 2, "fastai", 8), DESCRIPTION)
    few = LabelledImages(images.pixels, images.rows[:count], images.targets[:count])
    run = training(network, few, CONFIG.model_copy(update={"batch_norm": "train", "batch_size": 2, "epochs": 1}))
    assert math.isfinite(next(run.epochs()).train_loss)


def test_no_epochs_leave_the_network_alone(network: Network, images: LabelledImages) -> None:
    run = training(network, images, Finetune(epochs=0))
    assert list(run.epochs()) == []
    assert all(torch.equal(value, network.state_dict()[name]) for name, value in run.averaged().state_dict().items())


def test_compiled_network_trains_the_same(
    network: Network, images: LabelledImages, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced but not translated to machine code, which would take a compiler and minutes."""
    config = CONFIG.model_copy(update={"epochs": 1})
    plain = next(training(network, images, config).epochs())
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend="eager"))
    compiled = next(training(network, images, config.model_copy(update={"compile": True})).epochs())
    assert compiled.train_loss == pytest.approx(plain.train_loss, rel=1e-5)


def test_it_is_watched_by_step_and_by_epoch(network: Network, images: LabelledImages, tmp_path: Path) -> None:
    run, shown = training(network, images), list[tuple[set[str], int]]()

    def watch(values: dict[str, float], step: int) -> None:
        shown.append((set(values), step))

    history = run.finish(tmp_path / "checkpoint.safetensors", lambda *_: None, lambda *_, **__: [], watch)
    steps = run.average.updates
    assert ({"step/loss"}, steps) in shown
    assert shown[-1] == (set(history[-1].curves()), steps)
