"""What graft raises when the user, not the code, has to act.

Errors of one part alone lie beside it, such as those of `graft.apps.serve`. Each message names the thing,
the value, and what would be valid.
"""

import difflib
from collections.abc import Iterable


class GraftError(Exception):
    """Root of all errors that a user can mend."""


class ParamsError(GraftError):
    """params.yaml has an unknown key, a wrong type, or a value out of range."""


class SourceError(GraftError):
    """What `source.uri` or `backbone.weights` names is absent or not as promised."""


class DataError(GraftError):
    """Images, labels or splits cannot be used as they are."""


class WeightsError(GraftError):
    """Weights do not fit the network they are meant for."""


class TrainingError(GraftError):
    """Training cannot go on, such as with a loss that is not finite."""


class ExportError(GraftError):
    """The exported bundle does not agree with the network."""


class BundleError(GraftError):
    """A bundle cannot be used as it is, or not in the way that is asked for."""


class StageError(GraftError):
    """A stage's inputs moved while it ran, or another run is at work."""


def install(extra: str) -> str:
    """Return how to install one of graft's extras; the package index has another `graft`, hence the longer name."""
    return f"`pip install 'graft-vision[{extra}]'`, or `pip install '.[{extra}]'` in graft's folder"


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the closest valid name, or an empty string."""
    close = difflib.get_close_matches(name, list(valid), n=1, cutoff=0.5)
    return f" (did you mean {close[0]!r}?)" if close else ""
