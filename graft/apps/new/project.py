"""``graft new``: a project of one's own, in a folder of its own, with the graft that is installed."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from graft.apps.new import template
from graft.apps.use.plan import plan
from graft.apps.use.presets import write_values
from graft.core.errors import GraftError
from graft.core.files import write_json, write_text
from graft.core.installed import RECORD, digest_of


def new(folder: Path, images: str | None, licence: str | None) -> Iterator[str]:
    """Write a project, put images to use in it, and commit it where it is not part of a repository already.

    Yields:
        What was done, and what to do next.

    Raises:
        GraftError: a file is there already, or there is no git.
        ParamsError, SourceError, DataError: the images cannot be used; then nothing is written.
    """
    git = shutil.which("git")
    if git is None:
        raise GraftError("git is not installed, and DVC keeps the record of a project in it")
    files, own = template.project_files(), template.own_files(folder.resolve().name)
    if (folder / "README.md").exists():
        del own["README.md"]  # most repositories begin with one
    if there := [name for name in (*files, *own, RECORD.name) if (folder / name).exists()]:
        more = f" and {len(there) - 1} more files" if len(there) > 1 else ""
        raise GraftError(f"{folder} has {there[0]}{more} already; a new project goes where there is none")
    values, lines = plan(images, None, licence, {}, False, folder) if images else ({}, [])

    for name, text in (files | own).items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        write_text(folder / name, text)
    write_json(folder / RECORD, template.record({name: digest_of(text) for name, text in files.items()}))
    write_values(values, folder / "params.yaml")
    yield from lines
    yield f"{folder}: a new project, with graft {template.__version__}"
    yield from _commit(git, folder, [*files, *own, RECORD.name])
    yield f"next: cd {folder}; " + ("dvc repro" if images else "graft use PICTURES; dvc repro")


def _commit(git: str, folder: Path, names: list[str]) -> Iterator[str]:
    """Make a repository and commit these files, since without one DVC draws no curves and runs no experiment."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([git, *words], cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603

    if run("rev-parse", "--is-inside-work-tree").returncode == 0:
        yield "it lies in a git repository; commit it there, for DVC works from a commit"
        return
    for words in (["init", "--quiet"], ["add", "--", *names], ["commit", "--quiet", "-m", "Begin with graft new"]):
        done = run(*words)
        if done.returncode:
            yield f"warning: git {words[0]} failed, and DVC works from a commit; commit once:\n{done.stderr.strip()}"
            return
