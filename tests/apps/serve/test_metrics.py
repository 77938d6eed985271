from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from tests.apps.serve.colours import FORM, form, image_bytes


def samples(client: TestClient) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    response = client.get("/metrics")
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(response.text)
        for sample in family.samples
    }


def test_requests_images_and_batches_are_counted(client: TestClient) -> None:
    client.post("/predict", content=form([("a", image_bytes()), ("b", b"bad")]), headers=FORM)
    client.post("/predict", content=b"", headers=FORM)
    found = samples(client)

    def value(name: str, **labels: str) -> float:
        return found[name, frozenset(labels.items())]

    assert value("graft_requests_total", method="POST", path="/predict", status="200") == 1
    assert value("graft_requests_total", method="POST", path="/predict", status="400") == 1
    assert value("graft_request_seconds_count", path="/predict") == 2
    assert value("graft_pictures_total", outcome="classified") == 1
    assert value("graft_pictures_total", outcome="refused") == 1
    assert value("graft_batch_pictures_sum") == 1
    assert value("graft_graph_seconds_count") == 1
    assert value("graft_queue_pictures") == 0
    assert value("process_resident_memory_bytes") > 2**20


def test_clients_cannot_make_up_series(client: TestClient) -> None:
    for number in range(20):
        client.request(f"MADE{number}", f"/made/up/{number}")
    made = [labels for name, labels in samples(client) if name == "graft_requests_total"]
    assert [dict(labels) for labels in made] == [{"method": "other", "path": "other", "status": "404"}]
