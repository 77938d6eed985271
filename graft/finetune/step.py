"""One step of training: augment, forward, loss, backward, and the optimizer's move."""

import copy
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import nn

from graft.augment.augment import augment
from graft.augment.config import Augment
from graft.augment.mix import Mixed, mix
from graft.core.errors import ParamsError
from graft.core.seeds import derive
from graft.data.dataset import Targets
from graft.finetune.config import Finetune
from graft.finetune.data_parallel import WholeBatch, replicated, unsummed
from graft.finetune.parameter_groups import freeze, merge_groups, parameter_groups
from graft.network.device import autocast, gradient_scaler, pick_device
from graft.network.distributed import devices, rank, world
from graft.network.feed import fill
from graft.network.head import Description, handed_on, load_head
from graft.network.network import Network, check_size, grafted
from graft.optim.batches import Part
from graft.tasks import LossOptions, Task


def load_trainable(backbone: Path, head: Path, config: Finetune) -> tuple[Network, Description]:
    """Graft a fitted head onto the pretrained network; what stays frozen requires no gradients.

    Args:
        backbone: the folder that `download` wrote.
        head: the folder that `train-head` wrote.

    Raises:
        ParamsError: the network takes no images of a size, a pattern of `freeze` or `unfreeze` matches nothing, or
            an ensemble is asked for of heads that are not linear.
    """
    fitted, description = load_head(head)
    for obstacle in config.obstacles(description.head):
        raise ParamsError(obstacle)
    description = description.model_copy(update={"folded": config.batch_norm == "frozen", "processes": devices()})
    network = grafted(backbone, description, fitted, config.drop_path)
    for size in config.training_sizes(description.size):
        check_size(network, description, size, "finetune.sizes")
    freeze(network, config.freeze, config.unfreeze)
    return network, description


def with_final_head(network: Network, description: Description, folder: Path) -> tuple[Network, Description]:
    """What is handed on where fine-tuning gains nothing: a copy, with the head that was refitted to train and valid.

    Args:
        network: as it was before fine-tuning.
        folder: what `train-head` wrote; its own head stays where none was refitted.
    """
    kept = copy.deepcopy(network)
    kept.head, fitted = load_head(handed_on(folder))
    return kept, description.model_copy(update={"refit": fitted.refit})


class Step:
    """A network on its device, its optimizer, and what turns a batch into a gradient.

    Args:
        network: with a head; what is frozen must not require gradients.
        task: gives the loss.
        targets: of all training images, which say how rare a class is and how large a batch will be.
        learning_rate: the base rate; the head's peaks at half of it.
    """

    def __init__(
        self,
        network: Network,
        task: Task,
        targets: Targets,
        config: Finetune,
        augmentation: Augment,
        learning_rate: float,
    ) -> None:
        self.device = pick_device()
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.task, self.config, self.augmentation = task, config, augmentation
        balanced = config.class_weights == "balanced"
        weights = torch.from_numpy(task.class_weights(targets)).to(self.device) if balanced else None
        self.loss_options = LossOptions(config.label_smoothing, config.focal, weights)
        self._parameters = list(network.parameters())  # walking a network takes long
        groups = merge_groups(parameter_groups(network, learning_rate / 2, config.lr_ratio, config.weight_decay))
        fused = self.device.type == "cuda" or None  # one launch a group; None is torch's own choice
        sgd = config.optimizer == "sgd"
        self.optimizer = (
            torch.optim.SGD(groups, momentum=0.9, fused=fused) if sgd else torch.optim.AdamW(groups, fused=fused)
        )
        # where norms follow statistics, images that fill up a batch would change them
        fills = self.device.type != "cpu" and config.batch_norm == "frozen"
        self.filled_to = -(-config.largest_batch(len(targets)) // world()) if fills else 0
        self.scaler = gradient_scaler(self.device, config.precision)
        forward = replicated(network, config)
        self._forward: Callable[..., torch.Tensor] = torch.compile(forward) if config.compile else forward

    def part_of(self, batch: int) -> Part | None:
        """Which images of a batch of so many this process sees; None for all, where it is alone."""
        mixes = bool(self.augmentation.mixup or self.augmentation.cutmix)
        return Part.of(batch, rank(), world(), mixes) if world() > 1 else None

    def backward(
        self,
        pixels: torch.Tensor,
        targets: torch.Tensor,
        size: int,
        seed: int,
        step_images: int,
        aspects: torch.Tensor | None = None,
        part: Part | None = None,
        ends_step: bool = True,
    ) -> torch.Tensor:
        """Add a batch's gradient to those that stand.

        Args:
            pixels: `[B, S, S, 3]` uint8, on the device.
            size: side that they are augmented to.
            seed: of the augmentation's draws.
            step_images: images in the whole step, over which the loss is a mean.
            aspects: `[B]`, of what the squares show, as `augment` takes them.
            part: which images of the batch these are, as `part_of` has it; the gradient is of its own ones.
            ends_step: whether the gradients of all processes are then summed.

        Returns:
            Two sums over the batch, `[2]`: of the losses that are brought down, and of the plain ones, negative log
            likelihoods without smoothing, focus or weights, as valid's are.
        """
        # every image once, then images with each other
        images = augment(pixels, self.augmentation, size, seed, aspects, part)  # [B, 3, size, size] in [0, 1]
        mixed = mix(images, self.augmentation, derive(seed, "mix"), part)
        seen, own = images if mixed is None else mixed.images, slice(part.lead if part else 0, None)
        count = len(seen[own])
        shown = fill(seen[own] if count else seen, self.filled_to)
        alike = WholeBatch(part, len(shown)) if part else nullcontext()
        with unsummed(self._forward, ends_step), alike, autocast(self.device, self.config.precision):
            logits = self._forward(shown)[:count].float()  # [B, K]
        total = self._sum_losses(logits, targets, mixed, self.loss_options, own)
        self.scaler.scale(total / (step_images / world())).backward()  # of all processes' gradients comes the mean
        with torch.no_grad():
            plain = self._sum_losses(logits, targets, mixed, LossOptions(), own)
        return torch.stack([total.detach(), plain])

    def _sum_losses(
        self, logits: torch.Tensor, targets: torch.Tensor, mixed: Mixed | None, options: LossOptions, own: slice
    ) -> torch.Tensor:
        losses = self.task.losses(logits, targets[own], options)  # [B]
        if mixed is not None:
            others, weight = self.task.losses(logits, targets[mixed.partner][own], options), mixed.weight[own]
            losses = weight * losses + (1 - weight) * others
        return losses.sum()

    def update(self) -> torch.Tensor:
        """Move the weights along the gradients, and clear these.

        Returns:
            Their norm before it was clipped, on the device. If it is not finite the weights are lost, except
            where gradients are scaled: their overflow is looked for, and such a step left out.
        """
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self._parameters, self.config.grad_clip_norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        return norm

    def train_mode(self) -> None:
        """Dropout and the like on; batch norms on only if their statistics are to follow, and they train."""
        self.network.train()
        for module in self.network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                trains = any(parameter.requires_grad for parameter in module.parameters())
                module.train(self.config.batch_norm == "train" and trains)
        assert self.network.head is not None
        for module in self.network.head.modules():
            if isinstance(module, nn.Dropout) and self.config.dropout is not None:
                module.p = self.config.dropout

    def learning_rates(self) -> dict[str, float]:
        """Learning rates by parameter group."""
        return {name: group["lr"] for group in self.optimizer.param_groups for name in group["names"]}

    def try_batch(self, count: int, side: int, size: int, targets: Targets) -> None:
        """Go through one step on as many images, to see whether that fits; the weights stay as they are.

        Of several processes this one takes its share, without the others, which may be in the middle of something.

        Args:
            side: of the images, all black.
            size: that they are augmented to.
            targets: some, of the right kind.
        """
        self.filled_to = 0
        if world() > 1:
            count, self._forward = -(-count // world()), self.network
        pixels = torch.zeros((count, side, side, 3), dtype=torch.uint8, device=self.device)
        any_targets = torch.from_numpy(targets[:1]).repeat_interleave(count, 0).to(self.device)
        try:
            self.backward(pixels, any_targets, size, 0, count)
        finally:
            self.optimizer.zero_grad()


class MovingAverage:
    """A copy of a network whose weights follow it, an exponential moving average a step.

    Early on it follows faster, so that little of the start stays. Its steps are counted on the CPU: unlike torch's
    `AveragedModel`, it never waits for the device.

    Args:
        network: on its device already; its parameters stay the same objects.
        decay: share of the average that a step leaves as it is, at most.

    Attributes:
        updates: steps that it has followed.

    Source: the warm-up of TensorFlow's ExponentialMovingAverage(num_updates=...).
    """

    def __init__(self, network: Network, decay: float) -> None:
        self.module, self.decay, self.updates = copy.deepcopy(network), decay, 0
        self._network = network
        # in lists, as walking a network takes long
        self._averaged: list[torch.Tensor] = list(self.module.parameters())
        self._current: list[torch.Tensor] = list(network.parameters())

    @torch.no_grad()
    def update(self) -> None:
        """Follow the weights one step; the first are taken as they are."""
        weight = 1 - min(self.decay, (1 + self.updates) / (10 + self.updates))
        if self.updates:
            torch._foreach_lerp_(self._averaged, self._current, weight)
        else:
            torch._foreach_copy_(self._averaged, self._current)
        self.updates += 1

    @torch.no_grad()
    def network(self) -> Network:
        """The averaged network, in evaluation mode, with the buffers that the network has now."""
        for own, current in zip(self.module.buffers(), self._network.buffers(), strict=True):
            own.copy_(current)
        return self.module.eval()


def is_out_of_memory(error: Exception) -> bool:
    """Tell a lack of memory from other errors of torch, whose allocators of CPU and MPS raise a plain RuntimeError."""
    texts = ("can't allocate memory", "not enough memory", "out of memory")
    return isinstance(error, torch.OutOfMemoryError) or any(text in str(error).lower() for text in texts)


def largest_fit(attempt: Callable[[int], None], batch: int, minimum: int = 1) -> int:
    """Return the largest batch, halving from `batch`, that `attempt` goes through with; 0 for none.

    Args:
        attempt: takes a batch size and uses as much memory as a training step.
        minimum: smaller batches are not tried.
    """
    while (batch := batch // 2) >= minimum:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        try:
            attempt(batch)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
        else:
            return batch
    return 0
