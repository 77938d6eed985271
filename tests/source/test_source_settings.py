"""The source names where the pictures come from and under what licence."""

import pytest

from graft.errors import ParamsError
from graft.params import check
from graft.source.settings import Source


def test_both_keys_are_read() -> None:
    assert check("source", Source, {"uri": "pictures", "licence": "CC0"}) == Source(uri="pictures", licence="CC0")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"uri": "", "licence": "CC0"}, "source.uri: string should have at least 1 character; got ''"),
        ({"uri": "pictures"}, "^source.licence: missing$"),
        ({"uri": "pictures", "license": "CC0"}, r"source.license: unknown key \(did you mean 'licence'\?\)"),
        ({"uri": 3, "licence": "CC0"}, "source.uri: input should be a valid string; got 3"),
    ],
    ids=["empty", "no licence", "misspelt", "a number"],
)
def test_what_is_wrong_is_said(value: object, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        check("source", Source, value)
