"""The server as a process: it stops when told, keeps nothing on disk, and does not grow."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest
from starlette.testclient import TestClient

from graft.apps.serve.app import create_app
from graft.apps.serve.config import Settings
from graft.predict.predictor import Predictor
from tests.apps.serve.made import BOUNDARY, PATIENCE, begun, form, head, heard_from, parsed, picture
from tests.predict.test_alone import REFUSE, modules_of

ROOT = Path(__file__).resolve().parents[3]
FORM = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}


@contextmanager
def process(
    bundle: Path, folder: Path, *words: str, start: Sequence[str] = ("-m", "graft")
) -> Iterator[tuple["subprocess.Popen[str]", int]]:
    """`graft serve` in an empty folder, which is its home and that of its temporary files as well."""
    folder.mkdir()
    command = [sys.executable, *start, "serve", str(bundle), "--port", "0", *words]
    own = dict.fromkeys(("HOME", "TMPDIR", "XDG_CACHE_HOME", "XDG_CONFIG_HOME"), str(folder))
    env = os.environ | own | {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    env.pop("GRAFT_TOKEN", None)
    server = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise AssertionError(f"the server ended with {server.wait()}")
        yield server, int(found[1])
    finally:
        server.kill()
        server.communicate()


def connected(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)


def ask(link: http.client.HTTPConnection, body: bytes) -> tuple[int, dict[str, object]]:
    link.request("POST", "/predict", body, FORM)
    response = link.getresponse()
    return response.status, json.loads(response.read())


PATIENT = "from graft.apps.serve import server; server.GRACE = 600; from graft.apps.cli import run; run()"


def status_of(link: http.client.HTTPConnection, path: str) -> int:
    link.request("GET", path)
    response = link.getresponse()
    response.read()
    return response.status


def test_sigterm_finishes_what_is_in_flight_and_takes_no_more(bundle: Path, tmp_path: Path) -> None:
    body = form([("red.png", picture("red", width=600, height=600))])
    top = head(
        **{name.replace("-", "_"): value for name, value in FORM.items()},
        Content_Length=len(body),
        Expect="100-continue",
    )
    with process(bundle, tmp_path / "run", start=("-c", PATIENT)) as (server, port), begun(port, top) as link:
        link.sendall(body[: len(body) // 2])
        server.send_signal(signal.SIGTERM)
        while taken(port):
            assert server.poll() is None
        assert server.poll() is None  # half of a request is here
        link.sendall(body[len(body) // 2 :])
        status, _, answer = parsed(heard_from(link))
        assert (status, answer["pictures"][0]["label"]) == (200, "red")
        assert server.wait(60) == 0


def taken(port: int) -> bool:
    """Whether a client is taken any more."""
    try:
        with closing(connected(port)) as link:
            link.request("GET", "/health")
            link.getresponse().read()
    except (ConnectionError, http.client.HTTPException):
        return False
    return True


STUCK = """
import sys, threading
from graft.apps.serve import app
def endless(*_):
    threading.Event().wait()
app.pixels_of = endless
from graft.apps.cli import run
run()
"""


def test_a_picture_that_decodes_for_ever_is_told_and_holds_up_no_end(bundle: Path, tmp_path: Path) -> None:
    options = ("--decoders", "1", "--timeout", "0.3")
    with process(bundle, tmp_path / "run", *options, start=("-c", STUCK)) as (server, port):
        with closing(connected(port)) as link:
            assert ask(link, form([("a.png", picture())]))[0] == 504
            while status_of(link, "/ready") != 503:  # as soon as the thread, too, is past its time
                assert server.poll() is None
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0


def test_nothing_is_written_to_disk(bundle: Path, tmp_path: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in bundle.rglob("*")}
    with process(bundle, tmp_path / "run") as (server, port), closing(connected(port)) as link:
        noise = os.urandom(4 * 2**20)  # more than frameworks keep in memory
        status, answer = ask(link, form([("noise.png", noise), ("../../red.png", picture())]))
        assert (status, [said["label"] for said in answer["pictures"]]) == (200, [None, "red"])  # type: ignore[attr-defined]
        opened = [file.path for file in psutil.Process(server.pid).open_files() if "w" in file.mode or "+" in file.mode]
        assert opened == []
        assert list((tmp_path / "run").iterdir()) == []
        assert list(tmp_path.iterdir()) == [tmp_path / "run"]
    assert {file: file.stat().st_mtime_ns for file in bundle.rglob("*")} == before


OPENED: list[str] = []
WATCHING = threading.Event()


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Note files that are opened to be written, those without a name too: an audit hook."""
    if WATCHING.is_set() and event == "open":
        flags = arguments[2]
        if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            OPENED.append(str(arguments[0]))


def test_no_file_is_even_opened_for_writing(predictor: Predictor, tmp_path: Path) -> None:
    sys.addaudithook(watch)
    with TestClient(create_app(predictor, Settings())) as client:
        WATCHING.set()
        try:
            response = client.post("/predict", content=form([("a", os.urandom(2**22)), ("b", picture())]), headers=FORM)
            (tmp_path / "seen").write_text("the hook sees this")
        finally:
            WATCHING.clear()
    assert response.status_code == 200
    assert [str(tmp_path / "seen")] == OPENED


def test_memory_stays_flat(bundle: Path, tmp_path: Path) -> None:
    body = form([("red.jpg", picture("red", "JPEG", 400, 300)), ("bad.png", b"no picture")])
    with process(bundle, tmp_path / "run") as (server, port), closing(connected(port)) as link:
        memory = psutil.Process(server.pid).memory_info
        for _ in range(300):
            assert ask(link, body)[0] == 200
        before = memory().rss
        for _ in range(1000):
            assert ask(link, body)[0] == 200
        assert memory().rss - before < 8 * 2**20


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "nowhere: no bundle lies there; `dvc repro` writes one to models/export"),
        (["BUNDLE", "--token", "two words"], "the token may hold letters"),
        (["BUNDLE", "--max-files", "65"], "max_files = 65: at most 64, max_queue"),
    ],
)
def test_what_the_user_can_mend_is_one_line(bundle: Path, words: list[str], said: str) -> None:
    given = [str(bundle) if word == "BUNDLE" else word for word in words]
    command = [sys.executable, "-m", "graft", "serve", *given]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("graft: ")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_the_command_serves_with_its_extra_alone(bundle: Path, tmp_path: Path) -> None:
    serving = ("fastapi", "prometheus-client", "python-multipart", "uvicorn")
    allowed = modules_of("numpy", "pillow", "onnxruntime", "tqdm", "typer", *serving) | {"graft"}
    assert not allowed & {
        "torch",
        "pandas",
        "scipy",
        "sklearn",
        "yaml",
        "ruamel",
        "onnx",
        "fsspec",
        "dvc",
        "matplotlib",
    }
    code = f"ALLOWED = {allowed!r}\n{REFUSE}\nfrom graft.apps.cli import run; run()"
    with process(bundle, tmp_path / "run", start=("-c", code)) as (server, port):
        with closing(connected(port)) as link:
            assert ask(link, form([("red.png", picture())]))[0] == 200
        server.send_signal(signal.SIGTERM)
        assert server.wait(60) == 0
