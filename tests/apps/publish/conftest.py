"""A project with a tiny bundle and what a run of the pipeline leaves beside it."""

import json
from pathlib import Path

import pytest

from tests.export.tiny_bundle import RECORD
from tests.predict.tiny_bundle import write_bundle

CARD = """---
library_name: onnx
---
```python
from graft.predict import Predictor

prediction = Predictor("models/export").predict("picture.jpg")
```
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder, which is the current one."""
    bundle = write_bundle(tmp_path / "models/export", backbone="tiny", **RECORD)
    (bundle / "README.md").write_text(CARD)
    (bundle / "SHA256SUMS").write_text("")
    params = {"params": {"params.yaml": {"lr": 0.001, "embed": {"size": 224, "layers": []}}}}
    (tmp_path / "dvc.lock").write_text(json.dumps({"stages": {"report": params}}))
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/report.html").write_text("<p>the report")
    monkeypatch.chdir(tmp_path)
    return tmp_path
