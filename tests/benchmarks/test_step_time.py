from benchmarks.machine import PACKAGES
from benchmarks.step_time import table


def test_ratios_are_taken_within_a_repeat() -> None:
    facts = {"cores": 2, "processor": "some", "python": "3", "commit": "abc"} | dict.fromkeys(PACKAGES, "1")
    repeats = [
        {"bare": 1.0, "graft": 1.2, "data": 0.12},
        {"bare": 2.0, "graft": 2.2, "data": 0.11},
        {"bare": 9.0, "graft": 9.9, "data": 0.99},
    ]
    results = {"repeats": repeats, "batch": 16, "size": 224, "device": "cpu", "others": 0.0, "machine": facts}
    text = table(results)
    assert "| bare network | 2000 | 100.0% |" in text
    assert "| graft, all of it | 2200 | 110.0% |" in text
    assert "waits 10.0% of its time" in text
