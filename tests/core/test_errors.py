"""Errors have one root and offer the nearest valid name."""

import pytest

from graft.core import errors


@pytest.mark.parametrize(
    ("name", "valid", "hint"),
    [
        ("agment", ("augment", "embed"), " (did you mean 'augment'?)"),
        ("labl", ("table", "label", "labels"), " (did you mean 'label'?)"),
        ("split", ("split",), " (did you mean 'split'?)"),
        ("xyz", ("augment", "embed"), ""),
        ("anything", (), ""),
        ("", ("augment",), ""),
    ],
    ids=["a letter short", "nearest of several", "exact", "unlike any", "nothing valid", "empty"],
)
def test_nearest(name: str, valid: tuple[str, ...], hint: str) -> None:
    assert errors.nearest(name, valid) == hint
    assert errors.nearest(name, iter(valid)) == hint


def test_every_error_is_a_graft_error() -> None:
    kinds = [
        errors.ParamsError,
        errors.SourceError,
        errors.DataError,
        errors.WeightsError,
        errors.TrainingError,
        errors.ExportError,
        errors.BundleError,
        errors.StageError,
    ]
    assert all(issubclass(kind, errors.GraftError) for kind in kinds)
    # others lie beside what raises them: graft.compare, graft.serve
    here = {kind for kind in errors.GraftError.__subclasses__() if kind.__module__ == errors.__name__}
    assert set(kinds) == here
