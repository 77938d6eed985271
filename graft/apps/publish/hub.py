"""``graft publish hf``: the bundle and its card as a model repository of the Hugging Face Hub."""

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from graft.core.errors import GraftError
from graft.core.files import sha256, write_text
from graft.predict.bundle import read_metadata

CARD, SUMS, TIMM = "README.md", "SHA256SUMS", "timm"
NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
LOCAL = 'Predictor("models/export")'


def publish(bundle: Path, repository: str, private: bool, dry_run: bool) -> Iterator[str]:
    """Upload the bundle as one commit, into a repository that is made where there is none.

    Raises:
        GraftError: the name is no OWNER/NAME, or the Hub refuses.
        BundleError: no bundle, or a damaged one.
    """
    if not NAME.fullmatch(repository):
        raise GraftError(f"{repository}: must be OWNER/NAME, such as me/solar-cells")
    read_metadata(bundle)  # refuses what a predictor would
    with tempfile.TemporaryDirectory() as name:
        folder = arrange(bundle, Path(name) / "repository", repository)
        for file in _files(folder):
            yield f"{file.stat().st_size:>12,} {file.relative_to(folder).as_posix()}"
        if dry_run:
            yield f"dry run: nothing was sent; {repository} would hold the files above"
        else:
            yield f"published: {_upload(folder, repository, private)}"


def arrange(bundle: Path, folder: Path, repository: str) -> Path:
    """Write the repository: the bundle, whose card says how to fetch it, and timm's files where timm looks for them."""
    shutil.copytree(bundle, folder)
    card = (folder / CARD).read_text(encoding="utf-8")
    if LOCAL not in card:
        raise GraftError(f"{bundle / CARD}: has no line with {LOCAL}; run `dvc repro export` with this graft")
    card = card.replace(LOCAL, f'Predictor(snapshot_download("{repository}"))')
    card = card.replace("from graft.predict", "from huggingface_hub import snapshot_download\n\nfrom graft.predict", 1)
    if (folder / TIMM).is_dir():
        shutil.copytree(folder / TIMM, folder, dirs_exist_ok=True)
        card = card.replace("library_name: onnx", "library_name: timm", 1)
    write_text(folder / CARD, card)
    sums = [f"{sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in _files(folder) if file.name != SUMS]
    write_text(folder / SUMS, "".join(sums))
    return folder


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _upload(folder: Path, repository: str, private: bool) -> str:
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")  # read as it is imported
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError

    hub = HfApi(endpoint=os.environ.get("HF_ENDPOINT"), library_name="graft")
    try:
        hub.create_repo(repository, private=private, exist_ok=True)
        commit = hub.upload_folder(repo_id=repository, folder_path=folder, commit_message="Publish by graft")
    except HfHubHTTPError as error:
        reason = str(error).replace("\n", " ")
        raise GraftError(
            f"{repository}: the Hub refuses: {reason}; `hf auth login` or HF_TOKEN says who you are"
        ) from error
    return str(commit.commit_url)
