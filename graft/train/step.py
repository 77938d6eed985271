"""One step of training: views, forward, loss, backward, and the optimizer's move."""

from collections.abc import Callable

import torch
from torch import nn

from graft.images.augment import augment
from graft.images.mix import mix
from graft.images.settings import Augment
from graft.model.device import autocast, gradient_scaler, pick_device
from graft.model.loss import Shaping
from graft.model.network import Network
from graft.model.task import Task
from graft.seeds import derive
from graft.split.table import Targets
from graft.train.cut import Cut
from graft.train.finetune import Finetune
from graft.train.groups import parameter_groups


class Step:
    """A network on its device, its optimizer, and what turns a batch into a gradient.

    Args:
        network: with a head; what is frozen must not require gradients.
        task: gives the loss.
        targets: of all training pictures, which say how rare a class is.
        learning_rate: the base rate; the head's peaks at half of it.
    """

    def __init__(
        self, network: Network, task: Task, targets: Targets, knobs: Finetune, views: Augment, learning_rate: float
    ) -> None:
        self.device = pick_device()
        self.network = network.to(self.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.task, self.knobs, self.views = task, knobs, views
        weights = None
        if knobs.class_weights == "balanced":
            weights = torch.from_numpy(task.balance(targets)).to(self.device)
        self.shaping = Shaping(knobs.label_smoothing, knobs.focal, weights)
        groups = parameter_groups(network, learning_rate / 2, knobs.lr_ratio, knobs.weight_decay)
        sgd = knobs.optimizer == "sgd"
        self.optimizer = torch.optim.SGD(groups, momentum=0.9) if sgd else torch.optim.AdamW(groups)
        self.scaler = gradient_scaler(self.device, knobs.precision)
        self._forward: Callable[[torch.Tensor], torch.Tensor] = (
            torch.compile(self.network) if knobs.compile else self.network
        )

    def backward(
        self,
        pixels: torch.Tensor,
        targets: torch.Tensor,
        size: int,
        seed: int,
        of: int,
        aspects: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Add a batch's gradient to those that stand; return the sum of its losses.

        Args:
            pixels: `[B, S, S, 3]` uint8, on the device.
            size: side of the views.
            seed: of the draws of views.
            of: pictures in the whole step.
            aspects: `[B]`, of what the squares show, as `augment` takes them.
        """
        views = augment(pixels, self.views, size, seed, aspects)
        mixed = mix(views, self.views, derive(seed, "mix"))
        with autocast(self.device, self.knobs.precision):
            logits = self._forward(views if mixed is None else mixed.views).float()
        losses = self.task.losses(logits, targets, self.shaping)
        if mixed is not None:
            others = self.task.losses(logits, targets[mixed.partner], self.shaping)
            losses = mixed.weight * losses + (1 - mixed.weight) * others
        return self._backward(losses.sum(), of)

    def backward_from(self, cut: Cut, given: torch.Tensor, targets: torch.Tensor, of: int) -> torch.Tensor:
        """Do the same from what the frozen layers gave."""
        with autocast(self.device, self.knobs.precision):
            logits = cut.tail(given.float()).float()
        return self._backward(self.task.losses(logits, targets, self.shaping).sum(), of)

    def _backward(self, total: torch.Tensor, of: int) -> torch.Tensor:
        self.scaler.scale(total / of).backward()
        return total.detach()

    def update(self) -> torch.Tensor:
        """Move the weights along the gradients, and clear these.

        Returns:
            Their norm before it was clipped, on the device. If it is not finite the weights are lost, except
            where gradients are scaled: their overflow is looked for, and such a step left out.
        """
        self.scaler.unscale_(self.optimizer)
        norm = nn.utils.clip_grad_norm_(self.network.parameters(), self.knobs.clip)
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
                module.train(self.knobs.batch_norm == "train" and trains)
        assert self.network.head is not None
        for module in self.network.head.modules():
            if isinstance(module, nn.Dropout) and self.knobs.dropout is not None:
                module.p = self.knobs.dropout

    def rates(self) -> dict[str, float]:
        """Learning rates by group."""
        return {group["name"]: group["lr"] for group in self.optimizer.param_groups}

    def attempt(self, count: int, side: int, size: int, targets: Targets) -> None:
        """Go through one step on as many pictures, to see whether that fits; the weights stay as they are.

        Args:
            side: of the pictures, all black.
            size: of the views of them.
            targets: some, of the right kind.
        """
        pixels = torch.zeros((count, side, side, 3), dtype=torch.uint8, device=self.device)
        any_targets = torch.from_numpy(targets[:1]).repeat_interleave(count, 0).to(self.device)
        try:
            self.backward(pixels, any_targets, size, 0, count)
        finally:
            self.optimizer.zero_grad()
