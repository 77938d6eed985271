"""Learning rates over a whole training, as torch's own schedulers compute them, step by step.

A schedule is a function of the number of steps taken, so that a training which goes on after a
crash only needs that number.
"""

from torch.optim import Optimizer, lr_scheduler

from graft.optim.config import ScheduleKind

DIV, FINAL_DIV = 25.0, 1e5
"""The peak over the first rate, and over the last. Source: fastai's fit_one_cycle."""


def make_schedule(
    optimizer: Optimizer,
    kind: ScheduleKind,
    steps: int,
    *,
    warmup_fraction: float = 0.25,
    every: int = 1,
    gamma: float = 0.1,
    completed: int = 0,
) -> lr_scheduler.LRScheduler:
    """Return the schedule of an optimizer, to be stepped once after each of its steps.

    The highest rate of each parameter group is the one it has when this is called.

    - ``one_cycle``: up over the warm-up from a 25th of the peak, then down by a cosine to nearly
      nothing, momentum the other way round. Source: Smith 2018, https://arxiv.org/abs/1803.09820
    - ``cosine``: up over the warm-up in a line, then down by a cosine, momentum left alone.
    - ``step``: the peak, times `gamma` after each `every` steps.
    - ``exponential``: the same decay, spread evenly over the steps.

    Args:
        steps: optimizer steps in all.
        warmup_fraction: share of them on the way up.
        every: steps between two decays.
        completed: steps that an earlier run took.
    """
    schedule = _make(optimizer, kind, max(2, steps), warmup_fraction, every, gamma)  # torch divides by phases
    optimizer._opt_called = True  # type: ignore[attr-defined]  # the steps replayed here were taken before
    for _ in range(completed):
        schedule.step()
    return schedule


def _make(
    optimizer: Optimizer, kind: ScheduleKind, steps: int, warmup: float, every: int, gamma: float
) -> lr_scheduler.LRScheduler:
    if kind == "one_cycle":
        return lr_scheduler.OneCycleLR(
            optimizer,
            max_lr=[group["lr"] for group in optimizer.param_groups],
            total_steps=steps,
            pct_start=warmup if warmup * steps != 1 else 1.001 / steps,  # torch divides by a step less
            div_factor=DIV,
            final_div_factor=FINAL_DIV / DIV,
            base_momentum=0.85,
            max_momentum=0.95,
        )
    if kind == "step":
        return lr_scheduler.StepLR(optimizer, every, gamma)
    if kind == "exponential":
        return lr_scheduler.ExponentialLR(optimizer, gamma ** (1 / every))
    rising = round(warmup * steps)
    if not rising:
        return lr_scheduler.CosineAnnealingLR(optimizer, steps)
    up = lr_scheduler.LinearLR(optimizer, 1 / DIV, total_iters=rising)
    down = lr_scheduler.CosineAnnealingLR(optimizer, max(1, steps - rising))
    return lr_scheduler.SequentialLR(optimizer, [up, down], [rising])
