"""The page is one file, and says what was measured."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from graft.apps.compare.comparison import compare
from graft.apps.compare.page import MOST, Bar, save_page
from graft.apps.compare.paired import ONE_GROUP, Difference
from tests.apps.compare.made import labels, names, pair, run

NOWHERE = Path("nowhere")


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
    """Pixels of the first eighty pictures."""
    folder = tmp_path / "presized"
    folder.mkdir()
    np.save(folder / "pixels.npy", np.random.default_rng(0).integers(0, 256, (80, 8, 8, 3), dtype=np.uint8))
    (folder / "rows.csv").write_text("path,aspect\n" + "".join(f"{name},2.0\n" for name in names(80)))
    return folder


def render(folder: Path, count: int, wrong_a: range, wrong_b: range, presized: Path = NOWHERE) -> str:
    """A page on made-up runs; pictures come in groups of three."""
    a, b = pair(count, wrong_a, wrong_b, measured={"accuracy": 0.5}, params={"lr": 1})
    b = run(b.predicted.rows["label"].tolist(), b.predicted.rows["predicted"].tolist(), "<b>new</b>", params={"lr": 2})
    groups = pd.DataFrame({"group": [f"g{place // 3}" for place in range(count)], "kind": "m"}, index=names(count))
    save_page(folder / "page.html", compare(a, b, groups), presized)
    return (folder / "page.html").read_text(encoding="utf-8")


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


def test_a_better_run(tmp_path: Path, presized: Path) -> None:
    html = render(tmp_path, 90, range(60), range(50, 60), presized)
    assert_self_contained(html)
    page = Page(html)
    assert html.lstrip().startswith("<!doctype html>")
    assert "Yes: B is better" in page.text
    assert "The whole interval lies above 0." in page.text
    assert "90 test pictures in 30 groups" in page.text
    assert "".join(f'<td class="word">{cell}</td>' for cell in ("lr", "1", "2")) in html
    assert "kind=m" in page.text
    assert len(page.all("img")) == 50
    assert "<b>new</b>" in page.text
    assert "<b>new" not in html


def test_at_most_sixty_images_are_shown(tmp_path: Path, presized: Path) -> None:
    html = render(tmp_path, 90, range(90), range(0), presized)
    page = Page(html)
    assert len(page.all("figure")) == MOST
    assert f"The {MOST} whose loss changed most are shown." in page.text
    assert html.count('<td class="word">now right</td>') == 90
    missing = [name for name in names(90)[:MOST] if name not in names(80)]
    assert page.text.count("not in data/presized") == len(missing)


def test_without_pixels_there_is_the_table_alone(tmp_path: Path) -> None:
    page = Page(render(tmp_path, 30, range(5), range(0)))
    assert page.all("img") == page.all("figure") == []
    assert page.all("details") == [{"open": None}]
    assert "One can’t tell" in page.text


def test_nothing_changed(tmp_path: Path) -> None:
    page = Page(render(tmp_path, 30, range(5), range(5)))
    assert "A and B answer every picture alike." in page.text
    assert page.all("details") == []


def test_names_from_the_data_are_text(tmp_path: Path) -> None:
    told = labels(3)
    nasty = ["<img src=x>", '"><script>alert(1)</script>', "c"]
    a, b = run(told, told, paths=nasty), run(told, told[::-1], paths=nasty)
    save_page(tmp_path / "page.html", compare(a, b, None), NOWHERE)
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert_self_contained(html)
    assert "<img src=x>" in Page(html).text


def test_twice_is_the_same_bytes(tmp_path: Path, presized: Path) -> None:
    assert render(tmp_path, 30, range(5), range(0), presized) == render(tmp_path, 30, range(5), range(0), presized)


def test_bars_lie_where_the_figures_are() -> None:
    assert Bar.of(Difference(0.1, 0.0, 0.2, "any"), 0.4) == Bar(left=50.0, width=25.0, at=62.5)
    assert Bar.of(Difference(0.1, -1, 1, ONE_GROUP), 0.4) is None
