"""The server: its options, raw bytes against it, and as a process that ends when asked and leaves nothing behind."""

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from graft.apps import cli
from graft.apps.serve import server
from graft.apps.serve.app import create_app
from graft.apps.serve.config import Settings, SettingsError
from graft.core.errors import GraftError
from graft.predict.predictor import Predictor
from tests.apps.serve.colours import BOUNDARY, CLASSES, FORM, Colours, colour_bundle, form, image_bytes
from tests.apps.serve.live import PATIENCE, begun, connected, head, live, parsed, read_all, running, talk
from tests.predict.test_alone import REFUSE, modules_of

ROOT = Path(__file__).resolve().parents[3]
BODY = image_bytes()
IMAGE = {"Content_Type": "image/png"}
PREDICT = head(**IMAGE, Content_Length=len(BODY)) + BODY


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What `graft serve` would have run."""
    given: list[Any] = []
    monkeypatch.setattr(server, "run", lambda *words: given.extend(words))
    for name in ("GRAFT_TOKEN", "GRAFT_PORT"):
        monkeypatch.delenv(name, raising=False)
    return given


def test_the_defaults_listen_on_loopback_alone(tmp_path: Path, ran: list[Any]) -> None:
    done = CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path))])
    assert (done.exit_code, done.output) == (0, "")
    predictor, *others = ran
    assert isinstance(predictor, Predictor)
    assert predictor.classes == CLASSES
    assert others == [Settings(), "127.0.0.1", 8000, False, None]


def test_the_bundle_is_named_as_graft_predict_names_it(tmp_path: Path, ran: list[Any]) -> None:
    done = CliRunner().invoke(cli.app, ["serve", "--bundle", str(colour_bundle(tmp_path))])
    assert (done.exit_code, done.output) == (0, "")
    assert ran[0].classes == CLASSES


def test_options_become_bytes_and_seconds(tmp_path: Path, ran: list[Any]) -> None:
    options = {
        "--host": "0.0.0.0",
        "--port": "9000",
        "--max-body": "2",
        "--max-memory": "20",
        "--max-pixels": "1000000",
        "--max-files": "3",
        "--max-queue": "5",
        "--max-batch": "4",
        "--max-wait": "2.5",
        "--max-connections": "9",
        "--timeout": "7",
        "--read-timeout": "6",
        "--decoders": "1",
    }
    words = [word for pair in options.items() for word in pair]
    command = ["serve", str(colour_bundle(tmp_path)), *words, "--access-log"]
    done = CliRunner().invoke(cli.app, command, env={"GRAFT_TOKEN": "secret"})
    assert (done.exit_code, done.output) == (0, "")
    wanted = Settings(
        max_body=2 * 2**20,
        max_memory=20 * 2**20,
        max_pixels=1_000_000,
        max_files=3,
        max_queue=5,
        max_batch=4,
        max_wait=0.0025,
        max_connections=9,
        timeout=7,
        read_timeout=6,
        decoders=1,
        token="secret",
    )
    assert ran[1:] == [wanted, "0.0.0.0", 9000, True, None]


def test_it_warns_when_anyone_may_use_it(tmp_path: Path, ran: list[Any]) -> None:
    done = CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path)), "--host", "0.0.0.0"])
    assert ran[2] == "0.0.0.0"
    assert "whoever reaches this address may use the classifier; GRAFT_TOKEN asks for a token" in done.output


def test_an_empty_token_is_not_taken_for_none(tmp_path: Path, ran: list[Any]) -> None:
    for words, env in (([], {"GRAFT_TOKEN": ""}), (["--token", ""], {})):
        done = CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path)), *words], env=env)
        assert isinstance(done.exception, SettingsError)
        assert "empty" in str(done.exception)
    assert ran == []


def test_the_port_may_stand_in_the_environment(tmp_path: Path, ran: list[Any]) -> None:
    CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path))], env={"GRAFT_PORT": "9000"})
    assert ran[3] == 9000


def test_the_predictor_gets_its_options(tmp_path: Path, ran: list[Any]) -> None:
    words = ["--threshold", "0.9", "--threads", "1"]
    done = CliRunner().invoke(cli.app, ["serve", str(colour_bundle(tmp_path)), *words])
    assert (done.exit_code, ran[0].abstain_below) == (0, 0.9)
    done = CliRunner().invoke(cli.app, ["serve", str(tmp_path), "--precision", "int8"])
    assert "has no precision 'int8'" in str(done.exception)


def test_the_help_shows_the_defaults() -> None:
    text = " ".join(CliRunner().invoke(cli.app, ["serve", "--help"], env={"COLUMNS": "200"}).output.split())
    for shown in ("[default: 32000000]", "[default: 256]", "[default: 4.0]", "[default: 30.0]", "[default: 20.0]"):
        assert shown in text


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "nowhere: no bundle lies there; `dvc repro` writes one to models/export"),
        (["BUNDLE", "--token", "two words"], "the token may hold letters"),
        (["BUNDLE", "--max-files", "65"], "max_files = 65: at most 64, max_queue"),
    ],
)
def test_what_the_user_can_mend_is_a_graft_error(bundle: Path, ran: list[Any], words: list[str], message: str) -> None:
    given = [str(bundle) if word == "BUNDLE" else word for word in words]
    done = CliRunner().invoke(cli.app, ["serve", *given])
    assert isinstance(done.exception, GraftError)
    assert message in str(done.exception)
    assert ran == []


def client(port: int) -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)


def post(link: http.client.HTTPConnection, body: bytes) -> tuple[int, dict[str, Any]]:
    link.request("POST", "/predict", body, FORM)
    response = link.getresponse()
    return response.status, json.loads(response.read())


@pytest.fixture(scope="module")
def port(predictor: Predictor) -> Iterator[int]:
    """A server that takes little and does not wait for it long."""
    with live(predictor, Settings(max_body=200_000, read_timeout=1)) as port:
        yield port


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (head(**IMAGE, Content_Length=4, Transfer_Encoding="chunked") + b"0\r\n\r\n", 400),
        (head(Content_Type=f"multipart/form-data; boundary={BOUNDARY}", Content_Length=9) + b"--" + b"x" * 7, 400),
        (head(**IMAGE, Content_Length=5), 408),
        (head(**IMAGE, Content_Length=len(BODY) + 50) + BODY, 408),
        (head(**IMAGE, Content_Length=5_000_000, Expect="100-continue"), 413),
        (head(**IMAGE, Transfer_Encoding="chunked") + (b"10000\r\n" + b"x" * 0x10000 + b"\r\n") * 4, 413),
    ],
    ids=["lengths", "form", "no body", "half a body", "large", "endless"],
)
def test_refusals_are_problems(port: int, sent: bytes, status: int) -> None:
    received = talk(port, sent)
    assert b"100 Continue" not in received
    found, headers, problem = parsed(received)
    assert (found, problem["status"]) == (status, status)
    assert headers["content-type"] == "application/problem+json"
    assert parsed(talk(port, PREDICT))[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        head(**IMAGE, Content_Length="-1"),
        head(**IMAGE, Content_Length="1, 2"),
        head(**IMAGE, Content_Length="1")[:-2] + b"Content-Length: 2\r\n\r\n",
        head(**IMAGE, Transfer_Encoding="gzip"),
        b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * server.MAX_HEAD,
    ],
)
def test_what_is_no_http_is_refused_by_uvicorn(port: int, sent: bytes) -> None:
    assert talk(port, sent).startswith(b"HTTP/1.1 400 ")
    assert parsed(talk(port, PREDICT))[0] == 200


def test_a_refusal_arrives_although_the_body_is_still_being_sent(port: int) -> None:
    with closing(client(port)) as link:
        status, problem = post(link, form([("large.png", bytes(5_000_000))]))
    assert (status, problem["status"]) == (413, 413)


def test_requests_one_after_another_on_one_connection(port: int) -> None:
    once = head(**IMAGE, Content_Length=len(BODY), Connection="keep-alive") + BODY
    assert talk(port, once + once + PREDICT).count(b"HTTP/1.1 200 ") == 3


def test_chunks_are_put_together(port: int) -> None:
    cut = len(BODY) // 2
    chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (BODY[:cut], BODY[cut:], b""))
    answer = parsed(talk(port, head(**IMAGE, Transfer_Encoding="chunked"), chunks))[2]
    assert answer["pictures"][0]["label"] == "red"


def test_a_client_that_leaves_amid_its_body_harms_nobody(port: int) -> None:
    for _ in range(5):
        with connected(port) as link:
            link.sendall(head(**IMAGE, Content_Length=1000) + b"half")
    assert parsed(talk(port, PREDICT))[0] == 200


def test_names_of_files_are_echoed_and_nothing_else(port: int) -> None:
    names = ["../../../etc/passwd", "C:\\\\windows\\\\system.ini", "<script>alert(1)</script>", "a%00.png", "…/ü.png"]
    body = form([(name, BODY) for name in names])
    sent = head(Content_Type=FORM["Content-Type"], Content_Length=len(body)) + body
    status, headers, answer = parsed(talk(port, sent))
    assert (status, headers["content-type"]) == (200, "application/json")
    shown = [image["file"] for image in answer["pictures"]]
    assert [shown[0], *shown[2:]] == [names[0], *names[2:]]
    assert "system.ini" in shown[1]


def test_more_connections_than_may_be_are_refused(predictor: Predictor) -> None:
    health = head("/health", "GET")
    with live(predictor, Settings(max_connections=3)) as port:
        held = [connected(port) for _ in range(3)]
        while not (received := talk(port, health)).startswith(b"HTTP/1.1 503 "):
            time.sleep(0.01)  # until the server has accepted them all
        assert received.endswith(b"Service Unavailable")
        for link in held:
            link.close()
        while not talk(port, health).startswith(b"HTTP/1.1 200 "):
            time.sleep(0.01)  # until it has seen that they left


def test_an_image_is_not_computed_for_a_client_that_left() -> None:
    held = Colours()
    held.go.clear()
    with live(held.as_predictor, Settings(max_batch=1)) as port:
        links = [connected(port) for _ in range(2)]
        for link in links:
            link.sendall(PREDICT)
        held.entered.acquire()  # one is in the graph, the other waits
        for link in links:
            link.close()
        gone = b'graft_requests_total{method="POST",path="/predict",status="none"} 2.0'
        while gone not in talk(port, head("/metrics", "GET")):
            time.sleep(0.01)
        held.go.set()
        assert parsed(talk(port, PREDICT))[0] == 200
    assert held.batches == [1, 1]


def test_a_body_that_is_still_being_sent_takes_no_room_in_the_queue(predictor: Predictor) -> None:
    request = head(**IMAGE, Content_Length=len(BODY), Expect="100-continue")
    with live(predictor, Settings(max_queue=1, max_files=1)) as port, begun(port, request) as slow:
        assert parsed(talk(port, PREDICT))[0] == 200
        slow.sendall(BODY)
        assert parsed(read_all(slow))[0] == 200


def test_a_body_that_does_not_come_before_a_stopping_server_ends_is_refused(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "GRACE", 0.1)
    with running(predictor, Settings(timeout=0.9)) as (running_server, port):
        link = begun(port, head(**IMAGE, Content_Length=len(BODY), Expect="100-continue"))
        running_server.should_exit = True
        with link:
            status, headers, problem = parsed(read_all(link))
    assert (status, headers["retry-after"]) == (503, "1")
    assert "is being stopped" in problem["detail"]


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
    started = subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert started.stderr is not None
        for line in started.stderr:
            if found := re.search(r"running on http://127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise AssertionError(f"the server ended with {started.wait()}")
        yield started, int(found[1])
    finally:
        started.kill()
        started.communicate()


def accepts(port: int) -> bool:
    """Whether a client is answered."""
    try:
        with closing(client(port)) as link:
            link.request("GET", "/health")
            link.getresponse().read()
    except (ConnectionError, http.client.HTTPException):
        return False
    return True


# refuses to import what the extra `serve` does not bring
ALLOWED = modules_of(
    *("numpy", "pillow", "onnxruntime", "tqdm", "typer"),
    *("fastapi", "prometheus-client", "python-multipart", "uvicorn"),
) | {"graft"}
ALONE = f"ALLOWED = {ALLOWED!r}\n{REFUSE}\nfrom graft.apps.cli import run; run()"


def test_with_its_extra_alone_it_finishes_what_is_under_way_at_sigterm(bundle: Path, tmp_path: Path) -> None:
    assert not ALLOWED & {
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
    body = form([("red.png", image_bytes("red", width=600, height=600))])
    request = head(Content_Type=FORM["Content-Type"], Content_Length=len(body), Expect="100-continue")
    with process(bundle, tmp_path / "run", start=("-c", ALONE)) as (started, port), begun(port, request) as link:
        link.sendall(body[: len(body) // 2])
        started.send_signal(signal.SIGTERM)
        while accepts(port):
            assert started.poll() is None
        assert started.poll() is None  # half of a request is here
        link.sendall(body[len(body) // 2 :])
        status, _, answer = parsed(read_all(link))
        assert (status, answer["pictures"][0]["label"]) == (200, "red")
        assert started.wait(60) == 0


STUCK = """
import threading
from graft.apps.serve import uploads
def endless(*_):
    threading.Event().wait()
uploads.decode = endless
from graft.apps.cli import run
run()
"""


def test_an_image_that_decodes_for_ever_is_reported_and_holds_up_no_end(bundle: Path, tmp_path: Path) -> None:
    options = ("--decoders", "1", "--timeout", "0.3")
    with process(bundle, tmp_path / "run", *options, start=("-c", STUCK)) as (started, port):
        with closing(client(port)) as link:
            assert post(link, form([("a.png", BODY)]))[0] == 504
            link.request("GET", "/ready")
            assert link.getresponse().status == 503
        started.send_signal(signal.SIGTERM)
        assert started.wait(60) == 0


def test_nothing_is_written_to_disk_and_memory_stays_flat(bundle: Path, tmp_path: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in bundle.rglob("*")}
    with process(bundle, tmp_path / "run") as (started, port), closing(client(port)) as link:
        noise = os.urandom(4 * 2**20)  # more than frameworks keep in memory
        status, answer = post(link, form([("noise.png", noise), ("../../red.png", BODY)]))
        assert (status, [image["label"] for image in answer["pictures"]]) == (200, [None, "red"])
        memory = psutil.Process(started.pid).memory_info
        body = form([("red.jpg", image_bytes("red", "JPEG", 400, 300)), ("bad.png", b"no picture")])
        for _ in range(100):
            assert post(link, body)[0] == 200
        used = memory().rss
        for _ in range(300):
            assert post(link, body)[0] == 200
        assert memory().rss - used < 8 * 2**20
        files = psutil.Process(started.pid).open_files()
        assert [file.path for file in files if "w" in file.mode or "+" in file.mode] == []
        assert list((tmp_path / "run").iterdir()) == []
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
    body = form([("a", os.urandom(2**22)), ("b", BODY)])
    with TestClient(create_app(predictor, Settings())) as test_client:
        WATCHING.set()
        try:
            response = test_client.post("/predict", content=body, headers=FORM)
            (tmp_path / "seen").write_text("the hook sees this")
        finally:
            WATCHING.clear()
    assert response.status_code == 200
    assert [str(tmp_path / "seen")] == OPENED
