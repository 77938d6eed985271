"""The report in a real browser: by double click, light and dark, on a desk and on a phone."""

import pytest
from playwright.sync_api import Browser

from tests.report.test_page import content, render


@pytest.fixture(scope="module", params=[2, 200])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a report on so many classes, with long names among them."""
    folder = tmp_path_factory.mktemp("report")
    classes = [f"a class with quite a long name, number {number:03}" for number in range(request.param)]
    render(folder, content(folder, classes))
    return (folder / "report.html").as_uri()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1200, 390])
def test_it_fits_and_is_quiet(browser: Browser, report: str, width: int, scheme: str) -> None:
    messages: list[str] = []
    page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)  # type: ignore[arg-type]
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.on(
        "request",
        lambda request: messages.append(request.url) if not request.url.startswith(("file:", "data:")) else None,
    )
    page.goto(report)
    assert messages == []
    # nothing hangs over the edge: wide tables scroll in themselves
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate("[...document.images].every(image => image.complete && image.naturalWidth > 0)")
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert ground == ("rgb(255, 255, 255)" if scheme == "light" else "rgb(22, 25, 29)")
    page.click("nav a[href='#lineage']")
    assert page.evaluate("document.querySelector('#lineage').getBoundingClientRect().top") < 800
    page.close()


@pytest.mark.parametrize("report", [2], indirect=True)
def test_a_phone_shows_sheets_and_names_as_large_as_they_are(browser: Browser, report: str) -> None:
    page = browser.new_page(viewport={"width": 390, "height": 800})
    page.goto(report)
    assert page.evaluate("[...document.querySelectorAll('.sheet img')].every(one => one.width === one.naturalWidth)")
    assert page.evaluate("[...document.querySelectorAll('.scroll')].every(one => one.scrollHeight <= one.clientHeight)")
    rows = page.locator("#classes + .scroll tr")
    assert all(row.bounding_box()["height"] < 140 for row in rows.all())  # type: ignore[index]
    page.close()
