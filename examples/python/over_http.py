"""Ask a running `graft serve`: ``python examples/python/over_http.py http://127.0.0.1:8000 cell.png ...``.

Needs nothing but Python. A token, if the server wants one, is read from the environment: GRAFT_TOKEN.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from uuid import uuid4


def classify(server: str, images: list[Path]) -> list[dict[str, Any]]:
    """Send all images as one form; return the answer to each.

    Raises:
        SystemExit: the server refused, with its reason.
    """
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="pictures"; filename="{image.name}"\r\n\r\n'.encode()
        + image.read_bytes()
        + b"\r\n"
        for image in images
    ]
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    if token := os.environ.get("GRAFT_TOKEN"):
        headers["Authorization"] = f"Bearer {token}"
    body = b"".join(parts) + f"--{boundary}--\r\n".encode()
    try:
        with urlopen(Request(f"{server}/predict", body, headers), timeout=60) as response:  # noqa: S310 - the user's own
            answers: list[dict[str, Any]] = json.load(response)["pictures"]
            return answers
    except HTTPError as refusal:
        sys.exit(f"{refusal.code}: {json.load(refusal)['detail']}")


def main(server: str, *files: str) -> None:
    """Print the answer to each image."""
    for answer in classify(server, [Path(file) for file in files]):
        labels = ", ".join(answer["labels"]) or ("no class" if answer["sure"] else "not sure")
        text = answer["error"]["detail"] if answer["error"] else labels
        probability = "" if answer["probability"] is None else f" ({answer['probability']:.1%})"
        print(f"{answer['file']}: {text}{probability}")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
