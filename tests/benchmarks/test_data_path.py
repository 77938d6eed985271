from benchmarks.data_path import SIDES, table
from benchmarks.machine import PACKAGES


def test_the_table_compares_medians() -> None:
    facts = {"cores": 2, "processor": "some", "python": "3", "commit": "abc"} | dict.fromkeys(PACKAGES, "1")
    rates = {"graft": [90.0, 100.0, 500.0], "presize": [30.0], "fastai-0": [10.0, 20.0, 21.0], "fastai-2": [40.0]}
    assert set(rates) == set(SIDES)
    text = table({"rates": rates, "images": 512, "others": 0.25, "machine": facts})
    assert text.splitlines()[2:6] == [
        "| graft, from its cache | 100 | 90 to 500 |  |",
        "| graft, filling its cache, once | 30 | 30 to 30 |  |",
        "| fastai, no workers | 20 | 10 to 21 | 5.0 |",
        "| fastai, two workers | 40 | 40 to 40 | 2.5 |",
    ]
    assert "Medians of 3 passes over 512 images (1 of filling the cache); others used 25%" in text
