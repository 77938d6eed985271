"""Raw bytes against a real server: lies about lengths, broken heads, slow clients, answers that must not get lost."""

import http.client
import socket
import time

import pytest

from graft.apps.serve import server as module
from graft.apps.serve.config import Settings
from graft.predict.predictor import Predictor
from tests.apps.serve.made import (
    BOUNDARY,
    PATIENCE,
    Colours,
    begun,
    drip,
    form,
    head,
    heard_from,
    live,
    parsed,
    picture,
    running,
    talk,
)

IMAGE = {"Content_Type": "image/png"}
FORM = {"Content_Type": f"multipart/form-data; boundary={BOUNDARY}"}
BODY = picture()


def ok(port: int) -> None:
    """The server still answers."""
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    link.request("POST", "/predict", BODY, {"Content-Type": "image/png"})
    assert link.getresponse().status == 200
    link.close()


def check(heard: bytes, status: int) -> None:
    """What was heard is a refusal."""
    found, headers, problem = parsed(heard)
    assert (found, problem["status"]) == (status, status)
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    assert headers["x-content-type-options"] == "nosniff"
    assert problem["detail"]
    assert len(problem["detail"]) <= 300


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),  # TLS to a plain port
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # no Host
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nbad header\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n", 400),
        (head(**IMAGE, Content_Length="-1"), 400),
        (head(**IMAGE, Content_Length="1, 2"), 400),
        (head(**IMAGE, Content_Length="1")[:-2] + b"Content-Length: 2\r\n\r\n", 400),
        (head(**IMAGE, Content_Length="9" * 40), 400),
        (head(**IMAGE, Content_Length=4, Transfer_Encoding="chunked") + b"0\r\n\r\n", 400),
        (head(**IMAGE, Transfer_Encoding="gzip"), 501),
        (head(**IMAGE, Transfer_Encoding="chunked") + b"zz\r\nxx\r\n", 400),
        (
            head(**FORM, Content_Length=9, Connection="close") + b"--" + b"x" * 7,
            400,
        ),
        (b"GET /" + b"x" * 100_000 + b" HTTP/1.1\r\nHost: a\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", 431),
    ],
)
def test_every_refusal_is_a_problem(port: int, sent: bytes, status: int) -> None:
    check(talk(port, sent), status)
    ok(port)


@pytest.mark.parametrize("sent", [head(**IMAGE, Content_Length=5), head(**IMAGE, Content_Length=len(BODY) + 50) + BODY])
def test_a_body_that_does_not_come_or_not_all_of_it_is_a_problem(hasty: int, sent: bytes) -> None:
    check(talk(hasty, sent), 408)
    ok(hasty)


def test_a_body_longer_than_promised_is_cut_and_the_rest_is_no_request(port: int) -> None:
    heard = talk(port, head(**IMAGE, Content_Length=len(BODY)) + BODY + b"and more of it\r\n\r\n")
    assert heard.startswith(b"HTTP/1.1 200 ")
    assert parsed(heard)[0] == 400


def test_requests_one_after_another_on_one_connection(port: int) -> None:
    once = head(**IMAGE, Content_Length=len(BODY)) + BODY
    last = head(**IMAGE, Content_Length=len(BODY), Connection="close") + BODY
    heard = talk(port, once + once + last)
    assert heard.count(b"HTTP/1.1 200 ") == 3


def test_chunks_are_put_together(port: int) -> None:
    cut = len(BODY) // 2
    chunks = b"".join(f"{len(part):x}\r\n".encode() + part + b"\r\n" for part in (BODY[:cut], BODY[cut:], b""))
    heard = talk(port, head(**IMAGE, Transfer_Encoding="chunked", Connection="close"), chunks)
    assert parsed(heard)[2]["pictures"][0]["label"] == "red"


def test_chunks_without_end_are_cut_off_at_the_limit(port: int) -> None:
    piece = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    status, _, problem = parsed(talk(port, head(**IMAGE, Transfer_Encoding="chunked"), *[piece] * 6))
    assert (status, "over 200000 bytes" in problem["detail"]) == (413, True)


def test_a_large_body_is_refused_before_it_is_sent_and_the_answer_arrives(port: int) -> None:
    size = 5_000_000
    waiting = talk(port, head(**IMAGE, Content_Length=size, Expect="100-continue"))
    assert b"100 Continue" not in waiting
    assert parsed(waiting)[0] == 413
    sending = talk(port, head(**IMAGE, Content_Length=size), *[b"x" * 50_000] * (size // 50_000))
    assert parsed(sending)[0] == 413


@pytest.mark.parametrize(
    ("first", "drop"),
    [(b"GET / HTTP/1.1\r\nHost: a\r\n", b"X: 1\r\n"), (head(**IMAGE, Content_Length=100_000), b"x")],
    ids=["head", "body"],
)
def test_clients_that_send_in_drops_are_told_and_let_go(hasty: int, first: bytes, drop: bytes) -> None:
    found, _, problem = parsed(drip(hasty, first, drop))
    assert (found, "in time" in problem["detail"] or "within" in problem["detail"]) == (408, True)


def test_silent_clients_are_let_go_without_a_word(hasty: int) -> None:
    assert talk(hasty) == b""


def test_a_client_that_leaves_amid_its_body_harms_nobody(port: int) -> None:
    for _ in range(5):
        with socket.create_connection(("127.0.0.1", port)) as link:
            link.sendall(head(**IMAGE, Content_Length=1000) + b"half")
    ok(port)


def test_more_connections_than_may_be_are_turned_away(predictor: Predictor) -> None:
    with live(predictor, Settings(max_connections=3)) as port:
        held = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
        status, headers, problem = parsed(talk(port))
        assert (status, headers["retry-after"]) == (503, "1")
        assert "3 clients are connected" in problem["detail"]
        for link in held:
            link.close()
        while parsed(talk(port, head("/health", "GET", Connection="close")))[0] == 503:
            time.sleep(0.01)  # until the server has seen that they left
        ok(port)
        counted = talk(port, head("/metrics", "GET", Connection="close"))
        assert b'graft_requests_total{method="other",path="other",status="503"}' in counted


def test_a_body_that_is_refused_amid_is_counted_by_its_answer(predictor: Predictor) -> None:
    with live(predictor, Settings()) as port:
        assert parsed(talk(port, head(**IMAGE, Transfer_Encoding="chunked") + b"zz\r\n"))[0] == 400
        counted = talk(port, head("/metrics", "GET", Connection="close"))
    assert b'graft_requests_total{method="POST",path="/predict",status="400"} 1.0' in counted
    assert b'path="other"' not in counted


def test_a_body_that_is_not_here_soon_after_the_server_is_told_to_stop_is_refused(
    predictor: Predictor, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "GRACE", 0.1)
    with running(predictor, Settings()) as (server, port):
        link = begun(port, head(**IMAGE, Content_Length=len(BODY), Expect="100-continue"))
        server.should_exit = True
        with link:
            status, headers, problem = parsed(heard_from(link))
    assert (status, headers["retry-after"]) == (503, "1")
    assert "is being stopped" in problem["detail"]
    assert "Traceback" not in capfd.readouterr().err


def test_nothing_is_computed_for_a_client_that_left() -> None:
    held = Colours()
    held.go.clear()
    with live(held.as_predictor, Settings(max_batch=1)) as port:
        links = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        for link in links:
            link.sendall(head(**IMAGE, Content_Length=len(BODY)) + BODY)
        held.entered.acquire()  # one is in the graph, the other waits
        for link in links:
            link.close()
        gone = b'graft_requests_total{method="POST",path="/predict",status="none"} 2.0'
        while gone not in talk(port, head("/metrics", "GET", Connection="close")):
            time.sleep(0.01)
        held.go.set()
        ok(port)
    assert held.batches == [1, 1]


def test_who_is_slow_to_send_takes_no_place_in_the_line(predictor: Predictor) -> None:
    with live(predictor, Settings(max_queue=1, max_files=1)) as port:
        top = head(**IMAGE, Content_Length=len(BODY), Expect="100-continue", Connection="close")
        with begun(port, top) as slow:
            ok(port)
            slow.sendall(BODY)
            assert parsed(heard_from(slow))[0] == 200


def test_names_of_files_are_echoed_and_nothing_else(port: int) -> None:
    names = ["../../../etc/passwd", "C:\\\\windows\\\\system.ini", "<script>alert(1)</script>", "a%00.png", "…/ü.png"]
    body = form([(name, BODY) for name in names])
    heard = talk(port, head(**FORM, Content_Length=len(body), Connection="close") + body)
    status, headers, answer = parsed(heard)
    assert (status, headers["content-type"]) == (200, "application/json")
    shown = [said["file"] for said in answer["pictures"]]
    assert [shown[0], *shown[2:]] == [names[0], *names[2:]]
    assert "system.ini" in shown[1]
