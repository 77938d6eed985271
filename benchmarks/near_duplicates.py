"""How fast near duplicates are found, and which: ``python -m benchmarks.near_duplicates``.

First the search over made-up images, with one copy planted for every hundred pictures: `uniform`,
where no two pictures are related; `kinds`, where a thousand pictures each are of one kind and look
alike; `crowd`, where all share one perceptual hash. Then edits of the solar cells, which all look
alike: the share found again, and the different cells wrongly tied. Linux only. Writes
``benchmarks/near_duplicates.json`` and ``benchmarks/near_duplicates.md``; about six minutes on two cores.
"""

import io
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance
from scipy.fft import idctn

from benchmarks.machine import footer, machine, save
from graft.images.decode import decode
from graft.index.config import NearDuplicates
from graft.index.duplicates import find_duplicates
from graft.index.fingerprints import SIDE, Fingerprint, fingerprint
from graft.source.download import locate

OUT = Path(__file__).with_suffix(".json")
SIZES = (10_000, 100_000)
KIND = 1000
Shape = Literal["uniform", "kinds", "crowd"]
SHAPES: tuple[Shape, ...] = ("uniform", "kinds", "crowd")
EVERY = 8
"""Of the solar cells, every eighth is edited."""


def search(shape: Shape, count: int) -> dict[str, Any]:
    """Group made-up images; seconds, peak of anonymous memory, and what became of the planted copies."""
    with tempfile.TemporaryDirectory() as folder:
        thumbnails = np.memmap(Path(folder) / "thumbnails", np.uint8, "w+", shape=(count, SIDE, SIDE))
        hashes, originals = _make_up(shape, thumbnails)
        pixels = [f"{number:064x}" for number in range(count)]
        peak, done = [_anonymous()], threading.Event()

        def watch() -> None:
            while not done.wait(0.02):
                peak[0] = max(peak[0], _anonymous())

        watcher = threading.Thread(target=watch)
        watcher.start()
        began = time.perf_counter()
        found = find_duplicates(pixels, hashes, thumbnails, NearDuplicates())
        seconds = time.perf_counter() - began
        done.set()
        watcher.join()
    copies = np.arange(count - len(originals), count)
    return {
        "seconds": round(seconds, 1),
        "peak_mib": round(peak[0] / 2**20),
        "recall": float((found.groups[copies] == found.groups[originals]).mean()),
        "false": max(0, found.near - len(copies)),
        "skipped": found.skipped,
    }


def _make_up(shape: Shape, thumbnails: NDArray[np.uint8]) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    """Fill in thumbnails; return hashes and the originals of the copies, which are the last hundredth."""
    rng = np.random.default_rng(0)
    count, copies = len(thumbnails), len(thumbnails) // 100
    kinds = {"uniform": count, "kinds": max(1, count // KIND), "crowd": 1}[shape]
    flips = {"uniform": 0, "kinds": 6, "crowd": 0}[shape]
    own = {"uniform": 1.0, "kinds": 0.5, "crowd": 1.0}[shape]
    centres = rng.integers(0, 2**64, kinds, dtype=np.uint64)
    hashes = _flip(rng, centres[np.arange(count) % kinds], flips)
    for start in range(0, count - copies, KIND):
        size = min(KIND, count - copies - start)
        common = np.random.default_rng(1).normal(size=(1, 8, 8))  # kinds differ in their hashes already
        waves = np.sqrt(1 - own**2) * common + own * rng.normal(size=(size, 8, 8))
        waves[:, 0, 0] = 0
        padded = np.pad(waves, ((0, 0), (0, SIDE - 8), (0, SIDE - 8)))
        thumbnails[start : start + size] = np.clip(128 + 5 * SIDE * idctn(padded, axes=(1, 2), norm="ortho"), 0, 255)
    originals = rng.choice(count - copies, copies, replace=False)
    for number, original in zip(range(count - copies, count), originals, strict=True):
        noise = rng.normal(0, 0.7, (SIDE, SIDE))
        thumbnails[number] = np.clip(0.95 * thumbnails[original].astype(np.float64) + noise, 0, 255).round()
    hashes[count - copies :] = _flip(rng, hashes[originals], 0 if shape == "crowd" else 4)
    return hashes, originals


def _flip(rng: np.random.Generator, hashes: NDArray[np.uint64], bits: int) -> NDArray[np.uint64]:
    for _ in range(bits):
        hashes = hashes ^ (np.uint64(1) << rng.integers(0, 64, len(hashes), dtype=np.uint64))
    return hashes


def _anonymous() -> int:
    """Bytes of memory that are this process's own; pages of mapped files can be dropped at any time."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))


def _jpeg(image: Image.Image, quality: int) -> Image.Image:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def _resize(image: Image.Image, factor: float) -> Image.Image:
    size = round(image.width * factor), round(image.height * factor)
    return image.resize(size, Image.Resampling.BICUBIC)


def _crop(image: Image.Image, share: float) -> Image.Image:
    across, down = round(image.width * share), round(image.height * share)
    return image.crop((across, down, image.width - across, image.height - down))


def _mark(image: Image.Image) -> Image.Image:
    marked = image.copy()
    at = image.width * 0.7, image.height * 0.94
    ImageDraw.Draw(marked).text(at, "example.com", fill=(255, 255, 255), font_size=image.height * 0.04)
    return marked


EDITS: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG, quality 95": lambda image: _jpeg(image, 95),
    "JPEG, quality 75": lambda image: _jpeg(image, 75),
    "JPEG, quality 60": lambda image: _jpeg(image, 60),
    "half the size": lambda image: _resize(image, 0.5),
    "twice the size": lambda image: _resize(image, 2.0),
    "brightness -5 %": lambda image: ImageEnhance.Brightness(image).enhance(0.95),
    "brightness +5 %": lambda image: ImageEnhance.Brightness(image).enhance(1.05),
    "contrast -5 %": lambda image: ImageEnhance.Contrast(image).enhance(0.95),
    "contrast +5 %": lambda image: ImageEnhance.Contrast(image).enhance(1.05),
    "half, brightness +5 %, JPEG 75": lambda image: _jpeg(
        ImageEnhance.Brightness(_resize(image, 0.5)).enhance(1.05), 75
    ),
    "1 % cropped from every side": lambda image: _crop(image, 0.01),
    "2 % cropped from every side": lambda image: _crop(image, 0.02),
    "small white watermark": _mark,
}


def recall() -> dict[str, Any]:
    """Share of edited solar cells that are tied to their original, for every edit, and cells wrongly tied."""
    paths = sorted(locate("package://elpv_dataset/data").rglob("*.png"))
    originals = [fingerprint(decode(path).image) for path in paths]
    chosen = np.arange(0, len(paths), EVERY)
    shares = {}
    for name, edit in EDITS.items():
        edited = [fingerprint(edit(decode(paths[index]).image)) for index in chosen]
        groups = _group(originals + edited)
        shares[name] = float((groups[chosen] == groups[len(paths) :]).mean())
    groups = _group(originals)
    return {"cells": len(paths), "edited": len(chosen), "false": len(paths) - len(np.unique(groups)), "recall": shares}


def _group(prints: list[Fingerprint]) -> NDArray[np.int64]:
    hashes = np.array([each.phash for each in prints])
    thumbnails = np.stack([each.thumbnail for each in prints])
    chroma = np.stack([each.chroma for each in prints])
    return find_duplicates([each.pixels for each in prints], hashes, thumbnails, NearDuplicates(), chroma).groups


def table(results: dict[str, Any]) -> str:
    """Both tables in markdown, with the machine and versions."""
    lines = [
        "| looks | pictures | time | peak memory | planted copies found | wrongly tied | comparisons skipped |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in results["search"]:
        lines.append(
            f"| {row['shape']} | {row['count']:,} | {row['seconds']} s | {row['peak_mib']:,} MiB "
            f"| {row['recall']:.1%} | {row['false']:,} | {row['skipped']:,} |"
        )
    cells = results["solar_cells"]
    lines += ["", f"| edit of {cells['edited']} of {cells['cells']:,} solar cells | found |", "|---|---|"]
    lines += [f"| {name} | {share:.1%} |" for name, share in cells["recall"].items()]
    lines += [
        "",
        f"Different cells wrongly tied: {cells['false']}. Memory is anonymous memory; thumbnails are mapped from disk.",
        "",
        footer(results["machine"]),
    ]
    return "\n".join(lines) + "\n"


def measure() -> dict[str, Any]:
    """All searches, each in a process of its own so that one's memory is not another's, then the edits."""
    spawn = multiprocessing.get_context("spawn")
    rows: list[dict[str, Any]] = []
    with ProcessPoolExecutor(1, mp_context=spawn, max_tasks_per_child=1) as pool:
        for shape in SHAPES:
            for count in SIZES:
                rows.append({"shape": shape, "count": count} | pool.submit(search, shape, count).result())
                print(rows[-1], flush=True)
    return {"search": rows, "solar_cells": recall(), "machine": machine()}


if __name__ == "__main__":
    results = measure()
    save(OUT, results, table(results))
