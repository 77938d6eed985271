"""The page in a real browser: keys, mouse, a phone's width, and no error in its console."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from graft.core import tables
from graft.labels.corrections import Corrections
from tests.apps.review.project import app, project, serving


@pytest.fixture
def separator() -> str | None:
    """Text between labels; None: one a picture."""
    return None


@pytest.fixture
def address(tmp_path: Path, separator: str | None) -> Iterator[str]:
    """A served project."""
    project(tmp_path, separator is not None)
    with served(tmp_path, separator) as where:
        yield where


@contextmanager
def served(folder: Path, separator: str | None = None) -> Iterator[str]:
    """Serve a project as it is now."""
    with serving(app(folder, separator)) as where:
        yield where


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, whose console must stay empty."""
    errors: list[str] = []
    made = browser.new_page(viewport={"width": 1280, "height": 800})
    made.on("console", lambda message: errors.append(message.text))
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("requestfailed", lambda request: errors.append(request.url))
    made.goto(address)
    expect(made.locator("#question")).to_have_text("Labelled dog. Rather wolf?")
    yield made
    made.close()
    assert errors == []


def corrections(folder: Path) -> dict[str, str]:
    rows = Corrections.read(folder / "corrections.csv").rows
    return dict(zip(rows["path"], rows["label"], strict=True))


def test_all_cases_by_keyboard(page: Page, tmp_path: Path) -> None:
    expect(page.locator("#warning")).to_be_hidden()
    page.keyboard.press("Enter")  # what is suggested

    expect(page.locator("#question")).to_have_text("Labelled cat. Rather dog?")
    assert corrections(tmp_path) == {"z.jpg": "drop", "den/wolf 1.jpg": "wolf"}
    expect(page.locator("#warning")).to_be_visible()  # of the test split
    page.keyboard.type("wol")
    expect(page.locator("#classes button")).to_have_text(["wolf"])
    page.keyboard.press("Enter")

    expect(page.locator("#question")).to_have_text("The same, but cat and dog?")
    expect(page.locator("#pictures img")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    expect(page.locator("#warning")).to_be_visible()
    page.keyboard.press("1")  # the partner is a cat, too

    expect(page.locator("#question")).to_have_text("Labelled cat, and unlike all others.")
    page.keyboard.press("Delete")
    expect(page.locator("#finished")).to_have_text("All 4 cases settled")
    page.keyboard.press("Control+z")
    expect(page.locator("#status")).to_have_text("Taken back.")
    expect(page.locator("#question")).to_have_text("Labelled cat, and unlike all others.")
    page.keyboard.press("Space")  # keep

    expect(page.locator("#done")).to_be_visible()
    expect(page.locator("#changes")).to_contain_text("3 changes stand in corrections.csv. The next dvc repro uses them")
    assert corrections(tmp_path) == {
        "z.jpg": "drop",
        "den/wolf 1.jpg": "wolf",
        "den/wolf-2.jpg": "wolf",
        "cats/tom copy.jpg": "cat",
    }
    page.reload()  # what is settled stays so
    expect(page.locator("#finished")).to_have_text("All 4 cases settled")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#decided")).to_have_text("now wolf.")


def test_going_through_decides_nothing(page: Page, tmp_path: Path) -> None:
    before = (tmp_path / "corrections.csv").read_bytes()
    for place in (2, 3, 4):
        page.keyboard.press("ArrowRight")
        expect(page.locator("#kind")).to_contain_text(f"{place} of 4")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#kind")).to_contain_text("3 of 4")
    page.keyboard.type("zebra")
    expect(page.locator("#classes")).to_have_text("no such class")
    page.keyboard.press("Enter")
    page.keyboard.press("Escape")
    expect(page.locator("#classes button")).to_have_count(3)
    expect(page.locator("#counts")).to_have_text("0 of 4 settled, 0 changes")
    assert (tmp_path / "corrections.csv").read_bytes() == before


def test_a_click_leaves_the_keys_free(page: Page, tmp_path: Path) -> None:
    page.click("#next")
    expect(page.locator("#kind")).to_contain_text("2 of 4")
    page.keyboard.press("Enter")  # takes the suggestion; it does not press the button again
    expect(page.locator("#kind")).to_contain_text("3 of 4")
    page.click("#classes button:has-text('wolf')")
    expect(page.locator("#kind")).to_contain_text("4 of 4")
    page.click("#drop")
    expect(page.locator("#kind")).to_contain_text("1 of 4")  # what is still open
    page.click("#undo")
    expect(page.locator("#kind")).to_contain_text("4 of 4")
    assert corrections(tmp_path) == {"z.jpg": "drop", "den/wolf-2.jpg": "dog", "cats/tom.jpg": "wolf"}


def test_what_goes_wrong_is_said_and_the_case_stays(browser: Browser, address: str) -> None:
    page = browser.new_page()
    page.goto(address)
    expect(page.locator("#question")).to_have_text("Labelled dog. Rather wolf?")
    page.route("**/decide", lambda route: route.fulfill(status=403, json={"detail": "another page asked for this"}))
    page.keyboard.press("Space")
    expect(page.locator("#status")).to_have_text("another page asked for this")
    page.unroute("**/decide")
    page.route("**/decide", lambda route: route.abort())
    page.keyboard.press("Space")
    expect(page.locator("#status")).to_contain_text("no longer answers: nothing was written")
    expect(page.locator("#kind")).to_contain_text("1 of 4")
    page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_all_without_scrolling_sideways(browser: Browser, address: str, scheme: str) -> None:
    phone = browser.new_context(
        viewport={"width": 390, "height": 780},
        has_touch=True,
        is_mobile=True,
        color_scheme=scheme,  # type: ignore[arg-type]
    )
    page = phone.new_page()
    page.goto(address)
    expect(page.locator("#question")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("#take", "#keep", "#drop", "#pictures img"):
        expect(page.locator(name)).to_be_in_viewport(ratio=1)
    page.tap("#keep")
    expect(page.locator("#kind")).to_contain_text("2 of 4")
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")
    phone.close()


@pytest.mark.parametrize("separator", ["+"])
def test_several_labels_are_toggled(browser: Browser, address: str, tmp_path: Path) -> None:
    page = browser.new_page()
    page.goto(address)
    expect(page.locator("#question")).to_have_text("Labelled cat, dog. Rather wolf?")
    page.keyboard.press("1")
    expect(page.locator("#classes [aria-pressed=true]")).to_have_text(["dog2"])
    expect(page.locator("#take")).to_contain_text("Save dog")
    page.keyboard.press("Enter")
    expect(page.locator("#kind")).to_contain_text("2 of 4")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#kind")).to_contain_text("4 of 4")
    page.keyboard.press("1")
    expect(page.locator("#take")).to_contain_text("Save no class")
    page.keyboard.press("Enter")
    expect(page.locator("#kind")).to_contain_text("2 of 4")
    assert corrections(tmp_path) == {"z.jpg": "drop", "den/wolf 1.jpg": "dog", "cats/odd.png": "+"}
    page.close()


def test_the_box_decides_nothing_while_it_is_empty(page: Page, tmp_path: Path) -> None:
    before = (tmp_path / "corrections.csv").read_bytes()
    page.click("#find")
    for key in ("Enter", "Delete", "Control+z", "-", "Backspace", "Space", "Backspace"):
        page.keyboard.press(key)
    page.keyboard.press("1")
    expect(page.locator("#find")).to_have_value("1")
    page.keyboard.press("Escape")
    expect(page.locator("#kind")).to_contain_text("1 of 4")
    expect(page.locator("#counts")).to_have_text("0 of 4 settled, 0 changes")
    page.click("#find")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#kind")).to_contain_text("2 of 4")
    assert (tmp_path / "corrections.csv").read_bytes() == before


def test_a_digit_means_the_class_of_that_name(browser: Browser, tmp_path: Path) -> None:
    file = project(tmp_path) / "data/labels.csv"
    known = tables.read(file)
    digits = known.replace({"label": {"cat": "0", "dog": "2", "wolf": "7"}})
    tables.write(file, digits)
    with served(tmp_path) as where:
        page = browser.new_page()
        page.goto(where)
        expect(page.locator("#classes button")).to_have_text(["00", "22", "77"])  # name and key
        page.keyboard.press("7")
        expect(page.locator("#kind")).to_contain_text("2 of 4")
        assert corrections(tmp_path)["den/wolf 1.jpg"] == "7"
        page.close()
