"""The section `source`: where the images come from."""

from pydantic import Field

from graft.core.addresses import shown
from graft.core.params import Section

SHA256 = "^[0-9a-f]{64}$"


class Limits(Section):
    """What an archive may unpack to; beyond it is a bomb, or a mistake."""

    files: int = Field(default=5_000_000, gt=0)
    """Most files in the archive."""
    bytes: int = Field(default=500_000_000_000, gt=0)
    """Most bytes that it unpacks to, counted as they are written, whatever the archive says."""
    ratio: float = Field(default=200.0, ge=1)
    """Most bytes unpacked for each byte of the archive: images hardly shrink in an archive, bombs do."""


class Source(Section):
    """Where the images come from."""

    uri: str = Field(min_length=1)
    """A folder, which is linked and never copied; an archive (zip, tar), here or at an address
    (``https://``, ``s3://``, ``gs://``, ``hf://``); or ``package://NAME/PATH``."""
    sha256: str | None = Field(default=None, pattern=SHA256)
    """Checksum of the archive, or fingerprint of the folder; data that differ are refused."""
    bytes: int | None = Field(default=None, gt=0)
    """Size of the archive; an archive of another size is refused."""
    licence: str
    """Licence of the images as their owner states it; shown in the report and the bundle."""
    limits: Limits = Limits()
    """Limits for unpacking an archive."""

    @property
    def shown(self) -> str:
        """The uri as it may be printed and published."""
        return shown(self.uri)
