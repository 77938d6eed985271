"""What the server allows: every limit, with its default, in one place."""

import re
from dataclasses import dataclass, fields

from graft.core.errors import GraftError


class SettingsError(GraftError):
    """A setting of the server that cannot be."""


@dataclass(frozen=True)
class Settings:
    """Limits of the server.

    Raises:
        SettingsError: a value that cannot be.
    """

    max_body: int = 32 * 2**20  # bytes of one request
    max_memory: int = 256 * 2**20  # bytes of all requests that are held at once
    max_pixels: int = 32_000_000  # width times height of one image; a transparent one decodes in some 20 bytes a pixel
    max_files: int = 16  # images in one request
    max_queue: int = 64  # images that wait or are worked on at once
    max_batch: int = 8  # images that the graph takes at once
    max_wait: float = 0.004  # seconds that an image waits for others to share its batch
    max_connections: int = 256  # clients connected at once
    timeout: float = 30.0  # seconds until an image must be answered once it is here
    read_timeout: float = 20.0  # seconds until a body must be here, and one more for each 16 KiB of it that came
    decoders: int = 2  # threads that decode
    token: str | None = None  # what a client must know

    def __post_init__(self) -> None:
        from graft.images.decode import MAX_PIXELS  # late: the command line shows the defaults without numpy

        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, int | float) and not value > 0:
                raise SettingsError(f"{field.name} = {value}: a limit must be above 0")
        for name, most, why in (
            ("max_pixels", MAX_PIXELS, "what can be decoded"),
            ("max_files", self.max_queue, "max_queue"),
            ("max_body", self.max_memory, "max_memory"),
        ):
            if getattr(self, name) > most:
                raise SettingsError(f"{name} = {getattr(self, name)}: at most {most}, {why}")
        if self.token is not None and not re.fullmatch(r"[A-Za-z0-9._~+/-]+=*", self.token):  # RFC 6750, 2.1
            raise SettingsError("the token may hold letters, digits and -._~+/ and must not be empty")
