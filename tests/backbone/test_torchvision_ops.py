"""torchvision imports beside the torch that is installed, and its needless operators are only declared."""

import subprocess
import sys

from graft.backbone.torchvision_ops import declare_missing


def test_timm_imports_in_a_fresh_process() -> None:
    code = "import graft.backbone.build, torchvision, timm; print(timm.is_model('tf_efficientnet_lite0'))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_declaring_twice_is_harmless() -> None:
    assert declare_missing() is declare_missing()
