"""The text, the Markdown and the page show the same figures, and every name as it is."""

import base64
import re
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from graft.apps.compare import render
from graft.apps.compare.comparison import Comparison, compare_runs
from graft.apps.compare.run import MetricPair
from graft.stats.paired import ONE_GROUP, Difference
from tests.apps.compare.made_up_runs import labels, names, pair, run

NOWHERE = Path("nowhere")


def comparison(count: int = 90, changed: int = 30) -> Comparison:
    """Many images now correct, each of them a unit of its own."""
    a, b = pair(count, range(changed), [])
    a.metrics.update({"accuracy": 0.5, "log_loss": 0.71, "images": 90.0})
    b.metrics.update({"accuracy": 0.75, "log_loss": None, "images": 90.0})
    a.params["lr"], b.params["lr"] = 0.001, 0.003
    return compare_runs(a, b, None, why_no_labels="it is not here")


@pytest.mark.parametrize(
    ("value", "text"), [(0.0244, "+2.4"), (-0.0244, "\u22122.4"), (0.0, "0.0"), (-0.0002, "0.0"), (1.0, "+100.0")]
)
def test_points(value: float, text: str) -> None:
    assert render.points(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(None, "none"), (666.0, "666"), (0.5, "0.500"), (1.0, "1.000"), (0.0, "0.000"), (2.05, "2.050")]
)
def test_metrics(value: float | None, text: str) -> None:
    assert render.metric(value) == text


@pytest.mark.parametrize(
    ("a", "b", "text"),
    [(None, 1.0, ""), (679.0, 666.0, "\u221213"), (666.0, 666.0, "0"), (0.5, 0.5101, "+0.010"), (1.0, 1.0, "0.000")],
)
def test_changes_of_a_metric(a: float | None, b: float | None, text: str) -> None:
    assert render.metric_change(MetricPair("any", a, b, 0)) == text


def test_predictions_and_labels() -> None:
    assert render.predicted("cat", "0.876543") == "cat 88%"
    assert render.predicted("cat|dog", "0.900000|0.500000") == "cat 90%, dog 50%"
    assert render.predicted("a|b", "0.900000") == "a|b 90%"
    assert render.predicted("", "") == "no class"
    assert (render.label("cat|dog"), render.label("")) == ("cat, dog", "no class")


def test_intervals() -> None:
    assert render.interval(Difference(0, -0.021, 0.034, "any")) == "\u22122.1 to +3.4"
    assert render.interval(Difference(0, -0.021, 0.034, "any"), render.signed) == "\u22120.021 to +0.034"
    assert render.interval(Difference(0, -1, 1, ONE_GROUP)) == "not known: one group"


def test_the_evidence_is_whole() -> None:
    groups = pd.DataFrame({"group": [f"g{index // 4}" for index in range(60)]}, index=names(60))
    a, b = pair(60, range(0, 60, 3), range(0, 60, 6))
    lines = render.evidence(compare_runs(a, b, groups.assign(label=labels(60))))
    assert lines[0].startswith("accuracy 66.7 % in A, 83.3 % in B: +16.7 points, 95 % interval +")
    assert lines[1].startswith("60 test images in 15 groups; groups are drawn whole")
    assert lines[2] == "changed predictions: 10 now correct, 0 now wrong, 0 still wrong"
    assert lines[3].startswith("McNemar's exact test: p = 0.002, but it takes images as independent")
    assert lines[4].startswith("log loss ")
    assert "\u22120.347, 95 % interval \u2212" in lines[4]
    independent = render.evidence(compare_runs(a, b, None))
    assert independent[1] == "60 test images, each taken as independent of the others"
    assert independent[3] == "McNemar's exact test: p = 0.002"


def test_text_is_aligned_and_begins_with_the_verdict() -> None:
    lines = render.to_text(comparison()).splitlines()
    assert lines[:4] == ["A  old (aaaaaaa)", "B  new", "", "better: the whole interval lies above 0"]
    assert any(line.startswith("  rule: B is better where the whole 95 % interval") for line in lines)
    assert any(line.startswith("note: groups and slices are not known") for line in lines)
    assert max(map(len, lines)) <= render.WIDTH
    start = lines.index("Metrics of test")
    assert lines[start - 1 : start + 5] == [
        "",
        "Metrics of test",
        "                A      B  B less A",
        "  accuracy  0.500  0.750    +0.250  more is better",
        "  log_loss  0.710   none            less is better",
        "  images       90     90         0",
    ]
    start = lines.index("Parameters that differ")
    assert lines[start + 1 : start + 3] == ["      A      B", "  lr  0.001  0.003"]


def test_text_shows_twenty_images_and_where_the_rest_is() -> None:
    lines = render.to_text(comparison()).splitlines()
    title = "30 changed predictions; the 20 whose loss changed most (all: --html or --csv)"
    shown = lines[lines.index(title) + 2 :]
    assert len(shown) == 20
    assert shown[0] == f"  now correct  {names(1)[0]}  cat    dog 80%  cat 80%"
    assert "1 changed prediction" in render.to_text(comparison(changed=1)).splitlines()


def test_where_nothing_differs_all_forms_say_so() -> None:
    a, _ = pair(9, [1], [])
    same = compare_runs(a, a, None)
    assert {"Parameters: all equal", "No prediction changed"} <= set(render.to_text(same).splitlines())
    assert {"**Parameters: all equal**", "**No prediction changed**"} <= set(render.to_markdown(same).splitlines())
    page = Page(render.to_page(same, NOWHERE))
    assert "A and B predict the same class for every image." in page.text
    assert page.all("details") == []


def test_names_stay_text_in_markdown() -> None:
    assert render.escape_markdown("a|b <b>_x_</b>\n`c`") == "a\\|b \\<b\\>\\_x\\_\\</b\\> \\`c\\`"


def test_markdown_is_whole() -> None:
    text = render.to_markdown(comparison())
    lines = text.splitlines()
    assert lines[0] == "### old (aaaaaaa) (A) or new (B)?"
    assert lines[2] == "**better: the whole interval lies above 0**"
    start = lines.index("**Parameters that differ**")
    assert lines[start + 1 : start + 5] == ["", "|  | A | B |", "| :-- | :-- | :-- |", "| lr | 0.001 | 0.003 |"]
    assert "| :-- | --: | --: | --: | :-- |" in lines
    start = lines.index("<summary>30 changed predictions; the 20 whose loss changed most</summary>")
    assert (lines[start - 2 : start], lines[start + 1]) == (["", "<details>"], "")
    assert sum(line.startswith("| now correct |") for line in lines) == 20
    assert text.count("<details>") == text.count("\n\n</details>\n") == 3
    assert text.endswith("\n\n</details>\n")


class Page(HTMLParser):
    """Tags with their attributes, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL))
        self.text = re.sub(r"\s+", " ", self.text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def presized(tmp_path: Path) -> Path:
    """Pixels of the first eighty images: all were wide but the first, which was high and is red."""
    pixels = np.random.default_rng(0).integers(0, 256, (80, 16, 16, 3), dtype=np.uint8)
    pixels[0] = [255, 0, 0]
    np.save(tmp_path / "pixels.npy", pixels)
    rows = [f"{name},{0.1 if index == 0 else 2.0}\n" for index, name in enumerate(names(80))]
    (tmp_path / "rows.csv").write_text("path,aspect\n" + "".join(rows))
    return tmp_path


def page_of(count: int, wrong_a: range, wrong_b: range, presized: Path = NOWHERE) -> str:
    """A page on made-up runs; images come in groups of three."""
    a, b = pair(count, wrong_a, wrong_b, metrics={"accuracy": 0.5}, params={"lr": 1})
    rows = b.predictions.rows
    b = run(rows["label"].tolist(), rows["predicted"].tolist(), "<b>new</b>", params={"lr": 2})
    groups = pd.DataFrame({"group": [f"g{index // 3}" for index in range(count)], "kind": "m"}, index=names(count))
    return render.to_page(compare_runs(a, b, groups), presized)


def assert_self_contained(html: str) -> None:
    """Nothing leads out of the page."""
    page = Page(html)
    for tag, attributes in page.tags:
        assert tag not in ("script", "link", "iframe", "object", "embed", "base", "form")
        assert not {"href", "srcset", "action", "background"} & set(attributes)
        assert (attributes.get("src") or "data:").startswith("data:")
    rest = re.sub(r'src="data:image/jpeg;base64,[A-Za-z0-9+/=]+"', "", html)
    for outside in ("http", "url(", "@import", "//"):
        assert outside not in rest


def test_the_page_of_a_better_run(presized: Path) -> None:
    html = page_of(90, range(60), range(50, 60), presized)
    assert html == page_of(90, range(60), range(50, 60), presized)
    assert_self_contained(html)
    page = Page(html)
    assert html.lstrip().startswith("<!doctype html>")
    assert "Yes: B is better" in page.text
    assert "The whole interval lies above 0." in page.text
    assert "90 test images in 30 groups" in page.text
    assert "".join(f'<td class="word">{cell}</td>' for cell in ("lr", "1", "2")) in html
    assert "kind=m" in page.text
    assert len(page.all("img")) == 50
    assert "<b>new</b>" in page.text
    assert "<b>new" not in html


def test_the_page_shows_at_most_sixty_images(presized: Path) -> None:
    html = page_of(90, range(90), range(0), presized)
    page = Page(html)
    assert len(page.all("figure")) == render.SHOWN_CARDS
    assert f"The {render.SHOWN_CARDS} whose loss changed most are shown." in page.text
    assert html.count('<td class="word">now correct</td>') == 90
    missing = [name for name in names(90)[: render.SHOWN_CARDS] if name not in names(80)]
    assert page.text.count("not in data/presized") == len(missing)


def test_without_pixels_the_page_has_the_table_alone() -> None:
    page = Page(page_of(30, range(5), range(0)))
    assert page.all("img") == page.all("figure") == []
    assert page.all("details") == [{"open": None}]
    assert "One can’t tell" in page.text


def test_names_from_the_data_are_text_in_the_page() -> None:
    nasty = ["<img src=x>", '"><script>alert(1)</script>', "c"]
    a, b = run(labels(3), labels(3), paths=nasty), run(labels(3), labels(3)[::-1], paths=nasty)
    html = render.to_page(compare_runs(a, b, None), NOWHERE)
    assert_self_contained(html)
    assert "<img src=x>" in Page(html).text


def test_intervals_lie_where_the_figures_are() -> None:
    found = comparison()
    html = render.to_page(found, NOWHERE)
    reach = render.axis_reach([found.overall.difference])
    assert f'<u style="left:{50 + 50 * found.overall.difference.value / reach:.2f}%">' in html
    assert render.axis_reach([Difference(0.1, 0.0, 0.2, "any")]) == pytest.approx(0.23)
    assert render.axis_reach([Difference(0.1, -1, 1, ONE_GROUP)]) == 1.0


def test_thumbnails_have_the_shape_that_the_images_had(presized: Path) -> None:
    first, second = names(2)
    found = render.thumbnails([second, first, second, "c.png"], presized)
    assert sorted(found) == [first, second]
    image = {
        path: Image.open(BytesIO(base64.b64decode(address.removeprefix("data:image/jpeg;base64,"))))
        for path, address in found.items()
    }
    assert image[second].size == (render.THUMBNAIL_SIDE, render.THUMBNAIL_SIDE // 2)
    assert image[first].size == (round(render.THUMBNAIL_SIDE / 10), render.THUMBNAIL_SIDE)
    red = image[first].getpixel((5, 100))
    assert isinstance(red, tuple)
    assert red[0] > 240
    assert render.thumbnails(names(1), presized / "absent") == {}
