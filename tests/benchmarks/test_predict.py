from benchmarks.machine import PACKAGES
from benchmarks.predict import FIGURES, table


def test_the_table_compares_medians() -> None:
    facts = {"cores": 2, "processor": "some", "python": "3", "commit": "abc"} | dict.fromkeys(PACKAGES, "1")
    figures = {
        "batch": {"graft": [100.0, 120.0, 500.0], "fastai-0": [20.0, 30.0, 31.0], "fastai-2": [24.0]},
        "single": {"graft": [10.0], "graft-int8": [5.0], "fastai": [70.0, 80.0, 90.0]},
        "cold": {"graft": [300.0], "graft-command": [400.0], "fastai": [6000.0]},
    }
    assert set(figures) == set(FIGURES)
    results = {"figures": figures, "images": 9, "others": 0.25, "versions": {"fastai": "2"}, "machine": facts}
    lines = table(results).splitlines()
    assert lines[2:5] == [
        "| many pictures | graft, `predict_many` | 120 pictures a second | 100 to 500 |  |",
        "| many pictures | fastai, `get_preds`, no workers | 30 pictures a second | 20 to 31 | 4.0 (5 times) |",
        "| many pictures | fastai, `get_preds`, two workers | 24 pictures a second | 24 to 24 | 5.0 (5 times) |",
    ]
    assert lines[5:8] == [
        "| one picture | graft, `predict` | 10 ms | 10 to 10 |  |",
        "| one picture | graft, `predict`, int8 | 5 ms | 5 to 5 |  |",
        "| one picture | fastai, `predict` | 80 ms | 70 to 90 | 8.0 (5 times) |",
    ]
    assert lines[-3].endswith("| 6000 ms | 6000 to 6000 | 20.0 (4 times) |")
    assert "9 pictures; others used 25% of the cores meanwhile. fastai 2;" in lines[-1]
