"""Make ``import torchvision`` work beside a torch that its compiled operators were not built for.

torchvision's wheel is built against CUDA torch. Beside a CPU-only torch of the same version its
compiled library does not load, and importing it then fails with ``operator torchvision::nms does
not exist``, because it registers shape functions for two operators that nobody has declared.
Declaring the two is enough: graft, and timm's classifiers, call neither.
"""

import functools
import importlib.machinery
import importlib.util
from pathlib import Path

import torch

SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
OPERATORS = ("nms", "qnms")


@functools.cache  # declares once, and keeps the library: its declarations live as long as it does
def declare_missing() -> torch.library.Library | None:
    """Declare torchvision's operators if its compiled library cannot; return None where it can.

    Must run before the first import of torchvision, which timm does. Safe to call repeatedly.
    """
    if _compiled_library_loads():
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in OPERATORS:
        library.define(name + SCHEMA)
    return library


def _compiled_library_loads() -> bool:
    """Try what torchvision itself does on import, without importing it."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return True  # torchvision is not installed: nothing to mend, and the import says so itself
    folder = Path(spec.submodule_search_locations[0])
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        for library in folder.glob(f"_C{suffix}"):
            try:
                torch.ops.load_library(library)
            except OSError:
                return False
            return True
    return False
