from pathlib import Path

import pytest

from benchmarks.machine import PACKAGES
from benchmarks.serve import figures, images, load, rss, serving, table
from tests.apps.serve.colours import colour_bundle


@pytest.mark.slow
def test_a_load_is_counted_and_timed(tmp_path: Path) -> None:
    with serving(colour_bundle(tmp_path / "bundle")) as (server, port):
        found = figures(load(port, 3, 40, [*images(64, 48, 2), b"no picture"]))
        assert rss(server) > 10
    assert (found["clients"], found["requests"]) == (3, 40)
    assert found["statuses"] == {"200": 27, "422": 13}
    assert 0 < found["p50"] <= found["p99"] < 10
    assert found["a_second"] > 1


def test_the_table_says_all_of_it() -> None:
    facts = {"cores": 2, "processor": "some", "python": "3", "commit": "abc"} | dict.fromkeys(PACKAGES, "1")
    found = {"clients": 4, "requests": 9, "a_second": 50.4, "p50": 0.0204, "p99": 0.1, "statuses": {"200": 9}}
    results = {
        "rounds": [found],
        "flood": found | {"clients": 96, "statuses": {"200": 5, "503": 4}},
        "memory": {"requests": 10_000, "megabytes": [200.0, 211.0, 205.0]},
        "queue": 64,
        "others": 0.25,
        "machine": facts,
    }
    text = table(results)
    assert text.splitlines()[2:4] == [
        "| 4 | 50 | 20 ms | 100 ms | 9 x 200 |",
        "| 96 | 50 | 20 ms | 100 ms | 5 x 200, 4 x 503 |",
    ]
    assert "Over 10,000 more of 320 x 240 the server's memory went from 200 to 205 MB, at most 211." in text
    assert "others used 25%" in text
