"""The report is one file that needs nothing beside it."""

import base64
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from jinja2 import UndefinedError
from PIL import Image

from graft.evaluate.decision import Answered
from graft.evaluate.evaluation import Evaluation, write_lineage
from graft.evaluate.metrics import Baseline, ClassScores
from graft.report.page import Content, Interpreted, save_report
from graft.tasks import Decision, MultiLabel, SingleLabel

SHEETS = (
    "confusion.png",
    "reliability.png",
    "coverage.png",
    "sample.png",
    "top_losses.png",
    "surest.png",
    "least_sure.png",
)

SOURCE = {"uri": "package://cells/data", "licence": "CC BY & others"}
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


def content(folder: Path, classes: list[str], each: int = 2, group: str = "") -> Content:
    """Evaluate random answers on a few images of every class; sheets and plots of one pixel lie in the folder."""
    count = each * len(classes)
    folder.mkdir(exist_ok=True)
    for number, name in enumerate(SHEETS):
        Image.new("L", (number + 1, 1)).save(folder / name)
    names = [f"{number:04d}.jpg" for number in range(count)]
    rows = pd.DataFrame({"path": names, "label": classes * each, "group": group, "kind": "m"}, dtype=str)
    network, other = np.log(np.random.default_rng(1).dirichlet(np.ones(len(classes)), (2, count))).astype(np.float32)
    task, counts = SingleLabel(classes), {"all": count} | dict.fromkeys(classes, each)
    return Content(
        task=task,
        test=Interpreted(
            Evaluation(rows, task, network, other, Decision()).write(folder),
            [{"actual": "cat", "predicted": "dog", "images": "3"}],
        ),
        valid=None,
        decision=Decision(),
        lineage={
            "files": {"data/labels.csv": "ab" * 32},
            "versions": {"torch": "2"},
            "processes": {"finetune": "2 x cpu"},
        },
        review=[],
        splits={"train": counts, "valid": counts, "test": {"all": 0}},
        audit=AUDIT,
        choice={"valid": {"finetuned": {"accuracy": 0.875}, "head": {"accuracy": 0.5}}, "kept": "finetuned"},
        parameters={"source": SOURCE, "lr": 0.001, "embed": {"size": 224, "layers": ["a", "<b>"]}},
    )


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Content]:
    """Folder and content of a report on two classes."""
    folder = tmp_path_factory.mktemp("small")
    return folder, content(folder, ["cat", "dog"])


def render(folder: Path, shown: Content, name: str = "report.html") -> str:
    """Render the report."""
    save_report(folder / name, folder, shown)
    return (folder / name).read_text(encoding="utf-8")


def with_record(shown: Content, **fields: Any) -> Content:
    """Other content of the record."""
    return replace(shown, test=replace(shown.test, record=shown.test.record.model_copy(update=fields)))


def with_test(shown: Content, **fields: Any) -> Content:
    """Other scores of the network on test."""
    networks = shown.test.record.networks
    return with_record(shown, networks=networks | {"finetuned": networks["finetuned"].model_copy(update=fields)})


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


def test_the_page_is_one_file_with_its_images(small: tuple[Path, Content]) -> None:
    folder, shown = small
    html = render(folder, shown)
    assert_self_contained(html)
    sources = [attributes["src"] or "" for tag, attributes in Page(html).tags if tag == "img"]
    decoded = [base64.b64decode(source.removeprefix("data:image/png;base64,")) for source in sources]
    assert decoded == [(folder / name).read_bytes() for name in SHEETS]


def test_twice_is_the_same_bytes(small: tuple[Path, Content]) -> None:
    folder, shown = small
    assert render(folder, shown, "one.html") == render(folder, shown, "two.html")


def test_what_was_measured_is_shown(small: tuple[Path, Content]) -> None:
    folder, shown = small
    figures = shown.test.record.scores.figures | {"accuracy": 0.912345}
    shown = with_test(shown, figures=figures, images=4, interval="Wilson")
    text = Page(render(folder, shown)).text
    assert "91.2 % correct" in text
    assert "of the 4 test images, which neither training nor any choice has seen" in text
    assert "labelled images" not in text
    assert "Image classifier: cat, dog" in text
    assert "images taken as independent" in text
    assert "fine-tuning reached 87.5 % and the head alone 50.0 %; kept: finetuned." in text
    assert "Source: package://cells/data. Licence of the images: CC BY & others." in text
    assert "0 duplicate groups and 0 of 7 groups lie in more than one split" in text
    assert "too optimistic" not in text
    assert "kind=m" in text


def test_all_images_come_first_where_heads_were_cross_validated(small: tuple[Path, Content]) -> None:
    folder, shown = small
    every = shown.test.record.scores.model_copy(
        update={"images": 90, "figures": {"accuracy": 0.811, "accuracy_low": 0.7, "accuracy_high": 0.9}}
    )
    text = Page(render(folder, with_record(shown, cross_validated=every))).text
    assert "of all 90 labelled images, each asked of a head" in text
    assert text.index("81.1 % correct") < text.index(f"of the {shown.test.record.scores.images} test images")
    assert "heads, cross-validated over all 90 images81.1 %70.0 % to 90.0 %" in text


def test_head_and_fine_tuned_network_stand_side_by_side(small: tuple[Path, Content]) -> None:
    folder, shown = small
    text = Page(render(folder, shown)).text
    head, finetuned = (f"{100 * (one.figures['accuracy'] or 0):.1f} %" for one in shown.test.record.networks.values())
    assert f"the head alone{head}" in text
    assert f"fine-tuned, handed on{finetuned}" in text
    change = shown.test.record.difference
    assert change is not None
    said = f"Fine-tuning changed it by {100 * change.value:+.1f} points; the 95 % interval of this difference"
    assert said in text
    untrained = with_record(shown, kept="head", difference=None, networks={"head": shown.test.record.networks["head"]})
    alone = Page(render(folder, replace(untrained, choice={"valid": {"head": {"accuracy": 0.5}}, "kept": "head"}))).text
    assert "the head alone, handed on" in alone
    assert "Nothing was fine-tuned." in alone
    assert "fine-tuning reached" not in alone


def test_valid_is_shown_apart_where_it_was_interpreted(small: tuple[Path, Content]) -> None:
    folder, shown = small
    html = render(folder, shown)
    assert 'id="valid"' not in html
    assert 'href="#valid"' not in html
    (folder / "valid").mkdir()
    for name in ("confusion.png", "sample.png", "top_losses.png", "surest.png", "least_sure.png"):
        Image.new("L", (9, 9)).save(folder / "valid" / name)
    record = shown.test.record.model_copy(update={"mistakes": 1})
    html = render(folder, replace(shown, valid=Interpreted(record, [])))
    assert_self_contained(html)
    text = Page(html).text
    assert 'href="#valid"' in html
    assert "Choices were made on these 4 images, such as which network is handed on" in text
    for heading in ("Top losses on valid", "Correct, but barely on valid", "A random sample of valid"):
        assert heading in text
    assert "Most confused on valid" not in text
    assert html.count('src="data:image/png') == len(SHEETS) + 5


def test_groups_that_straddle_are_warned_of(small: tuple[Path, Content]) -> None:
    folder, shown = small
    shown = replace(shown, audit=AUDIT | {"groups_across_splits": 3})
    assert "the figures are too optimistic" in Page(render(folder, shown)).text


def test_labels_that_can_be_predicted_without_pixels_are_warned_of(small: tuple[Path, Content]) -> None:
    folder, shown = small
    text = Page(render(folder, shown)).text
    assert "is correct for 50.0 % (30.0 % to 70.0 %)" in text
    assert "bytes alone" in text
    assert "43.8 %" in text
    shown = replace(shown, audit=AUDIT | {"metadata": METADATA | {"warning": "the label can be predicted"}})
    assert "The label can be predicted without looking at a pixel" in Page(render(folder, shown)).text


def test_what_has_no_value_is_said_with_the_reason(small: tuple[Path, Content]) -> None:
    folder, shown = small
    dog = ClassScores(precision=None, recall=0.0, f1=0.0, roc_auc=None, average_precision=None, images=2)
    classes = shown.test.record.scores.classes | {"dog": dog}
    html = render(folder, with_test(shown, classes=classes, undefined={"dog.precision": "never predicted"}))
    assert (
        "<td><bdi>dog</bdi></td><td>2</td><td>none</td><td>0.000</td><td>0.000</td><td>none</td><td>none</td>" in html
    )
    assert "dog.precision has no value: never predicted." in Page(html).text


def test_one_group_has_no_interval(tmp_path: Path) -> None:
    shown = content(tmp_path, ["cat", "dog"], 8, "a")
    metadata = METADATA | {"warning": None, "accuracy_low": None, "accuracy_high": None}
    text = Page(render(tmp_path, replace(shown, audit=AUDIT | {"metadata": metadata}))).text
    assert "There is no interval: all test images are of one group, which says nothing about others." in text
    assert " % to " not in text
    assert re.search(r"accuracy \(top-1\)[\d.]+none: one group", text)


def test_parameters_lineage_and_confusions_are_shown(small: tuple[Path, Content]) -> None:
    folder, shown = small
    html = render(folder, shown)
    assert '<td>embed.size</td><td class="text long"><code>224</code></td>' in html
    assert "<td>embed.layers</td>" in html
    assert f'<td>data/labels.csv</td><td class="text"><code>{"ab" * 32}</code></td>' in html
    assert '<td><bdi>cat</bdi></td><td class="text"><bdi>dog</bdi></td><td>3</td>' in html
    text = Page(html).text
    assert "Processes: finetune 2 x cpu." in text
    assert '["a", "<b>"]' in text
    assert "Nothing is suspected." in text
    assert "It always answers." in text


def test_what_is_empty_is_said_and_not_contradicted(small: tuple[Path, Content]) -> None:
    folder, shown = small
    text = Page(render(folder, replace(with_record(shown, mistakes=0), review=None))).text
    assert "Top losses Every answer is correct; these are the least sure ones: predicted / actual class" in text
    assert "Correct, but barely" not in text
    assert "Not looked for: report.review is 0." in text
    assert "Nothing is suspected" not in text
    assert "Training No curves: nothing was trained in epochs." in text
    assert "Correct and confident" in text
    nothing_correct = with_record(shown, mistakes=shown.test.record.scores.images)
    assert "Correct and confident" not in render(folder, nothing_correct)


def test_why_a_figure_has_no_interval_is_said(small: tuple[Path, Content]) -> None:
    folder, shown = small
    html = render(folder, shown)
    cells = re.findall(r"<td>(expected calibration error|macro precision)</td><td>[^<]*</td><td>(.*?)</td>", html)
    assert cells[0][1].replace(".", "").replace(" to ", "").isdigit()
    assert cells[1] == ("expected calibration error", '<span class="soft">none: not computed</span>')


def test_values_of_a_slice_that_are_left_out_are_noted(small: tuple[Path, Content]) -> None:
    folder, shown = small
    assert "site has 51 values" in Page(render(folder, with_record(shown, notes=["site has 51 values"]))).text


def test_a_threshold_is_shown(small: tuple[Path, Content]) -> None:
    folder, shown = small
    answered = Answered(abstain_below=0.75, coverage=0.5, accuracy=1.0, accuracy_low=0.3, accuracy_high=1.0)
    text = Page(render(folder, with_record(shown, answered=answered))).text
    assert "answers only from a confidence of 0.75 on" in text
    assert "answers 50.0 % of the test images, 100.0 % of them correctly (30.0 % to 100.0 %)" in text
    assert "It always answers." not in text


def test_images_to_review_are_listed(small: tuple[Path, Content]) -> None:
    folder, shown = small
    row = {"path": "x.jpg", "kind": "near_duplicate", "label": "cat", "suggested": "", "other": "y.jpg"}
    html = render(folder, replace(shown, review=[row | {"score": "0.99", "split": "test"}]))
    cells = re.findall(r"<td[^>]*>(?:<bdi>)?([^<]*)(?:</bdi>)?</td>", html[html.index("x.jpg") - 30 :])[:6]
    assert cells == ["x.jpg", "near duplicate", "cat", "y.jpg", "0.99", "test"]


def test_names_from_the_data_are_text_not_markup(small: tuple[Path, Content]) -> None:
    folder, shown = small
    source = {"uri": "<script>alert(1)</script>", "licence": "<img src=x>"}
    html = render(folder, replace(shown, parameters={"source": source}, task=SingleLabel(["<b>cat</b>", "dog"])))
    assert "<script" not in html
    assert "<img src=x>" not in html
    assert "<b>" not in html
    assert "<script>alert(1)</script>" in Page(html).text


def test_a_missing_fact_is_no_blank(small: tuple[Path, Content]) -> None:
    folder, shown = small
    with pytest.raises(UndefinedError, match="no attribute 'kept'"):
        save_report(folder / "none.html", folder, replace(shown, choice={"valid": shown.choice["valid"]}))
    assert not (folder / "none.html").exists()


@pytest.mark.slow
def test_two_hundred_classes_are_shown(tmp_path: Path) -> None:
    classes = [f"class {place:03d}" for place in range(200)]
    html = render(tmp_path / "out", content(tmp_path / "out", classes))
    assert_self_contained(html)
    text = Page(html).text
    assert "Image classifier: 200 classes" in text
    assert all(name in text for name in classes)


@pytest.fixture(scope="module")
def scenes(small: tuple[Path, Content], tmp_path_factory: pytest.TempPathFactory) -> str:
    """A report on images that have any number of labels; no image has the last class."""
    folder = tmp_path_factory.mktemp("scenes")
    labels = ["clear|haze", "", "haze", "haze"]
    rows = pd.DataFrame({"path": list("abcd"), "labels": labels, "group": "", "kind": "m"}, dtype=str)
    network = np.array([[0.9, 0.9, 0.1], [0.2, 0.1, 0.1], [0.1, 0.7, 0.1], [0.6, 0.8, 0.1]])
    logits, task = np.log(network / (1 - network)).astype(np.float32), MultiLabel(["clear", "haze", "snow"])
    record = Evaluation(rows, task, logits, logits - 1, Decision()).write(folder)
    splits = {"test": {"all": 4, "clear": 1, "haze": 3}}
    shown = Interpreted(record, [])
    return render(folder, replace(small[1], task=task, test=shown, splits=splits, choice=CHOICE))


CHOICE = {
    "valid": {"finetuned": {"mean_average_precision": 0.875}, "head": {"mean_average_precision": 0.5}},
    "kept": "finetuned",
}


def test_several_labels_are_shown(scenes: str) -> None:
    assert_self_contained(scenes)
    text = Page(scenes).text
    assert "Multi-label image classifier: clear, haze, snow" in text
    assert "75.0 % exact match" in text
    assert "yes or no for one class of one test image, 8.3 % are wrong" in text
    assert "Always answering haze, the more frequent answer for each class, would match exactly 50.0 %" in text
    assert "a mean average precision of 0.875 and the head alone 0.500; kept: finetuned." in text
    assert (
        "<td><bdi>clear</bdi></td><td>1</td><td>0.500</td><td>1.000</td><td>0.667</td><td>1.000</td><td>1.000</td>"
        in scenes
    )
    assert "snow.average_precision has no value: no image in this split has it; the mean leaves it out." in text
    assert '<th scope="col">exact match</th>' in scenes
    assert "It always answers" not in text


def test_a_baseline_without_any_class_is_named(small: tuple[Path, Content]) -> None:
    folder, shown = small
    ranks = {"micro_f1": None, "mean_average_precision": None}
    baseline = Baseline(answer="", figures={"exact_match": 0.5, "hamming_loss": 0.25} | ranks)
    figures = {"exact_match": 0.5, "exact_match_low": 0.4, "exact_match_high": 0.6, "hamming_loss": 0.2} | ranks
    scores = shown.test.record.scores.model_copy(update={"figures": figures, "majority": baseline})
    shown = replace(shown, task=MultiLabel(["cat", "dog"]), choice=CHOICE)
    text = Page(render(folder, with_record(shown, networks={"head": scores, "finetuned": scores}))).text
    assert "Always answering no class, the more frequent answer" in text
    assert "(always the same answer: none)" in text


def test_an_address_is_shown_without_what_it_should_not_give_away(small: tuple[Path, Content]) -> None:
    folder, shown = small
    source = SOURCE | {"uri": "https://me:secret@a.org/b.zip?token=sesame"}
    labels = {"lists": ["s3://you:hidden@bucket/list.txt"]}
    html = render(folder, replace(shown, parameters={"source": source, "labels": labels}))
    assert html.count("https://a.org/b.zip") == 2
    for secret in ("secret", "token=", "sesame", "hidden"):
        assert secret not in html


def test_content_is_read_from_the_reports(tmp_path: Path) -> None:
    evaluated, split, finetuned = (tmp_path / name for name in ("evaluate", "split", "finetune"))
    written = content(evaluated, ["cat", "dog"])
    (evaluated / "decision.json").write_text('{"temperature": 1.5}')
    write_lineage(evaluated, [], {})
    for folder in (split, finetuned):
        folder.mkdir()
    for file in (split / "metrics.json", split / "audit.json", finetuned / "metrics.json"):
        file.write_text(json.dumps({"from": file.name}))
    table = pd.DataFrame({"rank": [1], "path": ["x"]})
    found = Content.read(written.task, evaluated, split, finetuned, table, {"lr": 1})
    assert found.test.record.scores.images == written.test.record.scores.images
    assert (found.decision.temperature, found.lineage["files"]) == (1.5, {})
    parts: list[Any] = [found.splits, found.audit, found.choice]
    assert [part["from"] for part in parts] == ["metrics.json", "audit.json", "metrics.json"]
    assert found.review == [{"rank": 1, "path": "x"}]
    assert {row["actual"] for row in found.test.confused} <= {"cat", "dog"}
    (evaluated / "confused.csv").unlink()
    found = Content.read(written.task, evaluated, split, finetuned, None, {})
    assert (found.test.confused, found.review) == ([], None)
