"""Files as a revision has them: the workspace's from disk, any other's out of git or DVC's cache alike.

The one module of graft that knows of DVC: what an experiment's name means, and where content lies.
"""

import posixpath
import re
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from dvc.api import DVCFileSystem
from dvc.exceptions import DvcException
from dvc.repo.experiments.utils import exp_refs
from dvc.scm import SCM, Git, SCMError, resolve_rev
from dvc_data.index import DataIndexDirError

from graft.core.errors import GraftError, nearest

WORKSPACE = "workspace"
"""The name of what lies in the folder now, committed or not, as in DVC's own commands."""

PARAMS = "params.yaml"
PREDICTIONS = "reports/evaluate/predictions.csv"
METRICS = "reports/evaluate/metrics.json"
LINEAGE = "reports/evaluate/lineage.json"
LOCK = "dvc.lock"
LABELS = "data/labels.csv"
SPLIT = "data/split.csv"

STAGES = {PREDICTIONS: "evaluate", METRICS: "evaluate", LINEAGE: "evaluate", LABELS: "index", SPLIT: "split"}
"""The stage that writes each file."""


class RevisionError(GraftError):
    """A revision is unknown, or a file of it cannot be read."""


class Workspace:
    """What lies in the folder now."""

    def __init__(self, root: Path) -> None:
        self.title, self.root = WORKSPACE, root

    def read(self, path: str) -> bytes:
        """Read a file, named relative to the folder that holds params.yaml.

        Raises:
            RevisionError: there is no such file, or it cannot be read.
        """
        try:
            return (self.root / path).read_bytes()
        except FileNotFoundError as error:
            advice = "graft runs in the folder that holds it"
            if path in STAGES:
                advice = f"run `dvc repro {STAGES[path]}`, or `dvc pull` what was pushed"
            raise RevisionError(f"the workspace has no {path}; {advice}") from error
        except OSError as error:
            raise RevisionError(f"{path} of the workspace: {error.strerror}") from error


class Committed:
    """What a commit has, the files that DVC tracks included; nothing is checked out.

    Args:
        name: as the user gave it.
        folder: the project's folder inside the git repository, "" at its top.
    """

    def __init__(self, name: str, commit: str, files: DVCFileSystem, folder: str) -> None:
        self.title = commit[:7] if commit.startswith(name) else f"{name} ({commit[:7]})"
        self.name, self.files, self.folder = name, files, folder

    def read(self, path: str) -> bytes:
        """Read a file from git, DVC's cache or its remote, whichever has it first.

        Raises:
            RevisionError: the commit has no such file, or its content cannot be had.
        """
        file = posixpath.join(self.folder, path)
        try:
            with self.files.open(file, "rb") as stream:
                return bytes(stream.read())
        except (FileNotFoundError, DataIndexDirError) as error:
            repro = f"`dvc repro {STAGES[path]}`" if path in STAGES else "`dvc repro`"
            advice = repro if self.name == "HEAD" else f"`git checkout {self.name}` and {repro}"
            if not self._is_tracked(file):
                raise RevisionError(f"{self.title} has no {path}: not made then, or not committed; {advice}") from error
            raise RevisionError(
                f"{path} of {self.title} is tracked by DVC, but its content lies neither in the cache nor in a remote; "
                f"`dvc push` where it was made and `dvc pull` here, or {advice}"
            ) from error
        except (DvcException, OSError) as error:
            raise RevisionError(f"{path} of {self.title} cannot be read: {error}") from error

    def _is_tracked(self, file: str) -> bool:
        try:
            return bool(self.files.isdvc(file))
        except DataIndexDirError:  # it lies in a folder that DVC tracks, whose list of files is not here either
            return True


Revision = Workspace | Committed
"""The project at one point of its history; its `title` is how a person is told of it."""


@contextmanager
def open_revision(name: str, root: Path) -> Iterator[Revision]:
    """Open a revision by name: ``workspace``, a commit, branch, tag, or experiment of DVC.

    Args:
        root: the folder that holds params.yaml.

    Raises:
        RevisionError: the name means nothing here, or several things.
    """
    if name == WORKSPACE:
        yield Workspace(root)
        return
    try:
        scm = SCM(str(root))
    except SCMError as error:
        raise RevisionError(f"{name!r}: no git repository here, so there is only the {WORKSPACE}") from error
    with closing(scm):
        commit = _resolve(scm, name)
        folder = root.resolve().relative_to(Path(scm.root_dir).resolve()).as_posix()
        # the top of the git repository, for a project may lie in a folder of it (`dvc init --subdir`)
        with closing(DVCFileSystem(repo=scm.root_dir, rev=commit, subrepos=True)) as files:
            yield Committed(name, commit, files, "" if folder == "." else folder)


def _resolve(scm: Git, name: str) -> str:
    """Look a name up as DVC does."""
    try:
        if name.strip():  # DVC takes an empty name for HEAD, which hides an unset variable of a script
            return str(resolve_rev(scm, name))
        cause: SCMError | None = None
    except SCMError as error:
        cause = error
    if scm.no_commits:
        raise RevisionError(f"{name!r}: nothing is committed here yet, so there is only the {WORKSPACE}") from cause
    experiments = [info.name for info in exp_refs(scm)]
    if experiments.count(name) > 1:
        raise RevisionError(
            f"{name!r} is the name of {experiments.count(name)} experiments, on several commits; "
            "name its own commit (`dvc exp show`)"
        ) from cause
    remote = [ref.removeprefix("refs/remotes/") for ref in scm.iter_refs("refs/remotes/")]
    known = [WORKSPACE, "HEAD", *scm.list_branches(), *scm.list_tags(), *experiments, *remote]
    stem = re.split(r"[~^]", name)[0]
    hint = f"; {stem!r} is, but has no such ancestor" if stem != name and stem in known else nearest(name, known)
    if Path(scm.dir, "shallow").exists():
        hint += "; this clone is shallow, and older commits come with `git fetch --unshallow`"
    raise RevisionError(f"{name!r} is no commit, branch, tag or experiment here{hint}") from cause
