"""The page in a real browser: chosen, dropped and pasted pictures, by keyboard, on a phone, light and dark."""

import os
import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import pytest
from PIL import Image
from playwright.sync_api import Browser, ConsoleMessage, Error, FilePayload, Page, expect

from graft.apps.serve.config import Settings
from graft.images.regions import Region
from graft.predict.predictor import Predictor
from tests.apps.serve.colours import COLOURS, Colours, image_bytes
from tests.apps.serve.live import live

SHOTS = os.environ.get("GRAFT_SHOTS")
"""A folder for pictures of the page, to be looked at; none are made without."""

PASTE = """([name, type, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, {type}));
  dispatchEvent(new ClipboardEvent("paste", {clipboardData: data, bubbles: true, cancelable: true}));
}"""
DROP = """([name, type, bytes]) => {
  const data = new DataTransfer();
  data.items.add(new File([new Uint8Array(bytes)], name, {type}));
  for (const kind of ["dragenter", "dragover", "drop"])
    document.body.dispatchEvent(new DragEvent(kind, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


@pytest.fixture(scope="module")
def server() -> Iterator[int]:
    with live(Colours(abstain_below=0.5).as_predictor, Settings(max_body=100_000)) as port:
        yield port


@contextmanager
def opened(
    browser: Browser,
    port: int,
    width: int = 1000,
    scheme: Literal["light", "dark"] = "light",
    quiet: bool = True,
    **context: Any,
) -> Iterator[Page]:
    """The page, whose console and network are watched: it asks nobody but its own server."""
    with browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, **context) as own:
        page = own.new_page()
        said: list[str] = []
        asked: list[str] = []

        def heard(message: ConsoleMessage) -> None:
            said.append(f"{message.type}: {message.text}")

        def failed(error: Error) -> None:
            said.append(str(error))

        page.on("console", heard)
        page.on("pageerror", failed)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"http://127.0.0.1:{port}/")
        yield page
        assert [line for line in said if quiet] == []
        here = (f"http://127.0.0.1:{port}/", "blob:", "data:")
        assert [address for address in asked if not address.startswith(here)] == []


def file(colour: str, name: str | None = None) -> FilePayload:
    return {
        "name": name or f"{colour}.png",
        "mimeType": "image/png",
        "buffer": image_bytes(colour, width=300, height=220),
    }


def shoot(page: Page, name: str, whole: bool = True) -> None:
    if SHOTS:  # of a whole page the browser forgets that it plays a phone
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=whole)


def verdicts(page: Page, *wanted: str) -> None:
    expect(page.locator(".verdict")).to_have_text(list(wanted))


def test_several_pictures_are_chosen_and_answered(browser: Browser, server: int) -> None:
    with opened(browser, server) as page:
        expect(page.locator("#about")).to_have_text("The classifier tells apart: red, green, blue.")
        expect(page.locator("#limits")).to_contain_text("up to 0.1 MB each. Pictures are not kept.")
        shoot(page, "start")
        page.set_input_files("#files", [file("red"), file("grey"), file("blue")])
        expect(page.locator(".card[aria-busy]")).to_have_count(0)
        verdicts(page, "blue", "Not sure", "red")
        expect(page.locator(".card .name")).to_have_text(["blue.png", "grey.png", "red.png"])
        top = page.locator(".card").first.locator(".share").first
        expect(top).to_have_class(re.compile("held"))
        expect(top).to_have_text(re.compile(r"^blue\s*99\.3 %$"))
        width, whole = (top.locator(name).bounding_box() for name in (".fill", ".track"))
        assert width is not None
        assert whole is not None
        assert width["width"] / whole["width"] == pytest.approx(0.993, abs=0.01)
        expect(page.locator(".note")).to_have_text("The closest is red, with 33.3 %: too little to name it.")
        expect(page.locator(".card img").first).to_be_visible()
        shoot(page, "answers")


def find_corners(_: str, image: Image.Image) -> list[tuple[Region, Image.Image]]:
    """Two faces in a wide picture, none in a high one."""
    corners = [Region(30, 60, 60, 80, 0.9), Region(200, 5, 60, 80, 0.8)]
    return [(region, region.crop(image)) for region in corners] if image.width > image.height else []


@pytest.mark.parametrize("width", [1000, 390])
def test_boxes_are_drawn_round_faces(browser: Browser, width: int) -> None:
    image = Image.new("RGB", (300, 220), COLOURS["red"])
    image.paste(COLOURS["blue"], (150, 0, 300, 220))
    out = BytesIO()
    image.save(out, "PNG")
    several: FilePayload = {"name": "several.png", "mimeType": "image/png", "buffer": out.getvalue()}
    none: FilePayload = {"name": "none.png", "mimeType": "image/png", "buffer": image_bytes("red", height=40)}
    server = live(Colours().as_predictor, Settings(), find_corners)
    with server as port, opened(browser, port, width) as page:
        expect(page.locator("h1")).to_have_text("Which faces does the picture show?")
        page.set_input_files("#files", [several])
        verdicts(page, "1 red, 1 blue")
        expect(page.locator(".boxed li")).to_have_text(
            [re.compile(r"^1: red 99\.3 %"), re.compile(r"^2: blue 99\.3 %")]
        )
        expect(page.locator(".box b")).to_have_text(["1 red", "2 blue"])
        expect(page.locator("#status")).to_have_text("several.png: 1 red, 1 blue")
        shown, box = (page.locator(name).first.bounding_box() for name in (".boxed img", ".box"))
        assert shown is not None
        assert box is not None
        scale = shown["width"] / 300
        assert (box["x"] - shown["x"], box["y"] - shown["y"]) == pytest.approx((30 * scale, 60 * scale), abs=1)
        assert (box["width"], box["height"]) == pytest.approx((60 * scale, 80 * scale), abs=1)
        shoot(page, f"faces-{width}")
        page.set_input_files("#files", [none])
        expect(page.locator(".verdict").first).to_have_text("No faces found")


def test_of_many_pictures_none_is_lost_and_old_answers_go(browser: Browser, server: int) -> None:
    with opened(browser, server) as page:
        page.set_input_files("#files", [file("red", f"{number}.png") for number in range(64)])
        expect(page.locator(".card")).to_have_count(64)
        expect(page.locator(".card[aria-busy]")).to_have_count(0, timeout=60_000)
        expect(page.locator(".card .name").last).to_have_text("0.png")
        page.set_input_files("#files", [file("blue")])
        expect(page.locator(".card")).to_have_count(60)
        expect(page.locator(".card .name").first).to_have_text("blue.png")


def test_a_picture_is_pasted_and_one_is_dropped(browser: Browser, server: int) -> None:
    with opened(browser, server) as page:
        page.evaluate(PASTE, ["pasted.png", "image/png", list(image_bytes("green"))])
        verdicts(page, "green")
        page.evaluate(DROP, ["dropped.png", "image/png", list(image_bytes("blue"))])
        verdicts(page, "blue", "green")
        expect(page.locator("#drop")).not_to_have_class(re.compile("over"))
        expect(page.locator("#status")).to_contain_text("dropped.png: blue")


def test_errors_are_said_in_words(browser: Browser, server: int) -> None:
    with opened(browser, server, quiet=False) as page:  # the browser itself notes a refusal in its console
        sent: list[FilePayload] = [
            {"name": "broken.png", "mimeType": "image/png", "buffer": image_bytes(width=300, height=220)[:-30]},
            {"name": "notes.txt", "mimeType": "text/plain", "buffer": b"notes"},
            {"name": "large.bmp", "mimeType": "image/bmp", "buffer": b"x" * 200_000},
            file("red", "<img src=x onerror=alert(1)>.png"),
        ]
        page.set_input_files("#files", sent)
        verdicts(page, "red", "No answer", "No answer", "No answer")
        expect(page.locator(".bad .note")).to_have_text(
            [
                "The file has 0.2 MB; at most 0.1 MB can be sent.",
                "This file is not a picture.",
                re.compile(r"^The picture is damaged: .*\.$"),
            ]
        )
        expect(page.locator(".name").first).to_have_text("<img src=x onerror=alert(1)>.png")
        shoot(page, "errors")


def test_a_server_that_is_gone_is_said(browser: Browser, predictor: Predictor) -> None:
    with ExitStack() as stack:
        with live(predictor, Settings()) as port:
            page = stack.enter_context(opened(browser, port, quiet=False))
            expect(page.locator("#about")).to_contain_text("tells apart")
        page.set_input_files("#files", [file("red")])
        expect(page.locator(".bad .note")).to_contain_text("The server cannot be reached")


def test_it_can_be_used_by_keyboard_alone(browser: Browser, server: int) -> None:
    with opened(browser, server) as page:
        page.keyboard.press("Tab")
        expect(page.locator("#choose")).to_be_focused()
        outline = page.locator("#choose").evaluate("(node) => getComputedStyle(node).outlineWidth")
        assert outline == "3px"
        page.locator("#choose").wait_for()
        with page.expect_file_chooser(timeout=60_000) as chosen:
            page.locator("#choose").press("Space")
        chosen.value.set_files([file("green")])
        verdicts(page, "green")
        page.locator("#clear").focus()
        page.keyboard.press("Enter")
        expect(page.locator("#results")).to_be_hidden()
        expect(page.locator("#choose")).to_be_focused()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_scrolling_sideways(
    browser: Browser, server: int, scheme: Literal["light", "dark"]
) -> None:
    with opened(browser, server, 360, scheme, has_touch=True, is_mobile=True) as page:
        photo = page.locator("#photo")
        expect(photo).to_be_visible()
        assert page.locator("#camera").get_attribute("capture") == "environment"
        box = photo.bounding_box()
        assert box is not None
        assert box["height"] >= 44  # a finger's width
        long = file("red", "IMG_20261122_a-very-long-name-as-phones-and-messengers-make-them-0001.png")
        page.set_input_files("#files", [long, file("grey")])
        verdicts(page, "Not sure", "red")
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        shoot(page, f"phone-{scheme}", whole=False)


def contrast(page: Page, selector: str) -> float:
    """Contrast of a text with what lies behind it. Source: WCAG 2.2, relative luminance and contrast ratio."""
    ratio: float = page.locator(selector).first.evaluate(
        """(node) => {
          const light = (colour) => {
            const parts = colour.match(/[\\d.]+/g).slice(0, 3).map((part) => part / 255)
              .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
            return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
          };
          let behind = node;
          while (/rgba\\(.*, 0\\)/.test(getComputedStyle(behind).backgroundColor)) behind = behind.parentElement;
          const pair = [getComputedStyle(node).color, getComputedStyle(behind).backgroundColor].map(light);
          return (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
        }"""
    )
    return ratio


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_has_contrast(browser: Browser, server: int, scheme: Literal["light", "dark"]) -> None:
    with opened(browser, server, scheme=scheme, quiet=False) as page:
        broken: FilePayload = {"name": "broken.png", "mimeType": "image/png", "buffer": b"broken"}
        page.set_input_files("#files", [file("red"), file("grey"), broken])
        verdicts(page, "No answer", "Not sure", "red")
        texts = ("h1", "#about", "#limits", "#choose", "#clear", ".verdict", ".name", ".unsure .note", ".bad .note")
        found = {text: contrast(page, text) for text in (*texts, ".bad .verdict", ".unsure .verdict", ".share span")}
        assert {text: ratio for text, ratio in found.items() if ratio < 4.5} == {}
        shoot(page, f"all-{scheme}")


def test_the_token_is_asked_for(browser: Browser, predictor: Predictor) -> None:
    with live(predictor, Settings(token="right")) as port, opened(browser, port, quiet=False) as page:
        expect(page.locator("#token")).to_be_focused()
        expect(page.locator("#drop")).to_be_hidden()
        shoot(page, "token")
        for given, note in (("wrong", "That is not the token. Please try again."), ("wröng", "That is not the token.")):
            page.keyboard.type(given)
            page.keyboard.press("Enter")
            expect(page.locator("#token-note")).to_contain_text(note)
            expect(page.locator("#token")).to_be_focused()
        page.keyboard.type("right")
        page.keyboard.press("Enter")
        expect(page.locator("#about")).to_contain_text("red, green, blue")
        page.set_input_files("#files", [file("blue")])
        verdicts(page, "blue")
        page.reload()
        expect(page.locator("#about")).to_contain_text("red, green, blue")  # this tab remembers it
