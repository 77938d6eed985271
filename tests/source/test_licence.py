"""A licence beside the images is named as SPDX names it, or pointed to."""

from pathlib import Path

import pytest

from graft.source.licence import name_licence, read_licence


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (
            "Permission is hereby granted, free of charge, to any\nperson to deal in the\nSoftware without restriction",
            "MIT",
        ),
        ("   Apache License\n   Version 2.0, January 2004", "Apache-2.0"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International", "CC-BY-NC-SA-4.0"),
        ("Attribution 4.0 International\n\nCreative Commons Attribution 4.0 International Public License", "CC-BY-4.0"),
        ("Images: CC BY-SA 3.0", "CC-BY-SA-3.0"),
        ("CC-BY-NC-ND 4.0", "CC-BY-NC-ND-4.0"),
        ("Creative Commons Legal Code\n\nCC0 1.0 Universal", "CC0-1.0"),
        ("GNU GENERAL PUBLIC LICENSE\n Version 3, 29 June 2007", "GPL-3.0"),
        ("Redistribution and use in source and binary forms ... Neither the name of the holder", "BSD-3-Clause"),
        ("Open Database License (ODbL)", "ODbL-1.0"),
        ("All rights reserved; ask Anna first.", ""),
    ],
)
def test_telling_phrases(text: str, name: str) -> None:
    assert name_licence(text) == name


@pytest.mark.parametrize("file", ["LICENSE", "licence.txt", "set/LICENSE.md", "COPYING", "data-license.txt"])
def test_the_file_is_found_by_its_name(tmp_path: Path, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).write_text("CC0 1.0")
    assert read_licence(tmp_path, ["a.jpg", file]) == ("CC0-1.0", file)


def test_one_that_is_not_known_is_pointed_to_and_the_top_comes_first(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "LICENSE").write_text("CC0 1.0")
    (tmp_path / "LICENSE").write_text("Ask me.")
    assert read_licence(tmp_path, ["a/LICENSE", "LICENSE"]) == ("as LICENSE says", "LICENSE")


def test_other_files_are_none(tmp_path: Path) -> None:
    assert read_licence(tmp_path, ["readme.md", "licensed_plates/1.txt", "deep/er/LICENSE", "gone/LICENSE"]) is None
