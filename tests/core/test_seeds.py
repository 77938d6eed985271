"""Seeds depend on their purpose and on nothing else."""

import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.core.seeds import derive


def test_a_known_seed() -> None:
    # printf '7/order/3' | sha256sum begins 19cd16803fef73ea; its upper 63 bits
    assert derive(7, "order", 3) == 0x19CD16803FEF73EA >> 1


@pytest.mark.parametrize(
    "other",
    [(8, "order", 3), (7, "augment", 3), (7, "order", 4), (7, "order"), (7, 3, "order"), (7, "order", 3, 0)],
    ids=str,
)
def test_another_purpose_is_another_seed(other: tuple[int, ...]) -> None:
    assert derive(*other) != derive(7, "order", 3)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**63 - 1), st.text("abc-", max_size=8), st.integers(0, 10**6))
def test_any_seed_has_63_bits_of_the_hash(seed: int, purpose: str, epoch: int) -> None:
    derived = derive(seed, purpose, epoch)
    assert 0 <= derived < 2**63
    digest = hashlib.sha256(f"{seed}/{purpose}/{epoch}".encode()).hexdigest()
    assert f"{derived:063b}" == f"{int(digest, 16):0256b}"[:63]
