"""Seeds derived per purpose, so that no draw depends on what ran before it."""

import hashlib
from typing import Annotated

from pydantic import Field

Seed = Annotated[int, Field(ge=0, lt=2**63)]
"""A key of params.yaml: the root of random draws, of which each purpose derives its own."""


def derive(seed: int, *purpose: str | int) -> int:
    """Return a 63-bit seed for one purpose, such as ``derive(seed, "order", epoch)``."""
    text = "/".join([str(seed), *map(str, purpose)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
