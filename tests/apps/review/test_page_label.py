"""The page of `graft label` in a real browser: from no label to a second batch with guesses and neighbours."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from graft.labels.corrections import Corrections
from tests.apps.review.project import serving
from tests.apps.review.unlabelled import NAMES, TRUTH, app, project

TRUE = dict(zip(NAMES, TRUTH, strict=True))


@pytest.fixture
def labelled() -> dict[int, str]:
    """Labels there are to begin with, by number of image."""
    return {}


@pytest.fixture
def page(browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, labelled: dict[int, str]) -> Iterator[Page]:
    """The page, whose console must stay empty."""
    multi_label = any("|" in text for text in labelled.values())
    monkeypatch.chdir(project(tmp_path, labelled, multi_label))
    errors: list[str] = []
    made = browser.new_page(viewport={"width": 1200, "height": 800})
    made.on("console", lambda message: errors.append(message.text))
    made.on("pageerror", lambda error: errors.append(str(error)))
    made.on("requestfailed", lambda request: errors.append(request.url))
    with serving(app(3, "+" if multi_label else None)) as where:
        made.goto(where)
        expect(made.locator("#question")).to_be_visible()
        yield made
        made.close()
    assert errors == []


def given() -> dict[str, str]:
    rows = Corrections.read(Path("corrections.csv")).rows
    return dict(zip(rows["path"], rows["label"], strict=True))


def shown(page: Page) -> str:
    return page.locator("#pictures figcaption").inner_text()


def test_from_no_label_to_a_batch_with_guesses(page: Page) -> None:
    for place, name in enumerate(["cat", "dog", "owl"], start=1):
        expect(page.locator("#kind")).to_have_text(f"Without a label · {place} of 3")
        expect(page.locator("#question")).to_have_text("What is it?")
        expect(page.locator("#take")).to_be_hidden()
        expect(page.locator("#like")).to_be_hidden()
        page.keyboard.type(name)
        expect(page.locator("#classes button.first")).to_have_text(f"New class {name}")
        page.keyboard.press("Enter")
    expect(page.locator("#finished")).to_have_text("All 3 cases settled")
    expect(page.locator("#changes")).to_contain_text("3 changes stand in corrections.csv. The next dvc repro uses them")
    assert sorted(given().values()) == ["cat", "dog", "owl"]
    assert all(TRUE[path] == label for path, label in given().items())

    page.keyboard.press("Enter")  # the next batch
    expect(page.locator("#kind")).to_contain_text("4 of 6")
    expect(page.locator("#question")).to_have_text(f"Is it {TRUE[shown(page)]}?")
    expect(page.locator("#like img")).to_have_count(3)
    for image in page.locator("#like img").all():
        assert image.evaluate("image => image.decode().then(() => image.naturalWidth > 0)")
    expect(page.locator("#classes button")).to_have_text(["cat1", "dog2", "owl3"])
    first = shown(page)
    page.keyboard.press("Enter")  # accept
    expect(page.locator("#kind")).to_contain_text("5 of 6")
    assert given()[first] == TRUE[first]
    second = shown(page)
    page.keyboard.press("Space")  # skip
    expect(page.locator("#kind")).to_contain_text("6 of 6")
    assert second not in given()
    third = shown(page)
    page.keyboard.press("1")  # another class
    expect(page.locator("#finished")).to_have_text("All 6 cases settled")
    assert given()[third] == "cat"
    page.keyboard.press("Control+z")
    expect(page.locator("#status")).to_have_text("Taken back.")
    assert third not in given()
    page.keyboard.press("Delete")
    expect(page.locator("#status")).to_have_text(f"{third}: dropped, written to corrections.csv.")
    assert given()[third] == "drop"
    page.reload()
    expect(page.locator("#finished")).to_have_text("All 6 cases settled")


def test_what_begins_a_class_is_that_class_and_the_arrow_leads_to_a_new_one(page: Page) -> None:
    page.keyboard.type("catfish")
    page.keyboard.press("Enter")
    expect(page.locator("#kind")).to_contain_text("2 of 3")
    page.keyboard.type("cat")
    expect(page.locator("#classes button")).to_have_text(["catfish", "New class cat"])
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page.locator("#kind")).to_contain_text("3 of 3")
    assert sorted(given().values()) == ["cat", "catfish"]


@pytest.mark.parametrize("labelled", [{0: "cat|pet", 1: "cat|pet", 12: "dog|pet", 14: "dog|pet", 22: ""}])
def test_several_labels_begin_with_the_guess(page: Page) -> None:
    path = shown(page)
    guess = [name for name in ("cat", "dog") if name == TRUE[path]] + ["pet"] * (TRUE[path] != "owl")
    expect(page.locator("#classes [aria-pressed=true]")).to_have_count(len(guess))
    page.keyboard.type("wild")
    page.keyboard.press("Enter")  # toggles it
    expect(page.locator("#take")).to_contain_text(f"Save {', '.join([*guess, 'wild'])}")
    page.keyboard.press("Enter")
    expect(page.locator("#kind")).to_contain_text("2 of 3")
    assert given() == {path: "+".join([*guess, "wild"])}


@pytest.mark.parametrize("labelled", [{0: "cat", 12: "dog", 22: "owl"}])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_picture_guess_and_neighbours(page: Page, browser: Browser, scheme: str) -> None:
    phone = browser.new_context(
        viewport={"width": 390, "height": 844},
        has_touch=True,
        is_mobile=True,
        color_scheme=scheme,  # type: ignore[arg-type]
        storage_state=page.context.storage_state(),
    )
    made = phone.new_page()
    made.goto(page.url)
    expect(made.locator("#like img")).to_have_count(3)
    assert made.evaluate("document.documentElement.scrollWidth") <= 390
    for name in ("#take", "#keep", "#drop", "#pictures img", "#question"):
        expect(made.locator(name)).to_be_in_viewport(ratio=1)
    path = shown(made)
    made.tap("#take")
    expect(made.locator("#kind")).to_contain_text("2 of 3")
    assert given() == {path: TRUE[path]}
    phone.close()


@pytest.mark.parametrize("labelled", [{0: "cat", 12: "dog", 22: "owl"}])
def test_at_a_desk_all_is_seen_at_once(page: Page) -> None:
    expect(page.locator("#like img")).to_have_count(3)
    for name in ("#pictures img", "#like", "#take", "#keep", "#drop", "#find"):
        expect(page.locator(name)).to_be_in_viewport(ratio=1)
