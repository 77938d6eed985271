"""The knobs of the source."""

from pydantic import Field

from graft.params import Section


class Source(Section):
    """Where the pictures come from."""

    uri: str = Field(min_length=1)
    """``package://NAME/PATH`` or a folder."""
    licence: str
    """Licence of the pictures as their owner states it; shown in the report and the bundle."""
