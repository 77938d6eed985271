"""The 1cycle schedule, over a whole training, as torch computes it.

Source: Smith 2018, https://arxiv.org/abs/1803.09820; the shape is fastai's: a quarter of the steps
up from a 25th of the peak, then down by a cosine to nearly nothing, momentum the other way round.
"""

from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR

WARM_UP = 0.25
"""Share of the steps on the way up."""


def one_cycle(optimizer: Optimizer, peaks: list[float], steps: int, done: int = 0) -> OneCycleLR:
    """Return the schedule of an optimizer, to be stepped once after each of its steps.

    Args:
        peaks: highest learning rate of each parameter group.
        steps: optimizer steps in all.
        done: steps that an earlier run took; the schedule is a function of their number alone.
    """
    schedule = OneCycleLR(
        optimizer,
        max_lr=peaks,
        total_steps=max(2, steps),  # torch divides by the length of each phase
        pct_start=WARM_UP,
        div_factor=25,
        final_div_factor=1e5 / 25,
        base_momentum=0.85,
        max_momentum=0.95,
    )
    optimizer._opt_called = True  # type: ignore[attr-defined]  # the steps replayed here were taken before
    for _ in range(done):
        schedule.step()
    return schedule
