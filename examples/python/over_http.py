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


def ask(server: str, pictures: list[Path]) -> list[dict[str, Any]]:
    """Send all pictures as one form; return what is said of each.

    Raises:
        SystemExit: the server refused, with its reason.
    """
    boundary = uuid4().hex
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="pictures"; filename="{picture.name}"\r\n\r\n'.encode()
        + picture.read_bytes()
        + b"\r\n"
        for picture in pictures
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


def main(server: str, *pictures: str) -> None:
    """Print what is said of each picture."""
    for said in ask(server, [Path(picture) for picture in pictures]):
        named = ", ".join(said["labels"]) or ("no class" if said["sure"] else "not sure")
        verdict = said["error"]["detail"] if said["error"] else named
        chance = "" if said["probability"] is None else f" ({said['probability']:.1%})"
        print(f"{said['file']}: {verdict}{chance}")  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
