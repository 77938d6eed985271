"""The page's questions are answered; nobody else's are."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from graft.apps.review.app import create_app
from graft.apps.review.cases import Decisions
from graft.apps.serve.middleware import content_security_policy
from tests.apps.review.project import SECRET, app, cases, project

HERE = "http://127.0.0.1:8123"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    with TestClient(app(project(tmp_path)), base_url=HERE) as made:
        assert made.get(f"/?token={SECRET}").url == f"{HERE}/"
        yield made


def test_without_the_secret_nothing_is_shown_or_written(client: TestClient) -> None:
    jar, ours = dict(client.cookies), token(client)
    assert jar == {"graft-review-8123": SECRET}
    client.cookies.clear()
    for where in ("/", "/?token=", "/?token=other", f"/cases?token={SECRET}", "/cases", "/picture/0/0", "/none"):
        answer = client.get(where)
        assert answer.status_code == 403, where
        assert answer.json() == {"detail": "open the address that graft printed when it was started"}
    assert client.post("/undo", headers=ours).status_code == 403
    for cookies in ({"graft-review-8123": "other"}, {"graft-review-9999": SECRET}):
        client.cookies.update(cookies)
        assert client.get("/cases").status_code == 403
    client.cookies.update(jar)
    assert client.get("/cases").status_code == 200


def test_the_secret_is_kept_from_other_sites_and_from_scripts(client: TestClient) -> None:
    answer = client.get(f"/?token={SECRET}", follow_redirects=False)
    assert answer.headers["location"] == "/"
    given = answer.headers["set-cookie"].lower()
    assert "samesite=strict" in given
    assert "httponly" in given
    assert answer.headers["x-frame-options"] == "DENY"


def token(client: TestClient) -> dict[str, str]:
    found = re.search(r'<meta name="token" content="([\w-]{20,})">', client.get("/").text)
    assert found
    return {"x-graft-token": found[1]}


def test_the_page_stands_alone(client: TestClient) -> None:
    page = client.get("/")
    assert page.headers["content-type"].startswith("text/html")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert policy == content_security_policy(page.text)
    assert not re.search(r"__[A-Z]+__", page.text)
    assert not re.search(r"https?://|src=\"(?!data:)|@import", page.text)
    assert client.get("/docs").status_code == client.get("/openapi.json").status_code == 404


def test_cases_come_with_what_was_decided(client: TestClient) -> None:
    data = client.get("/cases").json()
    assert data["classes"] == ["cat", "dog", "wolf"]
    assert [row["kind"] for row in data["rows"]] == ["label", "label", "near_duplicate", "outlier"]
    assert data["rows"][1]["images"] == [{"path": "den/wolf-2.jpg", "labels": ["cat"], "split": "test"}]
    assert data["states"][2] == {"kept": False, "corrected": [None, None]}
    assert data["waiting"] == 0


def test_a_decision_is_written_and_taken_back(client: TestClient, tmp_path: Path) -> None:
    ours = token(client) | {"origin": HERE}
    data = client.post("/decide", json={"case": 0, "action": "relabel", "labels": ["wolf"]}, headers=ours).json()
    assert (data["case"], data["waiting"], data["states"][0]["corrected"]) == (0, 1, [["wolf"]])
    assert "den/wolf 1.jpg,wolf," in (tmp_path / "corrections.csv").read_text()
    assert client.post("/undo", headers=ours).json()["case"] == 0
    assert client.post("/undo", headers=ours).json()["case"] is None
    assert "wolf" not in (tmp_path / "corrections.csv").read_text()


def test_another_page_cannot_write(client: TestClient, tmp_path: Path) -> None:
    before, ours = (tmp_path / "corrections.csv").read_bytes(), token(client)
    body = {"case": 0, "action": "drop"}
    refused: list[dict[str, Any]] = [
        {},
        {"x-graft-token": "guessed"},
        {"x-graft-token": b"\xe4"},
        ours | {"origin": "http://evil.example"},
        ours | {"origin": "http://127.0.0.1:9999"},
        ours | {"origin": "https://127.0.0.1:8123"},
        ours | {"origin": "null"},
    ]
    for headers in refused:
        assert client.post("/decide", json=body, headers=headers).status_code == 403, headers
        assert client.post("/undo", headers=headers).status_code == 403, headers
    assert (tmp_path / "corrections.csv").read_bytes() == before


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8123", "192.168.0.7:8123", ""])
def test_another_name_for_this_machine_is_not_answered(client: TestClient, host: str) -> None:
    for where in ("/", "/cases", "/picture/0/0"):
        answer = client.get(where, headers={"host": host})
        assert answer.status_code == 400
        assert "token" not in answer.text


def test_images_come_by_number_scaled_and_upright(client: TestClient, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    Image.new("RGB", (60, 20)).save(tmp_path / "data/raw/den/wolf-2.jpg", exif=exif)
    sizes = []
    for where in ("/picture/0/0", "/picture/1/0", "/picture/2/0", "/picture/2/1"):
        answer = client.get(where)
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        sizes.append(Image.open(io.BytesIO(answer.content)).size)
    assert sizes[:2] == [(1200, 270), (20, 60)]


@pytest.mark.slow
@pytest.mark.parametrize(
    "where",
    ["0/1", "4/0", "-1/0", "0/-1", "0/0/x", "x/0", "../corrections.csv", "%2e%2e/0", "0/..%2f..%2fcorrections.csv"],
)
def test_there_are_no_other_images(client: TestClient, where: str) -> None:
    assert client.get(f"/picture/{where}").status_code in (404, 422)


def test_an_image_that_cannot_be_read_is_reported(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "data/raw/cats/odd.png").write_bytes(b"no picture")
    answer = client.get("/picture/3/0")
    assert answer.status_code == 404
    assert answer.json()["detail"].startswith("odd.png cannot be shown: not a picture")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"case": 9, "action": "drop"}, 404),
        ({"case": 0, "side": 1, "action": "drop"}, 404),
        ({"case": -1, "action": "drop"}, 422),
        ({"case": 0, "action": "burn"}, 422),
        ({"case": 0, "action": "drop", "path": "/etc/passwd"}, 422),
        ({"case": 0, "action": "relabel", "labels": ["lion"]}, 409),
        ({"case": 0, "action": "relabel", "labels": []}, 409),
    ],
)
def test_decisions_that_make_no_sense_are_refused(
    client: TestClient, tmp_path: Path, body: dict[str, object], status: int
) -> None:
    before = (tmp_path / "corrections.csv").read_bytes()
    answer = client.post("/decide", json=body, headers=token(client))
    assert answer.status_code == status
    assert answer.json()["detail"]
    assert (tmp_path / "corrections.csv").read_bytes() == before


def test_a_damaged_corrections_file_is_reported_to_the_page(client: TestClient, tmp_path: Path) -> None:
    (tmp_path / "corrections.csv").write_text("nothing\n")
    answer = client.get("/cases")
    assert answer.status_code == 409
    assert "its columns are nothing" in answer.json()["detail"]


def test_more_cases_come_once_all_are_settled(tmp_path: Path) -> None:
    made = project(tmp_path)
    known = cases(made)
    first, *rest = known.rows
    known.rows[:] = [first]
    decided = Decisions(known, None, made / "corrections.csv", made / ".graft/reviewed.csv")
    app = create_app(known, decided, made / "data/raw", SECRET, lambda: [rest.pop(0)])
    with TestClient(app, base_url=HERE) as client:
        client.get(f"/?token={SECRET}")
        ours = token(client)
        assert client.post("/more").status_code == 403
        assert len(client.post("/more", headers=ours).json()["rows"]) == 1  # the first is open
        client.post("/decide", json={"case": 0, "action": "keep"}, headers=ours)
        answer = client.post("/more", headers=ours).json()
        assert (len(answer["rows"]), len(answer["states"])) == (2, 2)
        assert client.get("/picture/1/0").status_code == 200


def test_neighbours_are_shown_and_not_decided_about(tmp_path: Path) -> None:
    made = project(tmp_path)
    known = cases(made)
    known.rows[0] = replace(known.rows[0], neighbours=known.rows[2].images)
    decided = Decisions(known, None, made / "corrections.csv", made / ".graft/reviewed.csv")
    with TestClient(create_app(known, decided, made / "data/raw", SECRET), base_url=HERE) as client:
        client.get(f"/?token={SECRET}")
        assert [client.get(f"/picture/0/{side}").status_code for side in range(4)] == [200, 200, 200, 404]
        body = {"case": 0, "side": 1, "action": "drop"}
        assert client.post("/decide", json=body, headers=token(client)).status_code == 404
        assert client.post("/more", headers=token(client)).status_code == 404
