"""Small generated pictures, and a browser, that tests share."""

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

Draw = Callable[[int, int, int], Image.Image]

SLOW_FIXTURES = {"browser", "port", "hasty", "site", "history"}
"""Fixtures behind which a browser, a server or DVC runs."""

NETWORK_ROOMS = {"network", "heads", "augment", "finetune", "evaluate", "report", "export"}
"""Folders of tests that run networks: all of theirs find the process prepared."""

CHROMIUM = Path("/usr/bin/chromium")
"""Debian's; `apt-get install chromium` brings it."""

# a machine that does much else answers late; what never comes fails all the same
expect.set_options(timeout=60_000)


@pytest.fixture(scope="session")
def draw() -> Draw:
    """Draw an RGB picture, smooth enough for JPEG, from a seed, a width and a height."""

    def drawn(seed: int, width: int, height: int) -> Image.Image:
        coarse = np.random.default_rng(seed).integers(0, 256, (4, 4, 3), dtype=np.uint8)
        return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)

    return drawn


@pytest.fixture(scope="session")
def prepared() -> None:
    """Set the process up as stages do: on a GPU networks give the same bits twice only then."""
    from graft.network.device import prepare  # late: tests without a network need not wait for torch

    prepare()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """A real browser without a window; tests that need it are skipped where there is none.

    One a module: Playwright keeps an event loop running as long, beside which others cannot run.
    """
    if not CHROMIUM.exists():
        pytest.skip(f"there is no browser at {CHROMIUM}")
    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield made
        made.close()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Prepare where networks run, and mark as slow what runs the pipeline, a browser or a server of its own.

    Other slow tests say it themselves.
    """
    for item in items:
        if item.path.parent.name in NETWORK_ROOMS:
            getattr(item, "fixturenames", []).insert(0, "prepared")
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & SLOW_FIXTURES or "pipeline" in item.path.parts or item.path.stem == "test_server":
            item.add_marker(pytest.mark.slow)
