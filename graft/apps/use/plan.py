"""``graft use``: look at images that a user names, and say how params.yaml should read them."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from graft.apps.use.autodetect import Layout, detect_layout, unlabelled_layout
from graft.apps.use.presets import names, read_preset
from graft.core.addresses import PACKAGE, has_secret, is_remote, shown
from graft.core.errors import ParamsError, nearest
from graft.data.raw import check_apart
from graft.source.dataset import Opened, open_source
from graft.source.download import DOWNLOADS
from graft.source.licence import read_licence

MAX_SHOWN = 12  # classes that are listed one by one; of more, the largest and smallest

UNSTATED = "not stated"
"""The licence of images of which nobody says one."""

Plan = tuple[dict[str, Any], list[str]]  # sections for params.yaml, and the lines that explain them


def plan(
    source: str,
    images: str | None,
    licence: str | None,
    current: dict[str, Any],
    anew: bool,
    project: Path,
    unlabelled: bool = False,
) -> Plan:
    """Plan params.yaml for a preset, a folder, an archive or an address.

    What is in use already is only fingerprinted again, unless `anew`: its labels and split may have been
    set by hand. Of its section ``source``, `current`, licence and limits are kept.

    Args:
        source: what the user names.
        images: where a preset's images lie, if not where it says.
        licence: of images that no preset describes.
        project: the folder of params.yaml.
        unlabelled: whether nothing labels the images yet; `graft label` then will.

    Raises:
        ParamsError: neither a preset nor a place, or a preset that must be told where its images are.
        SourceError: nothing lies there, or it cannot be fetched or unpacked.
        DataError: no image, or nothing that says labels.
    """
    downloads = project / DOWNLOADS
    if source in names():
        if unlabelled:
            raise ParamsError(f"--unlabelled belongs to pictures of your own, and {source!r} is a preset")
        return _of_preset(source, images, downloads)
    presets = f"{nearest(source, names())}; there are {', '.join(names())}"
    if images is not None:
        raise ParamsError(f"--from belongs to a preset, and {shown(source)!r} is none{presets}")
    path = _local_path(source)
    if path is not None and not path.exists():
        raise ParamsError(f"{source!r}: nothing lies there, nor is it a preset{presets}")
    used = str(current.get("uri", ""))
    in_use = source == used or (path is not None and path == _local_path(used))
    kept: dict[str, Any] = {key: current[key] for key in ("licence", "limits") if in_use and key in current}
    kept |= {"licence": licence or kept.get("licence", UNSTATED)}
    if in_use and not anew and not unlabelled:
        with open_source(used, downloads) as opened:
            line = f"{shown(source)}: in use already, so only its digest is written; --anew looks at it afresh"
            return {"source": _source(used, opened, kept)}, [line, *_warnings(source)]
    values, _ = read_preset("photos")  # which suits images of which nothing else is known
    with open_source(source, downloads) as opened:
        if opened.bytes is None and not source.startswith(PACKAGE):
            check_apart(opened.folder, project / "data/raw")
        layout = unlabelled_layout(opened.folder) if unlabelled else detect_layout(opened.folder)
        stated = read_licence(opened.folder, layout.files.others) if kept["licence"] == UNSTATED else None
        if stated is not None:
            kept["licence"] = stated[0]
        values |= {"source": _source(source, opened, kept), "labels": layout.rule.labels, "split": layout.split}
        values["index"] |= {"only": layout.only, "regions": layout.regions}
    told = [f"licence: {stated[0]}, by {stated[1]}; --licence names another"] if stated else []
    return values, [*_explain(shown(source), layout), *told, *_warnings(source)]


def _local_path(uri: str) -> Path | None:
    """The path on this machine that `uri` names, the same for every spelling; None for what lies elsewhere."""
    if is_remote(uri) or uri.startswith(PACKAGE):
        return None
    try:
        return Path(uri).expanduser().resolve()
    except RuntimeError:  # ~NAME, and there is no such user
        return Path(uri)


def _warnings(uri: str) -> list[str]:
    advice = "put logins into ~/.netrc, or fetch the file yourself and name it"
    line = f"carries a login or a signature, which params.yaml, dvc.lock and git then keep: {advice}"
    return [f"warning: {shown(uri)} {line}"] if has_secret(uri) else []


def _of_preset(name: str, images: str | None, downloads: Path) -> Plan:
    values, about = read_preset(name)
    if images is not None:
        if "source" not in values:
            raise ParamsError(f"{name} is a recipe for any pictures and has none of its own; leave out --from")
        with open_source(images, downloads) as opened:
            values["source"] = _source(images, opened, {"licence": values["source"]["licence"]})
    elif "uri" not in values.get("source", {"uri": "as it is"}):
        raise ParamsError(f"{name}: {about}")
    return values, ([f"{name}: {about}"] if about else []) + _warnings(images or "")


def _source(uri: str, opened: Opened, kept: dict[str, Any]) -> dict[str, Any]:
    """The section ``source``, with the digest by which a change is noticed."""
    if not (is_remote(uri) or uri.startswith((PACKAGE, "~")) or Path(uri).is_absolute()):
        uri = str(Path(uri).resolve())  # holds in every folder: an experiment in DVC's queue runs in one of its own
    size = {} if opened.bytes is None else {"bytes": opened.bytes}
    return {"uri": uri, "sha256": opened.sha256} | size | kept


def _explain(source: str, layout: Layout) -> Iterator[str]:
    files = layout.files
    suffixes = Counter(PurePosixPath(name).suffix.lower() for name in files.images)
    kinds = ", ".join(f"{count} {suffix or 'without suffix'}" for suffix, count in suffixes.most_common(5))
    yield f"{source}: {len(files.images)} pictures by name or content ({kinds})"
    if files.others or files.hidden:
        example = f", such as {files.others[0]}" if files.others else ""
        yield f"  beside them {len(files.others)} other files{example}, and {len(files.hidden)} hidden ones"
    yield from (f"  {line}" for line in (*files.lines(), *layout.asides))
    rule = layout.rule
    yield f"labels: {rule.reads}, for {rule.covered} of {len(layout.images)} pictures"
    yield from (f"  {note}" for note in rule.notes)
    yield from (f"  not by {line}" for line in layout.rejected)
    counts = rule.classes.most_common()
    if counts:
        yield f"classes: {len(counts)}, the largest {counts[0][1] / counts[-1][1]:.1f} times the smallest"
    else:
        yield "classes: as you name them: `dvc repro embed`, then `graft label`, then `dvc repro`"
    shown = counts if len(counts) <= MAX_SHOWN else [*counts[: MAX_SHOWN // 2], ("...", 0), *counts[-MAX_SHOWN // 2 :]]
    yield from (f"  {name:30} {count or ''}".rstrip() for name, count in shown)
    yield f"split: {layout.split_why}"
