"""The config of the report has limits."""

from typing import Any

import pytest

from graft.core.errors import ParamsError
from graft.core.params import check
from graft.report.config import Report


def test_defaults() -> None:
    assert check("report", Report, {}) == Report(gallery=24, review=60)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"gallery": 0}, "report.gallery: input should be greater than or equal to 1; got 0"),
        ({"gallery": 501}, "report.gallery: input should be less than or equal to 500; got 501"),
        ({"galery": 1}, r"report.galery: unknown key \(did you mean 'gallery'\?\); the names are gallery, review"),
        ({"review": -1}, "report.review: input should be greater than or equal to 0; got -1"),
    ],
    ids=["none", "too many", "misspelt", "negative"],
)
def test_a_wrong_value_is_refused(value: dict[str, Any], message: str) -> None:
    with pytest.raises(ParamsError, match=message):
        check("report", Report, value)
