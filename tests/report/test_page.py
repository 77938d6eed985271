"""The report is one file that needs nothing beside it."""

import base64
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jinja2 import UndefinedError

from graft.data.arrays import ImageRows
from graft.evaluate.config import Evaluate
from graft.evaluate.evaluation import Evaluation
from graft.report.page import save_report
from graft.tasks import Decision, MultiLabel, SingleLabel

SHEETS = ("confusion.png", "reliability.png", "coverage.png", "sample.png", "top_losses.png")

SOURCE = {"uri": "package://cells/data", "licence": "CC BY & others"}
AREAS = ("roc_auc", "average_precision")
METADATA = {"accuracy": 0.5, "accuracy_low": 0.3, "accuracy_high": 0.7, "majority": 0.52, "alone": {"bytes": 0.4375}}
AUDIT = {
    "duplicate_groups_across_splits": 0,
    "groups": 7,
    "groups_across_splits": 0,
    "metadata": METADATA | {"warning": None},
}


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data


def facts(folder: Path, classes: list[str], each: int = 2, group: str = "") -> dict[str, Any]:
    """Evaluate random answers on a few pictures of every class; pictures of it lie in the folder."""
    count = each * len(classes)
    names = [f"{place:04d}.jpg" for place in range(count)]
    folder.mkdir(exist_ok=True)
    np.save(folder / "pixels.npy", np.random.default_rng(0).integers(0, 256, (count, 4, 4, 3), dtype=np.uint8))
    (folder / "rows.csv").write_text("path\n" + "".join(f"{name}\n" for name in names))
    rows = pd.DataFrame({"path": names, "label": classes * each, "group": group, "kind": "m"}, dtype=str)
    network, probe = np.log(np.random.default_rng(1).dirichlet(np.ones(len(classes)), (2, count))).astype(np.float32)
    evaluation = Evaluation(rows, SingleLabel(classes), network, probe, Decision())
    shown = evaluation.write(folder, ImageRows(folder / "pixels.npy"), Evaluate(gallery=4))
    counts = {"all": count} | dict.fromkeys(classes, each)
    return shown | {
        "splits": {"train": counts, "valid": counts, "test": {"all": 0}},
        "audit": AUDIT,
        "choice": {"valid": {"finetuned": {"accuracy": 0.875}, "head": {"accuracy": 0.5}}, "kept": "finetuned"},
        "lineage": {"files": {"data/labels.csv": "ab" * 32}, "versions": {"torch": "2"}},
        "parameters": {"source": SOURCE, "lr": 0.001, "embed": {"view": 224, "layers": ["a", "<b>"]}},
        "confused": [("cat", "dog", 3)],
        "review": [],
    }


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """Folder and facts of a report on two classes."""
    folder = tmp_path_factory.mktemp("small")
    return folder, facts(folder, ["cat", "dog"])


def render(folder: Path, told: dict[str, Any], name: str = "report.html") -> str:
    """Render the report."""
    save_report(folder / name, folder, told)
    return (folder / name).read_text(encoding="utf-8")


def assert_self_contained(html: str) -> None:
    """No attribute and no style leads out of the page."""
    for tag, attributes in Page(html).tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base")
        assert not {"srcset", "action", "poster", "background"} & set(attributes)
        assert (attributes.get("href") or "#").startswith("#")
        assert (attributes.get("src") or "data:").startswith("data:")
    rest = re.sub(r'src="data:image/png;base64,[A-Za-z0-9+/=]+"', "", html)
    for outside in ("http", "src=", "url(", "@import", "//"):
        assert outside not in rest.replace("package://cells/data", "")


def test_the_page_is_one_file_with_its_images(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    html = render(folder, told)
    assert_self_contained(html)
    sources = [attributes["src"] or "" for tag, attributes in Page(html).tags if tag == "img"]
    decoded = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in sources]
    assert decoded == [(folder / name).read_bytes() for name in SHEETS]


def test_twice_is_the_same_bytes(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    assert render(folder, told, "one.html") == render(folder, told, "two.html")


def test_what_was_measured_is_told(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    told = told | {"test": told["test"] | {"accuracy": 0.912345, "images": 4, "interval": "Wilson"}}
    text = Page(render(folder, told)).text
    assert "91.2 % right" in text
    assert "Measured on 4 pictures" in text
    assert "Image classifier: cat, dog" in text
    assert "pictures taken as independent" in text
    assert "fine-tuning reached 87.5 % and the head alone 50.0 %; kept: finetuned." in text
    assert "Source: package://cells/data. Licence of the pictures: CC BY & others." in text
    assert "0 duplicate groups and 0 of 7 groups lie on more than one side" in text
    assert "flatter" not in text
    assert "kind=m" in text


def test_groups_that_straddle_are_warned_of(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    told = told | {"audit": AUDIT | {"groups_across_splits": 3}}
    assert "the figures flatter it" in Page(render(folder, told)).text


def test_labels_that_can_be_told_without_pixels_are_warned_of(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    text = Page(render(folder, told)).text
    assert "right for 50.0 % ( 30.0 % to 70.0 %)" in text or "right for 50.0 % (30.0 % to 70.0 %)" in text
    assert "bytes alone" in text
    assert "43.8 %" in text
    told = told | {"audit": AUDIT | {"metadata": METADATA | {"warning": "the label can be told"}}}
    assert "Without looking at a pixel, the label can be told" in Page(render(folder, told)).text


def test_what_has_no_value_is_said_with_the_reason(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    classes = told["test"]["classes"] | {
        "dog": dict.fromkeys(AREAS) | {"precision": None, "recall": 0.0, "f1": 0.0, "images": 2}
    }
    test = told["test"] | {"classes": classes, "undefined": {"dog.precision": "never predicted"}}
    html = render(folder, told | {"test": test})
    assert (
        "<td><bdi>dog</bdi></td><td>2</td><td>none</td><td>0.000</td><td>0.000</td><td>none</td><td>none</td>" in html
    )
    assert "dog.precision has no value: never predicted." in Page(html).text


def test_one_group_has_no_interval(tmp_path: Path) -> None:
    told = facts(tmp_path, ["cat", "dog"], 8, "a")
    metadata = METADATA | {"warning": None, "accuracy_low": None, "accuracy_high": None}
    text = Page(render(tmp_path, told | {"audit": AUDIT | {"metadata": metadata}})).text
    assert "There is no interval: all test pictures are of one group, which says nothing of others." in text
    assert " % to " not in text
    assert re.search(r"accuracy \(top-1\)[\d.]+none: one group", text)


def test_parameters_lineage_and_confusions_are_told(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    html = render(folder, told)
    assert '<td>embed.view</td><td class="text long"><code>224</code></td>' in html
    assert "<td>embed.layers</td>" in html
    assert f'<td>data/labels.csv</td><td class="text"><code>{"ab" * 32}</code></td>' in html
    assert '<td><bdi>cat</bdi></td><td class="text"><bdi>dog</bdi></td><td>3</td>' in html
    text = Page(html).text
    assert '["a", "<b>"]' in text
    assert "Nothing is suspected." in text
    assert "It always answers." in text


def test_what_is_empty_is_said_and_not_contradicted(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    text = Page(render(folder, told | {"mistakes": 0, "review": None})).text
    assert "The costliest mistakes None: every answer is right." in text
    assert "Not looked for: evaluate.review is 0." in text
    assert "Nothing is suspected" not in text
    assert "Training No curves: nothing was trained in epochs." in text
    for name in ("surest.png", "least_sure.png"):
        (folder / name).write_bytes((folder / "sample.png").read_bytes())
    assert "Right, and sure of it" in render(folder, told)
    assert "Right, " not in render(folder, told | {"mistakes": told["test"]["images"]})
    for name in ("surest.png", "least_sure.png"):
        (folder / name).unlink()


def test_an_address_is_told_without_its_password(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    source = {"uri": "https://me:secret@example.org/cells.zip", "licence": "CC0"}
    labels = {"lists": ["s3://you:hidden@bucket/list.txt"]}
    html = render(folder, told | {"parameters": {"source": source, "labels": labels}})
    assert "secret" not in html
    assert "hidden" not in html
    assert html.count("example.org/cells.zip") == 2


def test_why_a_figure_has_no_interval_is_said(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    html = render(folder, told)
    cells = re.findall(r"<td>(expected calibration error|macro precision)</td><td>[^<]*</td><td>(.*?)</td>", html)
    assert cells[0][1].replace(".", "").replace(" to ", "").isdigit()
    assert cells[1] == ("expected calibration error", '<span class="soft">none: not computed</span>')


def test_values_of_a_slice_that_are_left_out_are_said(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    assert "site has 51 values" in Page(render(folder, told | {"slices_left_out": ["site has 51 values"]})).text


def test_a_threshold_is_told(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    answered = {"abstain_below": 0.75, "coverage": 0.5, "accuracy": 1.0, "accuracy_low": 0.3, "accuracy_high": 1.0}
    text = Page(render(folder, told | {"answered": answered})).text
    assert "answers only from a confidence of 0.75 on" in text
    assert "answers 50.0 % of the test pictures, 100.0 % of them rightly (30.0 % to 100.0 %)" in text
    assert "It always answers." not in text


def test_suspects_are_listed(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    row = {"path": "x.jpg", "kind": "near_duplicate", "label": "cat", "suggested": "", "other": "y.jpg"}
    html = render(folder, told | {"review": [row | {"score": "0.99", "split": "test"}]})
    cells = re.findall(r"<td[^>]*>(?:<bdi>)?([^<]*)(?:</bdi>)?</td>", html[html.index("x.jpg") - 30 :])[:6]
    assert cells == ["x.jpg", "near duplicate", "cat", "y.jpg", "0.99", "test"]


def test_names_from_the_data_are_text_not_markup(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    source = {"uri": "<script>alert(1)</script>", "licence": "<img src=x>"}
    html = render(folder, told | {"parameters": {"source": source}, "classes": ["<b>cat</b>", "dog"]})
    assert "<script" not in html
    assert "<img src=x>" not in html
    assert "<b>" not in html
    assert "<script>alert(1)</script>" in Page(html).text


def test_a_missing_fact_is_no_blank(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    with pytest.raises(UndefinedError, match="no attribute 'kept'"):
        save_report(folder / "none.html", folder, told | {"choice": {"valid": told["choice"]["valid"]}})
    assert not (folder / "none.html").exists()


def test_two_hundred_classes_are_shown(tmp_path: Path) -> None:
    classes = [f"class {place:03d}" for place in range(200)]
    html = render(tmp_path / "out", facts(tmp_path / "out", classes))
    assert_self_contained(html)
    text = Page(html).text
    assert "Image classifier: 200 classes" in text
    assert all(name in text for name in classes)


@pytest.fixture(scope="module")
def scenes(small: tuple[Path, dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report on pictures that have any number of labels; no picture has the last class."""
    folder = tmp_path_factory.mktemp("scenes")
    np.save(folder / "pixels.npy", np.zeros((4, 4, 4, 3), dtype=np.uint8))
    (folder / "rows.csv").write_text("path\na\nb\nc\nd\n")
    labels = ["clear|haze", "", "haze", "haze"]
    rows = pd.DataFrame({"path": list("abcd"), "labels": labels, "group": "", "kind": "m"}, dtype=str)
    network = np.array([[0.9, 0.9, 0.1], [0.2, 0.1, 0.1], [0.1, 0.7, 0.1], [0.6, 0.8, 0.1]])
    logits = np.log(network / (1 - network)).astype(np.float32)
    evaluation = Evaluation(rows, MultiLabel(["clear", "haze", "snow"]), logits, logits - 1, Decision())
    told = small[1] | evaluation.write(folder, ImageRows(folder / "pixels.npy"), Evaluate(gallery=4))
    counts = {"all": 4, "clear": 1, "haze": 3}
    valid = {name: {"mean_average_precision": value} for name, value in (("finetuned", 0.875), ("head", 0.5))}
    told |= {"splits": {"test": counts}, "choice": {"valid": valid, "kept": "finetuned"}}
    return render(folder, told)


def test_several_labels_are_told(scenes: str) -> None:
    assert_self_contained(scenes)
    text = Page(scenes).text
    assert "Multi-label image classifier: clear, haze, snow" in text
    assert "75.0 % wholly right" in text
    assert "yes or no for one class of one picture, 8.3 % are wrong" in text
    assert "Always answering haze, which is what most pictures say of each class, would be wholly right 50.0 %" in text
    assert "a mean average precision of 0.875 and the head alone 0.500; kept: finetuned." in text
    assert (
        "<td><bdi>clear</bdi></td><td>1</td><td>0.500</td><td>1.000</td><td>0.667</td><td>1.000</td><td>1.000</td>"
        in scenes
    )
    assert "snow.average_precision has no value: no picture in this split has it; the mean leaves it out." in text
    assert '<th scope="col">exact match</th>' in scenes
    assert "accuracy" not in text
    assert "coverage.png" not in scenes


def test_a_baseline_without_any_class_is_named(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    majority = {"labels": "", "exact_match": 0.5, "hamming_loss": 0.25, "mean_average_precision": None}
    figures = {"exact_match": 0.5, "exact_match_low": 0.4, "exact_match_high": 0.6, "hamming_loss": 0.2}
    ranks = {"micro_f1": None, "mean_average_precision": None}
    test = told["test"] | figures | ranks | {"majority": majority}
    valid = {name: {"mean_average_precision": 0.5} for name in ("head", "finetuned")}
    facts = told | {"multi_label": True, "test": test, "networks": [("this", test)], "slices": {}}
    text = Page(render(folder, facts | {"choice": {"valid": valid, "kept": "head"}})).text
    assert "Always answering no class, which" in text
    assert "(always the same answer: none)" in text


def test_an_address_is_shown_without_what_it_should_not_give_away(small: tuple[Path, dict[str, Any]]) -> None:
    folder, told = small
    source = SOURCE | {"uri": "https://me:secret@a.org/b.zip?token=hidden"}
    html = render(folder, told | {"parameters": {"source": source}})
    assert "https://a.org/b.zip" in html
    assert "secret" not in html
    assert "token=" not in html
