"""graft: graft a new head onto a pretrained network, reproducibly.

The training core. It knows nothing of DVC: the scripts in ``stages/`` tie it to the pipeline. For notebooks there are
`Project` and `Predictor`, which are imported when they are first named: ``import graft`` alone imports nothing else.
"""

import importlib
from typing import Any

__version__ = "0.2.0"

__all__ = ["Predictor", "Project", "__version__"]

_HOMES = {"Predictor": "graft.predict", "Project": "graft.apps.project"}
"""Where each lives, as text: an import here would be one of every module of graft. Types are in ``__init__.pyi``."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}; it has {', '.join(__all__)}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return __all__
