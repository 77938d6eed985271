"""The repository holds the bundle; a stand-in of the Hub's API on loopback gets every byte of it."""

import base64
import hashlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from graft.apps.publish.hub import arrange, publish
from graft.core.errors import BundleError, GraftError

BUNDLE = Path("models/export")


class Hub(BaseHTTPRequestHandler):
    """What the Hub answers; `server.received` keeps what it was sent."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        received: dict[str, Any] = self.server.received  # type: ignore[attr-defined]
        if self.headers.get("Authorization") != "Bearer hf_right":
            return self._answer(401, {"error": "Invalid user token."})
        if self.path == "/api/repos/create":
            received["repository"] = json.loads(body)
            return self._answer(200, {"url": "http://127.0.0.1/me/cells"})
        if self.path.endswith("/preupload/main"):
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self._answer(200, {"files": files})
        if self.path.endswith("/commit/main"):
            entries = [json.loads(line) for line in body.splitlines()]
            values = [entry["value"] for entry in entries if entry["key"] == "file"]
            received["files"] = {value["path"]: base64.b64decode(value["content"]) for value in values}
            address = f"http://127.0.0.1:{self.server.server_port}/me/cells/commit/{'a' * 40}"  # type: ignore[attr-defined]
            return self._answer(200, {"success": True, "commitOid": "a" * 40, "commitUrl": address})
        return self._answer(200, {"errors": [], "warnings": []})

    def do_GET(self) -> None:
        right = self.headers.get("Authorization") == "Bearer hf_right"
        self._answer(200 if right else 401, {"id": "me/cells", "siblings": [], "sha": "a" * 40})

    def _answer(self, status: int, value: dict[str, Any]) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The stand-in, running; what it received."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    server.received = {}  # type: ignore[attr-defined]
    Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HF_TOKEN", "hf_right")
    yield server.received  # type: ignore[attr-defined]
    server.shutdown()
    server.server_close()


def test_every_file_is_sent(project: Path, hub: dict[str, Any]) -> None:
    *files, last = publish(BUNDLE, "me/cells", private=True, dry_run=False)
    assert last.endswith(f"/me/cells/commit/{'a' * 40}")
    assert (hub["repository"]["name"], hub["repository"]["organization"]) == ("cells", "me")
    assert hub["repository"]["visibility"] == "private"
    sent: dict[str, bytes] = hub["files"]
    assert sorted(sent) == sorted(line.split()[1] for line in files)
    assert sent["model.onnx"] == (BUNDLE / "model.onnx").read_bytes()
    for line in sent["SHA256SUMS"].decode().splitlines():
        digest, name = line.split("  ")
        assert hashlib.sha256(sent[name]).hexdigest() == digest
    assert 'Predictor(snapshot_download("me/cells"))' in sent["README.md"].decode()


def test_a_dry_run_shows_the_folder_and_sends_nothing(project: Path, hub: dict[str, Any]) -> None:
    *files, last = publish(BUNDLE, "me/cells", private=False, dry_run=True)
    assert [line.split()[1] for line in files] == ["README.md", "SHA256SUMS", "graft.json", "model.onnx"]
    assert last == "dry run: nothing was sent; me/cells would hold the files above"
    assert hub == {}


def test_a_refusal_is_told(project: Path, hub: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    with pytest.raises(GraftError, match=r"me/cells: the Hub refuses: .*401.*HF_TOKEN says who you are"):
        list(publish(BUNDLE, "me/cells", private=False, dry_run=False))


def test_timm_finds_its_files(project: Path, tmp_path: Path) -> None:
    (BUNDLE / "timm").mkdir()
    for name in ("config.json", "model.safetensors"):
        (BUNDLE / "timm" / name).write_text(name)
    folder = arrange(BUNDLE, tmp_path / "repository", "me/cells")
    assert (folder / "config.json").read_text() == "config.json"
    assert "library_name: timm" in (folder / "README.md").read_text()
    assert (folder / "timm/config.json").is_file()  # which graft.json names


@pytest.mark.parametrize("name", ["cells", "me/cells/x", "me/", "../cells"])
def test_names_are_checked(project: Path, name: str) -> None:
    with pytest.raises(GraftError, match="must be OWNER/NAME"):
        list(publish(BUNDLE, name, private=False, dry_run=True))


def test_without_a_bundle_nothing_is_published(project: Path) -> None:
    with pytest.raises(BundleError, match="no such folder"):
        list(publish(Path("absent"), "me/cells", private=False, dry_run=True))
