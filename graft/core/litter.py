"""Names that are passed over wherever files are listed: what systems leave beside images, and what is hidden."""

LITTER = frozenset(
    (
        *(".ds_store", "thumbs.db", "desktop.ini", "__macosx", "@eadir", "#recycle", "$recycle.bin", "lost+found"),
        *("system volume information", ".ipynb_checkpoints", "thumbnails", ".thumbnails"),
    )
)
"""Names, in lower case, of what no one put there and nothing reads: of macOS, Windows, network disks, notebooks,
and of programs that keep small copies of the images."""


def is_litter(name: str) -> bool:
    """Whether a path leads through what systems put beside images: ``.DS_Store``, ``@eaDir``, ``__MACOSX``."""
    return any(part.startswith("._") or part.lower() in LITTER for part in name.split("/"))


def is_hidden(name: str) -> bool:
    """Whether a path leads through a name that begins with a dot, or through litter."""
    return any(part.startswith(".") or part.lower() in LITTER for part in name.split("/"))
