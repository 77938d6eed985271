"""What a wrong answer costs: cross-entropy, and what training may make of it.

Targets are those of `graft.split.table`: int64 `[N]`, or float32 `[N, K]` of zeros and ones.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F


@dataclass(frozen=True, slots=True)
class Shaping:
    """How the loss of training departs from the negative log likelihood.

    Source: smoothing: Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7; focal: Lin et
    al. 2017, https://arxiv.org/abs/1708.02002, without its alpha, which `weights` is.
    """

    smoothing: float = 0.0
    """Share of every target that is spread evenly over the possible answers."""
    focal: float = 0.0
    """Exponent of (1 - probability given to the truth): the higher, the less easy pictures count."""
    weights: torch.Tensor | None = None
    """Of every class `[K]` or, with several labels a picture, of its no and its yes, `[2, K]`."""


PLAIN = Shaping()


def softmax_losses(logits: torch.Tensor, targets: torch.Tensor, shaping: Shaping = PLAIN) -> torch.Tensor:
    """Cross-entropy in nats of each picture, `[..., B]`, of logits `[..., B, K]`."""
    scores = logits.movedim(-1, 1)
    losses = F.cross_entropy(scores, targets, reduction="none", label_smoothing=shaping.smoothing)
    if shaping.focal:
        plain = F.cross_entropy(scores, targets, reduction="none") if shaping.smoothing else losses
        losses = losses * _doubt(torch.exp(-plain), shaping.focal)
    if shaping.weights is not None:
        losses = losses * shaping.weights[targets]
    return losses


def sigmoid_losses(logits: torch.Tensor, targets: torch.Tensor, shaping: Shaping = PLAIN) -> torch.Tensor:
    """Binary cross-entropy in nats of each picture, summed over the classes, `[..., B]`, of logits `[..., B, K]`.

    Smoothing spreads over yes and no: a network of two exclusive classes is then asked for the same
    by softmax and by sigmoid.
    """
    soft = targets * (1 - shaping.smoothing) + shaping.smoothing / 2
    losses = F.binary_cross_entropy_with_logits(logits, soft, reduction="none")
    if shaping.focal:
        given = torch.sigmoid(torch.where(targets > 0, logits, -logits))
        losses = losses * _doubt(given, shaping.focal)
    if shaping.weights is not None:
        no, yes = shaping.weights
        losses = losses * torch.where(targets > 0, yes, no)
    return losses.sum(-1)


def _doubt(given: torch.Tensor, exponent: float) -> torch.Tensor:
    """`(1 - given) ** exponent`, whose slope an exponent below 1 would let grow without end towards certainty."""
    return (1 - given).clamp(min=torch.finfo(given.dtype).eps) ** exponent
