"""The path a member of an archive may have on disk: below the folder it is unpacked to, and nowhere else."""

import re

from graft.source.refusal import UnsafeError

DEPTH = 64
"""Most folders a member may lie in; deeper ones break the tools that walk them."""

DRIVE = re.compile(r"^[A-Za-z]:")


def clean(name: str) -> str:
    """Return the path of a member, relative, with forward slashes; empty for the archive's own top.

    Raises:
        UnsafeError: the name is absolute, climbs, goes too deep, or is no text.
    """
    _check_text(name)
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if name.startswith("/") or DRIVE.match("/".join(parts)):
        raise UnsafeError("is an absolute path; an archive must hold relative ones")
    if ".." in parts:
        raise UnsafeError("climbs with '..'; an archive must stay below its own top")
    if len(parts) > DEPTH:
        raise UnsafeError(f"lies {len(parts) - 1} folders deep; {DEPTH - 1} are allowed")
    return "/".join(parts)


def follow(link: str, target: str) -> str:
    """Return the path a symbolic link leads to.

    Args:
        link: the link's own clean path.
        target: what the archive says it leads to, relative to the link's folder.

    Raises:
        UnsafeError: it leads out of the archive, or is no text.
    """
    _check_text(target)
    parts = link.split("/")[:-1]
    if target.startswith("/"):
        raise UnsafeError(f"is a link that leads out of the archive, to {target!r}")
    for part in target.split("/"):
        if part == "..":
            if not parts:
                raise UnsafeError(f"is a link that leads out of the archive, to {target!r}")
            parts.pop()
        elif part not in ("", "."):
            parts.append(part)
    if DRIVE.match("/".join(parts)) or DRIVE.match(target):
        raise UnsafeError(f"is a link that leads out of the archive, to {target!r}")
    return "/".join(parts)


def _check_text(name: str) -> None:
    if "\0" in name:
        raise UnsafeError("has a NUL byte in its name")
    if "\\" in name:
        raise UnsafeError("has a backslash in its name; folders are separated by '/'")
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise UnsafeError("has a name that is not UTF-8") from error
