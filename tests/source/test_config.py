"""The source names where the pictures come from and under what licence."""

import pytest

from graft.core.errors import ParamsError
from graft.core.params import check
from graft.source.config import Source


def test_two_keys_are_enough() -> None:
    source: Source = check("source", Source, {"uri": "images", "licence": "CC0"})
    assert source == Source(uri="images", licence="CC0")
    assert (source.sha256, source.bytes) == (None, None)
    assert (source.limits.files, source.limits.bytes, source.limits.ratio) == (5_000_000, 500_000_000_000, 200)


def test_all_keys_are_read() -> None:
    value = {"uri": "https://x.org/a.zip", "sha256": "0f" * 32, "bytes": 3, "licence": "", "limits": {"ratio": 1000}}
    source: Source = check("source", Source, value)
    assert (source.sha256, source.bytes, source.limits.ratio) == ("0f" * 32, 3, 1000.0)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"uri": "", "licence": "CC0"}, "source.uri: string should have at least 1 character; got ''"),
        ({"uri": "images"}, "^source.licence: missing$"),
        ({"uri": "images", "license": "CC0"}, r"source.license: unknown key \(did you mean 'licence'\?\)"),
        ({"uri": 3, "licence": "CC0"}, "source.uri: input should be a valid string; got 3"),
        ({"uri": "a", "licence": "", "sha256": "0F" * 32}, "source.sha256: string should match pattern .*; got '0F0F"),
        ({"uri": "a", "licence": "", "sha256": "0" * 63}, "source.sha256: string should match pattern"),
        ({"uri": "a", "licence": "", "bytes": 0}, "source.bytes: input should be greater than 0; got 0"),
        ({"uri": "a", "licence": "", "bytes": 1.5}, "source.bytes: input should be a valid integer, or null; got 1.5"),
        ({"uri": "a", "licence": "", "limits": {"ratio": 0.5}}, "source.limits.ratio: .*greater than or equal to 1"),
        ({"uri": "a", "licence": "", "limits": {"file": 1}}, r"unknown key \(did you mean 'files'\?\)"),
    ],
    ids=[
        "empty",
        "no licence",
        "misspelt",
        "a number",
        "capitals",
        "too short",
        "no bytes",
        "half a byte",
        "ratio",
        "no limit",
    ],
)
def test_what_is_wrong_is_said(value: object, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("source", Source, value)


def test_an_address_is_shown_without_login_and_signature() -> None:
    assert Source(uri="https://me:secret@a.org/b.zip?sig=1", licence="").shown == "https://a.org/b.zip"
    assert Source(uri="~/pictures", licence="").shown == "~/pictures"
