"""Small generated pictures, and a browser, that tests share."""

import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, expect, sync_playwright

if TYPE_CHECKING:
    import torch

Draw = Callable[[int, int, int], Image.Image]

SLOW_FIXTURES = {"browser", "port", "hasty", "site", "history"}
"""Fixtures behind which a browser, a server or DVC runs."""

NETWORK_ROOMS = {"network", "heads", "augment", "finetune", "evaluate", "report", "export", "apps", "benchmarks"}
"""Folders of tests that run networks: all of theirs find the process prepared, and on a CPU unless they ask."""

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


@pytest.fixture
def caplog(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> pytest.LogCaptureFixture:
    """What graft logs, even if a library that ran in this process has silenced loggers that are not its own."""
    graft = logging.getLogger("graft")
    for name in list(logging.root.manager.loggerDict):
        if name == "graft" or name.startswith("graft."):
            monkeypatch.setattr(logging.getLogger(name), "disabled", False)
    monkeypatch.setattr(graft, "handlers", [caplog.handler])
    monkeypatch.setattr(graft, "propagate", False)
    caplog.set_level(logging.WARNING, "graft")
    return caplog


@pytest.fixture(scope="session")
def prepared() -> Iterator[bool]:
    """Set the process up as stages do, and hide a GPU: tests then mean the same on every machine.

    Yields:
        Whether there is one.
    """
    import torch  # late, as the next: tests without a network need not wait for it

    from graft.network.device import prepare

    prepare()
    found = torch.cuda.is_available()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(torch.cuda, "is_available", lambda: False)
        patch.setattr(torch.backends.mps, "is_available", lambda: False)
        yield found


@pytest.fixture
def cuda(prepared: bool, monkeypatch: pytest.MonkeyPatch) -> "torch.device":
    """A CUDA device, which the test's networks then pick; without one the test is skipped."""
    import torch

    if not prepared:
        pytest.skip("torch finds no CUDA device here")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    return torch.device("cuda")


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
    """Prepare where networks run, mark as gpu what asks for one, as slow what runs the pipeline, a browser or a server.

    Other slow tests say it themselves.
    """
    for item in items:
        if item.path.parent.name in NETWORK_ROOMS:
            getattr(item, "fixturenames", []).insert(0, "prepared")
        fixtures = set(getattr(item, "fixturenames", ()))
        if fixtures & SLOW_FIXTURES or "pipeline" in item.path.parts or item.path.stem == "test_server":
            item.add_marker(pytest.mark.slow)
        if "cuda" in fixtures:
            item.add_marker(pytest.mark.gpu)
