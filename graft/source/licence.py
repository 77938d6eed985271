"""Read under which licence a dataset comes from the file that lies beside it."""

import re
from collections.abc import Sequence
from pathlib import Path

MOST_BYTES = 200_000
"""Of a file that is read: the longest usual licences have some thirty thousand."""
_FILE = re.compile(r"(?:[^/]+/)?(?:[^/]*[ ._-])?(?:licen[cs]e|copying)(?:[ ._-][^/]*)?", re.IGNORECASE)
_COMMONS = re.compile(
    r"(?:creative commons |cc[ -]?(?=by))(?:attribution|by)(?P<nc>[ -](?:non-?commercial|nc))?"
    r"(?P<end>[ -](?:share-?alike|sa|no-?derivatives|no-?derivs|nd))?(?P<nc2>[ -](?:non-?commercial|nc))?"
    r" ?-?(?P<version>[1-4]\.\d)"
)
_PHRASES: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("CC0-1.0", ("cc0 1.0",)),
    ("CC0-1.0", ("creative commons", "zero", "1.0 universal")),
    ("PDDL-1.0", ("public domain dedication and license",)),
    ("ODC-By-1.0", ("open data commons attribution license",)),
    ("ODbL-1.0", ("open database license",)),
    ("Apache-2.0", ("apache license", "version 2.0")),
    ("AGPL-3.0", ("gnu affero general public license", "version 3")),
    ("LGPL-3.0", ("gnu lesser general public license", "version 3")),
    ("GPL-3.0", ("gnu general public license", "version 3")),
    ("GPL-2.0", ("gnu general public license", "version 2")),
    ("BSD-3-Clause", ("redistribution and use in source and binary forms", "neither the name")),
    ("BSD-2-Clause", ("redistribution and use in source and binary forms",)),
    ("MIT", ("permission is hereby granted, free of charge", "to deal in the software without restriction")),
    ("Unlicense", ("this is free and unencumbered software",)),
)
"""Names of SPDX, and what stands in each of these licences alone; the first that fits counts."""


def read_licence(folder: Path, files: Sequence[str]) -> tuple[str, str] | None:
    """Return the licence that a file at the top, or a folder below, states, and that file; None if there is none.

    The name is that of SPDX where the text is known, else a pointer to the file.

    Source: names of licences are those of the SPDX License List.
    """
    for name in sorted((name for name in files if _FILE.fullmatch(name)), key=lambda name: (name.count("/"), name)):
        try:
            with (folder / name).open("rb") as file:
                text = file.read(MOST_BYTES).decode("utf-8", "replace")
        except OSError:  # it says nothing then, and the licence stays "not stated"
            continue
        return name_licence(text) or f"as {name} says", name
    return None


def name_licence(text: str) -> str:
    """Name of SPDX for the text of a licence; empty if it is none of those known."""
    plain = " ".join(text.lower().split())
    if found := _COMMONS.search(plain):
        share = {"s": "-SA", "n": "-ND"}.get((found["end"] or "  ")[1], "")
        return f"CC-BY{'-NC' if found['nc'] or found['nc2'] else ''}{share}-{found['version']}"
    return next((name for name, phrases in _PHRASES if all(phrase in plain for phrase in phrases)), "")
