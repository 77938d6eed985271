"""``graft use``: look at pictures that a user names, and say how params.yaml should read them."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from graft.index.layout import Layout, survey
from graft.presets import read_preset
from graft.source.fetch import opened
from graft.source.fingerprint import fingerprint

RECIPE = "photos"
"""The preset whose knobs suit pictures of which nothing else is known."""

SHOWN = 12
"""Classes that are listed one by one; of more, the largest and smallest."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Sections for params.yaml, and the lines that explain them."""

    values: dict[str, Any]
    lines: list[str]


def from_preset(name: str, source: str | None, downloads: Path) -> Plan:
    """Take a preset, its pictures from elsewhere if `source` says where.

    Raises:
        ParamsError: there is no such preset.
        SourceError: nothing lies at the source.
    """
    values, about = read_preset(name)
    if source is not None:
        kept = {key: value for key, value in values["source"].items() if key not in ("uri", "sha256", "bytes")}
        values["source"] = named(source, downloads) | kept
    return Plan(values, [f"{name}: {about}"] if about else [])


def from_pictures(source: str, licence: str, downloads: Path) -> Plan:
    """Look at a folder, an archive or an address, and choose label rule and split for it.

    Raises:
        SourceError: nothing lies there, or it cannot be fetched or unpacked.
        DataError: no picture, or nothing that says labels.
    """
    with opened(source, downloads) as root:
        layout = survey(root)
    values, _ = read_preset(RECIPE)
    values |= {
        "source": named(source, downloads) | {"licence": licence},
        "labels": layout.rule.labels,
        "split": layout.split,
    }
    return Plan(values, list(_explain(source, layout)))


def named(source: str, downloads: Path) -> dict[str, Any]:
    """Say where the pictures are, with the fingerprint by which a change is noticed."""
    raise NotImplementedError


def _explain(source: str, layout: Layout) -> Iterator[str]:
    suffixes = Counter(PurePosixPath(name).suffix.lower() for name in layout.pictures)
    kinds = ", ".join(f"{count} {suffix}" for suffix, count in suffixes.most_common(5))
    yield f"{source}: {len(layout.pictures)} pictures by name ({kinds})"
    if layout.others or layout.hidden:
        example = f", such as {layout.others[0]}" if layout.others else ""
        yield f"  beside them {len(layout.others)} other files{example}, and {layout.hidden} hidden ones"
    rule = layout.rule
    yield f"labels: {rule.why}, for {rule.covered} of {len(layout.pictures)} pictures"
    yield from (f"  not {line}" for line in layout.turned_down)
    counts = rule.classes.most_common()
    yield f"classes: {len(counts)}, the largest {counts[0][1] / counts[-1][1]:.1f} times the smallest"
    shown = counts if len(counts) <= SHOWN else [*counts[: SHOWN // 2], ("...", 0), *counts[-SHOWN // 2 :]]
    yield from (f"  {name:30} {count or ''}".rstrip() for name, count in shown)
    yield f"split: {layout.split_why}"
