"""A backbone is pretrained."""

import pytest
from pydantic import ValidationError

from graft.backbone.config import Backbone


@pytest.mark.parametrize("weights", [None, "", "random"])
def test_weights_must_be_pretrained(weights: str | None) -> None:
    with pytest.raises(ValidationError, match=r"starts from pretrained weights, .*; allowed are timm://"):
        Backbone.model_validate({"name": "resnet18", "weights": weights, "licence": "none"})
