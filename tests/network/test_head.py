"""A head is built from its description, saved, loaded, grafted and exported without a change in what it computes."""

import copy
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from pydantic import ValidationError
from safetensors.torch import save_file
from torch import nn

from graft.core.errors import DataError, WeightsError
from graft.data.arrays import Embeddings
from graft.network.config import HeadKind
from graft.network.head import Description, Head, describe, head_logits, load_head, make_head, save

KINDS: list[HeadKind] = ["linear", "mlp", "fastai"]

DESCRIPTION = Description(
    backbone="x", mean=[0.5], std=[0.5], standardise=False, size=64, layers=[], pools=["mean"], classes=["a", "b"]
)


def described(kind: HeadKind) -> Description:
    """A head of this kind, small."""
    return DESCRIPTION.model_copy(update={"head": kind, "hidden": 3, "dropout": 0.25} if kind != "linear" else {})


def moved(kind: HeadKind) -> Head:
    """A head of four features whose every number differs from a fresh one's."""
    torch.manual_seed(0)
    head = make_head(described(kind), 4, 2)
    for tensor in head.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.rand_like(tensor) + 0.1)
    return head.eval()


@pytest.mark.parametrize("kind", KINDS)
def test_saved_head_loads_and_answers_the_same(kind: HeadKind, tmp_path: Path) -> None:
    head = moved(kind)
    save(tmp_path, head, described(kind))
    again, loaded = load_head(tmp_path)
    assert loaded == described(kind)
    assert (again.features, again.linear.out_features) == (4, 2)
    features = torch.randn(5, 4)
    assert torch.equal(again(features), head(features))


def test_usual_head_goes_without_saying(tmp_path: Path) -> None:
    save(tmp_path, Head(4, 2), described("linear"))
    assert not {"head", "hidden", "dropout"} & json.loads((tmp_path / "network.json").read_text()).keys()
    save(tmp_path, moved("mlp"), described("mlp"))
    facts = json.loads((tmp_path / "network.json").read_text())
    assert (facts["head"], facts["hidden"], facts["dropout"]) == ("mlp", 3, 0.25)


def test_mlp_is_standardised_linear_gelu_linear() -> None:
    head = moved("mlp")
    features = torch.randn(5, 4)
    first = head.hidden[0]
    assert isinstance(first, nn.Linear)
    inner = nn.functional.gelu(first((features - head.mean) / head.scale))
    torch.testing.assert_close(head(features), head.linear(inner))


def test_layers_of_fastai() -> None:
    head = Head(4, 2, "fastai", hidden=3, dropout=0.5)
    kinds = [type(layer) for layer in head.hidden]
    assert kinds == [nn.BatchNorm1d, nn.Dropout, nn.Linear, nn.ReLU, nn.BatchNorm1d, nn.Dropout]
    assert [layer.p for layer in head.hidden if isinstance(layer, nn.Dropout)] == [0.25, 0.5]
    shapes = [tuple(layer.weight.shape) for layer in head.modules() if isinstance(layer, nn.Linear)]
    assert shapes == [(3, 4), (2, 3)]
    features = torch.randn(64, 4) * 9 + 5
    torch.manual_seed(1)
    answered = head.train()(features)
    torch.manual_seed(1)
    # the scale of a feature is nothing to it
    torch.testing.assert_close(copy.deepcopy(head)(features * 3 + 1), answered, atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_weights_of_another_kind_are_refused(kind: HeadKind, tmp_path: Path) -> None:
    other = KINDS[KINDS.index(kind) - 1]
    save(tmp_path, moved(other), described(kind))
    with pytest.raises(WeightsError, match=r"does not fit|the weights hold no"):
        load_head(tmp_path)


def test_a_head_of_fewer_classes_is_refused(tmp_path: Path) -> None:
    save(tmp_path, Head(4, 3), described("linear"))
    with pytest.raises(WeightsError, match="does not fit"):
        load_head(tmp_path)


def test_no_head_at_all_is_refused(tmp_path: Path) -> None:
    save(tmp_path, Head(4, 2), described("linear"))
    save_file({"other": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(WeightsError, match="the weights hold no mean, which a head of kind 'linear' has"):
        load_head(tmp_path)


def test_probe_reads_the_plain_features_of_the_rows_asked_for(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(9, 2, 4)).astype(np.float32)
    np.save(tmp_path / "features.npy", values)
    pd.DataFrame({"path": list("abcdefghi")}).to_csv(tmp_path / "rows.csv", index=False)
    embeddings, head = Embeddings(tmp_path / "features.npy"), moved("linear")
    found = head_logits(head, embeddings, np.array([7, 0, 3]))
    with torch.inference_mode():
        wanted = head(torch.from_numpy(values[[7, 0, 3], 0])).numpy()
    np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_features_without_views_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "features.npy", np.zeros((2, 4), dtype=np.float32))
    pd.DataFrame({"path": ["a", "b"]}).to_csv(tmp_path / "rows.csv", index=False)
    with pytest.raises(DataError, match=r"the shape \[2, 4\], not \[N, V, D\]; run `dvc repro embed`"):
        Embeddings(tmp_path / "features.npy")


def test_one_label_goes_without_saying(tmp_path: Path) -> None:
    save(tmp_path, Head(2, 2), DESCRIPTION)
    assert list(json.loads((tmp_path / "network.json").read_text())) == [
        "backbone",
        "mean",
        "std",
        "layers",
        "pools",
        "standardise",
        "size",
        "classes",
    ]
    assert describe(tmp_path) == DESCRIPTION
    assert not describe(tmp_path).multi_label


def test_several_labels_are_said(tmp_path: Path) -> None:
    several = DESCRIPTION.model_copy(update={"multi_label": True})
    save(tmp_path, Head(2, 2), several)
    assert json.loads((tmp_path / "network.json").read_text())["multi_label"] is True
    assert describe(tmp_path) == several


def test_anything_but_yes_or_no_is_refused() -> None:
    with pytest.raises(ValidationError, match="multi_label"):
        Description.model_validate(DESCRIPTION.model_dump() | {"multi_label": "yes"})
