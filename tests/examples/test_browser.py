"""The JavaScript in a real browser, served as examples/README.md says."""

import json
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from graft.predict.predictor import Predictor
from tests.apps.serve.colours import CLASSES, colour_bundle
from tests.examples.recipe_images import ROOT, images

pytestmark = pytest.mark.skipif(
    not (ROOT / "examples/javascript/node_modules/onnxruntime-web").is_dir(),
    reason="run `npm install --ignore-scripts` in examples/javascript first",
)


class Files(SimpleHTTPRequestHandler):
    """The repository, in silence, and a bundle at /bundle/."""

    bundle: Path

    def translate_path(self, path: str) -> str:
        if path.startswith("/bundle/"):
            return str(self.bundle / path.rpartition("/")[2])
        return super().translate_path(path)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return colour_bundle(tmp_path_factory.mktemp("colours"))


@pytest.fixture(scope="module")
def port(bundle: Path) -> Iterator[int]:
    Files.bundle = bundle
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=str(ROOT))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def test_probabilities_are_those_of_python(browser: Browser, port: int, bundle: Path, tmp_path: Path) -> None:
    files = images(tmp_path)
    rows = np.concatenate(list(Predictor(bundle).probabilities(list(files.values()))))
    asked: list[str] = []
    page = browser.new_page()
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"http://127.0.0.1:{port}/examples/javascript/browser.html?bundle=/bundle")
    expect(page.locator("#output")).to_have_text("Ready.", timeout=60_000)
    for file, row in zip(files.values(), rows, strict=True):
        page.set_input_files("#file", file)
        expect(page.locator("#output")).to_contain_text(f'"{file.name}"', timeout=60_000)
        shares = json.loads(page.locator("#output").inner_text())["probabilities"]
        assert [shares[name] for name in CLASSES] == pytest.approx(row.tolist(), abs=0.01), file.name
    page.close()
    assert {address.partition(f":{port}/")[0] for address in asked} == {"http://127.0.0.1"}
