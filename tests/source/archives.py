"""Archives made by hand, good ones and bad ones."""

import io
import stat
import tarfile
import zipfile
from collections.abc import Iterable, Mapping
from pathlib import Path


def make_zip(path: Path, files: Mapping[str, bytes] | Iterable[tuple[str, bytes]], method: int = 8) -> Path:
    """Write a zip archive; a name may stand in it twice."""
    pairs = files.items() if isinstance(files, Mapping) else files
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in pairs:
            info = zipfile.ZipInfo()  # its constructor would mend the name
            info.filename, info.compress_type = name, method
            archive.writestr(info, data)
    return path


def make_zip_of_modes(path: Path, members: Iterable[tuple[str, int, bytes]]) -> Path:
    """Write a zip archive whose members have the file types of Unix, such as S_IFLNK."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, mode, data in members:
            info = zipfile.ZipInfo(name)
            info.external_attr = (mode | 0o777) << 16
            archive.writestr(info, data)
    return path


def make_tar(path: Path, members: Iterable[tarfile.TarInfo | tuple[str, bytes]], mode: str = "w") -> Path:
    """Write a tar archive; a mode of ``w:gz`` compresses it."""
    with tarfile.open(path, mode, errors="surrogateescape") as archive:  # type: ignore[call-overload]
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
            else:
                info = tarfile.TarInfo(member[0])
                info.size, info.mode = len(member[1]), stat.S_ISUID | 0o777
                archive.addfile(info, io.BytesIO(member[1]))
    return path


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    """A tar member without content: a link, a folder, a device."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o777
    return info


def below(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, with its content."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if not path.is_dir()}
