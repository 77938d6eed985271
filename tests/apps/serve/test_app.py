"""The routes: what is answered, and that every refusal says why as a problem."""

import re
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO

import httpx2
import numpy as np
import pytest
from PIL import Image
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from graft.apps.serve.app import PAGE, create_app
from graft.apps.serve.config import Settings
from graft.apps.serve.middleware import PUBLIC
from graft.images.regions import Region
from graft.predict.predictor import Predictor
from tests.apps.serve.colours import CLASSES, COLOURS, FORM, Colours, colour_bundle, form, image_bytes
from tests.apps.serve.live import PATIENCE


def problem(response: httpx2.Response, status: int) -> str:
    """Check that a response is a problem of some status; return its detail."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    body = response.json()
    assert (body["type"], body["status"]) == ("about:blank", status)
    assert body["title"]
    return str(body["detail"])


def post(client: TestClient, *files: tuple[str, bytes]) -> httpx2.Response:
    return client.post("/predict", content=form(files), headers=FORM)


def test_several_pictures_are_answered_in_order(client: TestClient) -> None:
    files = [(f"{colour}.png", image_bytes(colour)) for colour in ("blue", "red", "green")]
    response = post(client, *files)
    assert response.status_code == 200
    answers = response.json()["pictures"]
    assert [(answer["file"], answer["label"], answer["sure"]) for answer in answers] == [
        (f"{colour}.png", colour, True) for colour in ("blue", "red", "green")
    ]
    for answer in answers:
        assert answer["probabilities"][0]["label"] == answer["label"] == answer["labels"][0]
        assert sum(share["probability"] for share in answer["probabilities"]) == pytest.approx(1)
        assert answer["error"] is None


def test_answers_are_those_of_the_predictor(client: TestClient, predictor: Predictor) -> None:
    data = image_bytes("green", "JPEG", 50, 30)
    response = client.post("/predict", content=data, headers={"Content-Type": "image/jpeg"})
    (answer,) = response.json()["pictures"]
    assert answer["file"] is None
    row = predictor.run(predictor.square.read(BytesIO(data))[None])[0]
    shares = {share["label"]: share["probability"] for share in answer["probabilities"]}
    assert [shares[name] for name in CLASSES] == pytest.approx(row.tolist(), abs=1e-6)


def test_a_bad_picture_among_good_ones_has_its_error_in_its_place(client: TestClient) -> None:
    response = post(client, ("a.png", image_bytes("red")), ("b.txt", b"no picture"), ("c.png", image_bytes("blue")))
    assert response.status_code == 200
    answers = response.json()["pictures"]
    assert [answer["label"] for answer in answers] == ["red", None, "blue"]
    assert answers[1]["file"] == "b.txt"
    assert answers[1]["error"]["status"] == 422
    assert answers[1]["error"]["detail"].startswith("not a picture")
    assert not answers[1]["sure"]
    assert answers[1]["probabilities"] == []


def test_only_bad_pictures_are_a_refusal_that_names_each(client: TestClient) -> None:
    response = post(client, ("a.txt", b"no"), ("../b.png", image_bytes(width=200, height=200)[:-40]))
    assert "(and of 2 pictures none can be classified)" in problem(response, 422)
    listed = response.json()["pictures"]
    assert [entry["file"] for entry in listed] == ["a.txt", "../b.png"]
    assert "damaged" in listed[1]["error"]["detail"]


def test_an_unsure_answer_has_no_label() -> None:
    unsure = Colours(abstain_below=0.5).as_predictor
    with TestClient(create_app(unsure, Settings())) as client:
        answers = post(client, ("grey.png", image_bytes("grey")), ("red.png", image_bytes("red"))).json()["pictures"]
        assert client.get("/about").json()["abstain_below"] == 0.5
    assert [(answer["label"], answer["sure"], answer["labels"]) for answer in answers] == [
        (None, False, []),
        ("red", True, ["red"]),
    ]
    assert answers[0]["probability"] == pytest.approx(1 / 3, abs=1e-3)


def test_any_number_of_labels(tmp_path_factory: pytest.TempPathFactory) -> None:
    several = Predictor(colour_bundle(tmp_path_factory.mktemp("several"), multi_label=True))
    with TestClient(create_app(several, Settings())) as client:
        answers = post(client, ("red.png", image_bytes("red")), ("grey.png", image_bytes("grey"))).json()["pictures"]
        about = client.get("/about").json()
    assert (about["multi_label"], about["threshold"]) == (True, 0.5)
    assert (answers[0]["label"], answers[0]["labels"]) == ("red", ["red"])
    assert (answers[1]["label"], answers[1]["sure"], answers[1]["labels"]) == (None, True, [])


def test_regions_are_answered_each_on_its_own(predictor: Predictor) -> None:
    left, right = Region(0, 0, 10, 20, 0.9), Region(12, 0, 10, 20, 0.8)

    def halves(_: str, image: Image.Image) -> list[tuple[Region, Image.Image]]:
        return [(region, region.crop(image)) for region in (left, right)] if image.width > 20 else []

    image = Image.new("RGB", (24, 20), COLOURS["red"])
    image.paste(COLOURS["blue"], (11, 0, 24, 20))
    out = BytesIO()
    image.save(out, "PNG")
    body = form([("two.png", out.getvalue()), ("none.png", image_bytes(width=20)), ("bad.png", b"x")])
    with TestClient(create_app(predictor, Settings(), halves)) as client:
        two, none, bad = client.post("/predict", content=body, headers=FORM).json()["pictures"]
        assert client.get("/about").json()["regions"] == "faces"
    assert [(part["x"], part["w"], part["score"], part["label"]) for part in two["regions"]] == [
        (0, 10, 0.9, "red"),
        (12, 10, 0.8, "blue"),
    ]
    assert (two["label"], two["probabilities"], two["error"]) == (None, [], None)
    assert (none["regions"], none["error"]) == ([], None)
    assert (bad["regions"], bad["error"]["status"]) == (None, 422)


def test_too_many_files_and_too_many_bytes(predictor: Predictor) -> None:
    with TestClient(create_app(predictor, Settings(max_files=2, max_body=10_000))) as client:
        files = [("x.png", image_bytes())] * 3
        assert "Maximum number of files is 2" in problem(post(client, *files), 413)
        assert "over 10000 bytes" in problem(post(client, ("x.png", b"x" * 10_001)), 413)
        assert post(client, *files[:2]).status_code == 200


def test_a_picture_of_too_many_pixels(predictor: Predictor) -> None:
    with TestClient(create_app(predictor, Settings(max_pixels=400))) as client:
        response = post(client, ("wide.png", image_bytes(width=21, height=20)))
        assert "21 x 20 is over 400 pixels" in problem(response, 413)
        assert post(client, ("fits.png", image_bytes(width=20, height=20))).status_code == 200


@pytest.mark.parametrize("path", ["/nothing", "/docs", "/redoc", "/predict/", "/../etc/passwd"])
def test_an_unknown_path(client: TestClient, path: str) -> None:
    assert "there is nothing at" in problem(client.get(path), 404)


@pytest.mark.parametrize(("method", "path"), [("GET", "/predict"), ("POST", "/"), ("DELETE", "/health")])
def test_a_method_that_a_path_does_not_take(client: TestClient, method: str, path: str) -> None:
    response = client.request(method, path)
    assert f"{path} does not take {method}" in problem(response, 405)
    assert response.headers["allow"]


def test_a_full_queue_refuses_until_it_has_room_again() -> None:
    held = Colours()
    held.go.clear()
    with (
        TestClient(create_app(held.as_predictor, Settings(max_queue=2, max_files=2))) as client,
        ThreadPoolExecutor(1) as pool,
    ):
        first = pool.submit(post, client, ("a.png", image_bytes()), ("b.png", image_bytes()))
        held.entered.acquire()
        refused = post(client, ("c.png", image_bytes()))
        assert "2 pictures wait already and 2 may" in problem(refused, 503)
        assert refused.headers["retry-after"] == "1"
        assert "2 pictures wait already" in problem(client.get("/ready"), 503)
        assert client.get("/health").json() == {"status": "ok"}
        held.go.set()
        assert first.result().status_code == 200
        assert post(client, ("c.png", image_bytes())).status_code == 200
        assert client.get("/ready").json() == {"status": "ok"}


def test_an_answer_after_the_timeout_is_not_waited_for() -> None:
    held = Colours()
    held.go.clear()
    with TestClient(create_app(held.as_predictor, Settings(timeout=0.1))) as client:
        assert "no answer within 0.1 s" in problem(post(client, ("a.png", image_bytes())), 504)
        held.go.set()
        assert "graft_queue_pictures 0.0" in client.get("/metrics").text


@pytest.mark.parametrize("path", PUBLIC)
def test_public_paths_answer_head(client: TestClient, path: str) -> None:
    response = client.head(path)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["content-type"] == client.get(path).headers["content-type"]


def test_a_failing_graph_is_reported_without_its_secrets(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Colours):
        def run(self, pixels: np.ndarray) -> np.ndarray:
            raise RuntimeError("/secret/path: out of memory")

    with TestClient(create_app(Broken().as_predictor, Settings())) as client:
        response = post(client, ("a.png", image_bytes()))
        assert "secret" not in response.text
        assert "its log says why" in problem(response, 500)
        assert response.headers["x-content-type-options"] == "nosniff"
        assert client.get("/ready").status_code == 200


def test_concurrent_requests_share_a_batch_and_keep_their_answers() -> None:
    held = Colours()
    held.go.clear()
    colours = ["red", "green", "blue", "red", "green", "blue"]
    with (
        TestClient(create_app(held.as_predictor, Settings(max_wait=PATIENCE, max_batch=5))) as client,
        ThreadPoolExecutor(len(colours)) as pool,
    ):

        def ask(colour: str) -> str:
            return str(post(client, (colour, image_bytes(colour))).json()["pictures"][0]["label"])

        first = pool.submit(ask, colours[0])
        held.entered.acquire()  # it runs alone, and others come meanwhile
        others = [pool.submit(ask, colour) for colour in colours[1:]]
        while "graft_queue_pictures 6.0" not in client.get("/metrics").text:
            assert not first.done()
        held.go.set()
        assert [asked.result() for asked in (first, *others)] == colours
        assert held.batches == [1, 5]
        families = {family.name: family for family in text_string_to_metric_families(client.get("/metrics").text)}
    batches = {sample.name: sample.value for sample in families["graft_batch_pictures"].samples if not sample.labels}
    assert (batches["graft_batch_pictures_sum"], batches["graft_batch_pictures_count"]) == (6, 2)


def test_about_lists_classes_and_limits(client: TestClient) -> None:
    assert client.get("/about").json() == {
        "classes": CLASSES,
        "multi_label": False,
        "threshold": None,
        "abstain_below": None,
        "regions": None,
        "limits": {"body": 32 * 2**20, "files": 16, "pixels": 32_000_000},
    }


def test_the_page_holds_nothing_from_elsewhere() -> None:
    assert re.findall(r"(?:src|href)=[\"']?(?!data:)[^\"'> ]+", PAGE) == []
    assert " style=" not in PAGE
    assert not re.search(r"\son[a-z]+=", PAGE)
