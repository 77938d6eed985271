"""Work on files in threads here, or, where ``GRAFT_ENGINE`` says so, in processes or on a cluster through joblib.

Workers are given names of files, not their content: they must see the same files under the same paths, and
run the same code. Both are checked, so that the results are the same bytes wherever they are worked out.
"""

import hashlib
import os
import platform
import socket
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from graft.core.errors import GraftError, install
from graft.core.parallel import batched, cores, in_order

if TYPE_CHECKING:
    from joblib import Parallel

Item = TypeVar("Item")
Result = TypeVar("Result")

ENGINE = "GRAFT_ENGINE"
EXPECTED = "processes, dask://HOST:PORT or ray://HOST:PORT"
GROUP = 16
"""Items of a task: sending one costs about a millisecond."""
AHEAD = 4
"""Tasks for each worker, to do or done, before their results are wanted."""
PATIENCE = 20
"""Seconds in which a scheduler and a first worker must answer."""
DECIDING = ("numpy", "pillow", "scipy", "imagehash", "onnxruntime", "openvino")
"""Packages that decide about the bytes of what is worked out."""


class EngineError(GraftError):
    """Work cannot be spread as ``GRAFT_ENGINE`` says."""


@dataclass(frozen=True, slots=True)
class _Unseen:
    """Stands for the result of an item of whose files a worker does not see one."""

    host: str
    path: str


def engine() -> str:
    """What ``GRAFT_ENGINE`` names, empty for threads of this process."""
    return os.environ.get(ENGINE, "")


def spread(
    work: Callable[[Item], Result],
    items: Iterable[Item],
    files: Callable[[Item], Iterable[str | Path]],
    group: int = GROUP,
) -> Iterator[Result]:
    """Yield what `work` gives of each item, in order, wherever it is done.

    Items are taken in the thread that iterates. Memory is that of a few results a thread, or of
    ``AHEAD * group`` a worker. What a worker that dies had begun is done again where the engine can: on Dask.

    Args:
        work: can be pickled, with all it holds, for it may be done elsewhere.
        items: can be pickled.
        files: absolute paths of what `work` reads of an item.
        group: items that a worker is given at a time.

    Raises:
        EngineError: no engine answers, or a worker does not see the files, or has other software.
    """
    if not engine():
        yield from in_order(work, items)
        return
    from joblib import delayed  # late: threads need none of it

    task = delayed(partial(_do, work, files, _software()))
    with _connected(engine()) as (parallel, workers):
        for window in batched(batched(items, group), AHEAD * workers):
            with _given_up(parallel(task(batch) for batch in window)) as answers:
                for batch, results in zip(window, answers, strict=True):
                    for item, result in zip(batch, results, strict=True):
                        yield _seen(work, item, result)


def _do(
    work: Callable[[Item], Result],
    files: Callable[[Item], Iterable[str | Path]],
    software: dict[str, str],
    batch: list[Item],
) -> list[Result | _Unseen]:
    """Work on some items, on a worker."""
    host, own = socket.gethostname(), _software()
    if own != software:
        differing = [name for name in software.keys() | own.keys() if software.get(name) != own.get(name)]
        said = "; ".join(f"{name}: {own.get(name)} there, {software.get(name)} here" for name in sorted(differing))
        raise EngineError(f"{ENGINE}: the worker on {host} has other software ({said}): install the same, restart it")
    unseen = ((item, next((str(path) for path in files(item) if not os.path.lexists(path)), None)) for item in batch)
    return [work(item) if path is None else _Unseen(host, path) for item, path in unseen]


def _seen(work: Callable[[Item], Result], item: Item, result: Result | _Unseen) -> Result:
    """A result; of files that are gone here, too, what is worked out here."""
    if not isinstance(result, _Unseen):
        return result
    if os.path.lexists(result.path):
        raise EngineError(
            f"{ENGINE}={engine()}: the worker on {result.host} does not see {result.path}, which is there on "
            f"{socket.gethostname()}: let project and images lie on a disk that all workers have under the same path"
        )
    return work(item)


@contextmanager
def _given_up(answers: Any) -> Iterator[Any]:
    """Close what joblib streams, also where the rest is not wanted, of which it warns."""
    try:
        yield answers
    finally:
        if hasattr(answers, "close"):
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", module="joblib")
                answers.close()


@cache
def _software() -> dict[str, str]:
    """What must be the same on all workers: graft's own code, and the packages it computes with."""
    from importlib.metadata import PackageNotFoundError, version  # late: threads need none of it

    root, code = Path(__file__).parents[1], hashlib.sha256()
    for file in sorted(root.rglob("*.py")):
        code.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    found = {"graft's code": code.hexdigest()[:12], "Python": ".".join(platform.python_version_tuple()[:2])}
    for package in DECIDING:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "none"
    return found


Connected = tuple["Parallel", int]
"""What runs calls on an engine, and how many workers it has."""


@contextmanager
def _connected(address: str) -> Iterator[Connected]:
    kind, _, host = address.partition("://")
    if address != "processes" and (kind not in ("dask", "ray") or not host):
        raise EngineError(f"{ENGINE}={address}: names no engine; expected {EXPECTED}")
    try:
        with {"processes": _processes, "dask": _dask, "ray": _ray}[kind](host) as connected:
            yield connected
    except ImportError as error:
        extra = "pipeline" if kind == "processes" else kind
        raise EngineError(f"{ENGINE}={address}: {error.name} is not installed: {install(extra)}") from error


def _parallel(backend: str, workers: int, returned: str = "generator", **options: Any) -> "Parallel":
    from joblib import Parallel, parallel_config

    with parallel_config(backend, n_jobs=workers, **options):
        return Parallel(batch_size=1, pre_dispatch="all", return_as=returned)


@contextmanager
def _processes(_: str) -> Iterator[Connected]:
    with _parallel("loky", cores()) as parallel:
        yield parallel, cores()


@contextmanager
def _dask(host: str) -> Iterator[Connected]:
    from distributed import Client, KilledWorker

    with ExitStack() as stack:
        try:
            client = stack.enter_context(Client(f"tcp://{host}", timeout=PATIENCE, set_as_default=False))
            client.wait_for_workers(1, timeout=PATIENCE)
        except (OSError, ValueError) as error:  # a time limit is an OSError
            reason = f"no scheduler of Dask with a worker answers there: {error}"
            raise EngineError(f"{ENGINE}={engine()}: {reason}") from error
        try:
            client.submit(_software, pure=False).result()
        except (ImportError, RuntimeError) as error:  # of the worker, of the scheduler; joblib would wait for ever
            reason = f"Dask's scheduler or a worker cannot load graft: {error.__cause__ or error}"
            raise EngineError(f"{ENGINE}={engine()}: {reason}; install the same there as here") from error
        try:
            workers = sum(client.ncores().values())
            with _parallel("dask", workers, client=client) as parallel:
                yield parallel, workers
        except KilledWorker as error:
            reason = f"workers died over and over on the same files: {error}"
            raise EngineError(f"{ENGINE}={engine()}: {reason}") from error


@contextmanager
def _ray(_: str) -> Iterator[Connected]:
    import ray
    from ray.util.joblib import register_ray

    try:
        ray.init(engine(), log_to_driver=False)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise EngineError(f"{ENGINE}={engine()}: no Ray answers there: {error}") from error
    try:
        register_ray()
        workers = int(ray.cluster_resources()["CPU"])
        with _parallel("ray", workers, "list") as parallel:  # it cannot stream within a window
            yield parallel, workers
    except ray.exceptions.RayError as error:
        raise EngineError(f"{ENGINE}={engine()}: Ray lost a worker: {error}; run it again") from error
    finally:
        ray.shutdown()
