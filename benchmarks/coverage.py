"""How often the interval of a cross-validated accuracy holds the truth: ``python -m benchmarks.coverage``.

Draws images, groups and features by chance, cross-validates heads on them as `graft` does, and counts how often the
interval, plain and widened, holds what a head of all these images answers of 20,000 others. Writes
``benchmarks/coverage.json`` and ``benchmarks/coverage.md``. A minute or two.
"""

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from benchmarks.machine import footer, machine, save
from graft.core.seeds import derive
from graft.evaluate.cross_validated import OVERLAP, widened
from graft.heads.cross_validate import FOLDS, make_folds
from graft.stats.intervals import accuracy_interval

OUT = Path(__file__).with_suffix(".json")
DRAWS, OTHERS = 200, 20_000
RIDGE = 0.3
"""Penalty of the simulated heads."""
Array = NDArray[Any]


class Setting(NamedTuple):
    """So many images of so many groups, 0 where each stands alone, and numbers an image."""

    images: int
    groups: int
    features: int


SETTINGS = [
    Setting(100, 0, 30),
    Setting(300, 0, 60),
    Setting(300, 0, 300),
    Setting(1000, 0, 100),
    Setting(1000, 0, 300),
    Setting(200, 10, 100),
    Setting(300, 15, 30),
    Setting(1000, 40, 200),
]


def draw(generator: np.random.Generator, setting: Setting, count: int) -> tuple[Array, Array, Array]:
    """Features, classes and groups of some images; a group has features and a mixture of classes of its own."""
    groups = setting.groups * count // setting.images
    group = generator.integers(groups, size=count) if groups else np.arange(count)
    shift = generator.normal(size=(group.max() + 1, setting.features + 1)) * (0.5 if groups else 0)
    target = (generator.random(count) < 1 / (1 + np.exp(-1.5 * shift[group, 0]))).astype(int)
    features = generator.normal(size=(count, setting.features)) + shift[group, 1:]
    features[:, 0] += 2 * target - 1
    return features, target, group


def ridge(features: Array, targets: Array, asked: Array) -> Array:
    """Class of each image asked, by least squares on others."""
    mean, signs = features.mean(0), 2.0 * targets - 1
    centred = features - mean
    square = centred.T @ centred + RIDGE * len(features) * np.eye(features.shape[1])
    weight = np.linalg.solve(square, centred.T @ (signs - signs.mean()))
    answers: Array = ((asked - mean) @ weight + signs.mean() > 0).astype(int)
    return answers


def coverage(setting: Setting, draws: int = DRAWS) -> tuple[float, float]:
    """Share of draws whose interval holds the accuracy of a head of all images: plain, and widened."""
    generator = np.random.default_rng(derive(0, "coverage", *setting))
    others, truth, _ = draw(generator, setting, OTHERS)
    held = []
    for _ in range(draws):
        features, targets, group = draw(generator, setting, setting.images)
        names = pd.Series(group).astype(str) if setting.groups else pd.Series("", range(setting.images))
        alone = pd.Series(range(setting.images)).astype(str)
        fold = make_folds(pd.DataFrame({"label": targets.astype(str), "group": names}), alone)
        correct = np.zeros(setting.images, dtype=bool)
        for number in range(FOLDS):
            out = fold == number
            correct[out] = ridge(features[~out], targets[~out], features[out]) == targets[out]
        interval, _ = accuracy_interval(correct, names)
        assert interval  # there are several groups
        plain = {"accuracy": float(correct.mean()), "accuracy_low": interval.low, "accuracy_high": interval.high}
        wide = widened(dict(plain))
        whole = float((ridge(features, targets, others) == truth).mean())
        held.append([(ends["accuracy_low"] or 0) <= whole <= (ends["accuracy_high"] or 1) for ends in (plain, wide)])
    shares = np.mean(held, 0)
    return float(shares[0]), float(shares[1])


def table(results: dict[str, Any]) -> str:
    """Markdown table of the coverage in every setting."""
    lines = ["| images | groups | features | plain interval | widened |", "|---|---|---|---|---|"]
    for row in results["settings"]:
        cells = [row["images"], row["groups"] or "none", row["features"]]
        lines.append("| " + " | ".join([*map(str, cells), f"{row['plain']:.1%}", f"{row['widened']:.1%}"]) + " |")
    said = f"Of {DRAWS} draws each, the share whose 95 % interval holds the truth; widened {OVERLAP} times."
    return "\n".join([*lines, "", f"{said} {footer(results['machine'])}"]) + "\n"


def main() -> None:
    """Simulate every setting."""
    rows = []
    for setting in SETTINGS:
        plain, wide = coverage(setting)
        rows.append(setting._asdict() | {"plain": plain, "widened": wide})
    results = {"settings": rows, "machine": machine()}
    save(OUT, results, table(results))


if __name__ == "__main__":
    main()
