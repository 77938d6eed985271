"""A network on the meta device has parameters without memory, and everything else as it would be."""

import torch
from torch import nn

from graft.backbone.library import allocate, meta_init


class Table(nn.Module):
    """Keeps a table that no file has, and counts how often it was built."""

    built = 0

    def __init__(self, like_parameter: bool = False, reads_parameter: bool = False) -> None:
        super().__init__()
        Table.built += 1
        self.linear = nn.Linear(3, 2)
        where = self.linear.weight.device if like_parameter else None
        self.register_buffer("table", torch.arange(4, device=where), persistent=False)
        self.largest = float(self.linear.weight.detach().max()) if reads_parameter else 0.0


def test_parameters_have_no_memory_and_tables_are_true() -> None:
    model = meta_init(Table)
    assert all(parameter.is_meta and parameter.requires_grad for parameter in model.parameters())
    assert model.table.tolist() == [0, 1, 2, 3]  # type: ignore[operator]
    assert not model.training


def test_tables_made_where_a_parameter_is_are_true() -> None:
    Table.built = 0
    model = meta_init(lambda: Table(like_parameter=True))
    assert Table.built == 2
    assert model.table.tolist() == [0, 1, 2, 3]  # type: ignore[operator]
    assert all(parameter.is_meta for parameter in model.parameters())


def test_network_that_computes_with_its_parameters_is_built() -> None:
    model = meta_init(lambda: Table(reads_parameter=True))
    assert model.largest != 0.0
    assert all(parameter.is_meta for parameter in model.parameters())


def test_no_random_number_is_drawn_and_no_hook_stays() -> None:
    before = torch.random.get_rng_state()
    meta_init(Table)
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not nn.Linear(2, 2).weight.is_meta


def test_allocated_parameters_can_be_computed_with() -> None:
    model = allocate(meta_init(Table))
    assert torch.equal(model.linear(torch.ones(1, 3)), torch.zeros(1, 2))  # type: ignore[operator]
    assert model.table.tolist() == [0, 1, 2, 3]  # type: ignore[operator]
