"""The same results wherever work on files is done, and a clear word where it cannot be."""

import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from io import BytesIO
from itertools import count
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from graft.apps.predict.job import Counts, classify
from graft.apps.predict.writers import Format
from graft.core import engine
from graft.core.engine import ENGINE, EngineError, spread
from graft.core.errors import DataError
from graft.data.arrays import PartialArray
from graft.images.decode import Square
from graft.images.presize import presize
from graft.index.fingerprints import FingerprintStore
from graft.index.scan import scan, scan_tables
from graft.predict.predictor import Predictor
from tests import clusters
from tests.predict.tiny_bundle import write_bundle

Draw = Callable[[int, int, int], Image.Image]
THERE = Path(__file__)


def square(number: int) -> int:
    return number * number


def slow_square(number: int) -> int:
    time.sleep(0.03)
    return number * number


def stumble(number: int) -> int:
    if number == 20:
        raise DataError("the twentieth")
    return number


def here(_: int) -> list[Path]:
    return [THERE]


def absent(number: int) -> list[Path]:
    return [THERE.with_name("absent.py")] if number == 3 else [THERE]


def host_of(number: int) -> str:
    return f"{number} by {os.getpid()}"


@pytest.fixture(scope="module")
def on_dask() -> Iterator[str]:
    pytest.importorskip("distributed")
    with clusters.dask(2) as cluster:
        yield cluster.address


@pytest.fixture(
    params=["", pytest.param("processes", marks=pytest.mark.slow), pytest.param("on_dask", marks=pytest.mark.slow)],
    ids=["threads", "processes", "dask"],
)
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each engine in turn, named in the environment."""
    address = request.getfixturevalue(request.param) if request.param.startswith("on_") else request.param
    monkeypatch.setenv(ENGINE, address)
    return str(address)


def test_order_is_kept(anywhere: str) -> None:
    assert list(spread(square, range(500), here)) == [number * number for number in range(500)]
    assert list(spread(square, [], here)) == []


def test_work_is_done_where_it_is_said(anywhere: str) -> None:
    own = [f"{number} by {os.getpid()}" for number in range(40)]
    found = list(spread(host_of, range(40), here))
    assert (found == own) == (anywhere == "")


def test_what_goes_wrong_comes_as_it_would_here(anywhere: str) -> None:
    with pytest.raises(DataError, match=r"^the twentieth$"):
        list(spread(stumble, range(40), here))


def test_files_that_are_gone_are_left_to_this_machine(anywhere: str) -> None:
    found = list(spread(host_of, range(8), absent))
    assert found[3] == f"3 by {os.getpid()}"
    assert [text.split()[0] for text in found] == [str(number) for number in range(8)]


def test_items_without_end_are_taken_as_they_are_wanted(anywhere: str) -> None:
    taken = 0

    def numbers() -> Iterator[int]:
        nonlocal taken
        for number in count():
            taken += 1
            yield number

    results = spread(square, numbers(), here, group=2)
    assert [next(results) for _ in range(60)] == [number * number for number in range(60)]
    results.close()  # type: ignore[attr-defined]
    assert taken < 60 + 2 * engine.AHEAD * 2 * max(2, os.cpu_count() or 1)


@pytest.fixture
def images(tmp_path: Path, draw: Draw) -> Path:
    """Two folders of images, and files that cannot be used."""
    root = tmp_path / "images"
    for number in range(60):
        file = root / "ab"[number % 2] / f"{number:02d}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        draw(number, 24, 16).save(file)
    (root / "a/broken.jpg").write_bytes(b"\xff\xd8\xff and no more")
    (root / "a/nowhere.png").symlink_to(root / "gone.png")
    (root / "notes.txt").write_text("no picture")
    return root


def indexed(images: Path, folder: Path) -> tuple[str, str, bytes, list[str]]:
    """All that the index keeps of a scan."""
    prints = FingerprintStore(folder / "thumbnails")
    found, rejected = scan_tables(scan(images), prints)
    return found.to_csv(), rejected.to_csv(), prints.thumbnails.tobytes() + prints.chroma.tobytes(), prints.pixels


def named(images: Path) -> list[tuple[str, str]]:
    files = sorted(images.rglob("[0-9]*.png"))
    return [(file.relative_to(images).as_posix(), sha256(file.read_bytes()).hexdigest()) for file in files]


def presized(images: Path, folder: Path) -> np.ndarray:
    into = PartialArray(folder, (60, 8, 8, 3), np.uint8)
    presize(images, named(images), Square(8), into)
    assert into.done == 60
    return np.array(into.rows)


def test_index_and_presize_give_the_same_bytes(
    anywhere: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = indexed(images, tmp_path / "there"), presized(images, tmp_path / "there")
    monkeypatch.delenv(ENGINE)
    expected, pixels = indexed(images, tmp_path / "here"), presized(images, tmp_path / "here")
    assert there[0] == expected
    np.testing.assert_array_equal(there[1], pixels)


@pytest.mark.slow
def test_ray_gives_the_same_bytes(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="the extra `ray` is not installed: it is a quarter of a gigabyte")
    expected = indexed(images, tmp_path / "here")
    nearby = Path(tempfile.mkdtemp(prefix="ray"))  # a short path, for sockets lie in it
    with clusters.ray(nearby) as cluster:
        monkeypatch.setenv(ENGINE, cluster.address)
        assert indexed(images, tmp_path / "there") == expected
        with pytest.raises(DataError, match=r"^the twentieth$"):
            list(spread(stumble, range(40), here))
    shutil.rmtree(nearby)


@pytest.mark.slow
def test_predict_gives_the_same_rows(
    anywhere: str, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = write_bundle(tmp_path / "bundle")
    monkeypatch.chdir(images.parent)  # rows bear names as they are given

    def rows(out: Path, threshold: float) -> bytes:
        counts, make = Counts(), partial(Predictor, bundle, threads=2, threshold=threshold)
        words = ["images/a", "nowhere.png", "file:///a.png", "images/b"]
        classify(words, BytesIO(), make, counts, Format.csv, out, batch=3)
        assert (counts.done, counts.failed, counts.skipped) == (64, 4, 0)
        return out.read_bytes()

    there = [rows(tmp_path / "there.csv", threshold) for threshold in (0.5, 0.9)]
    monkeypatch.delenv(ENGINE)
    assert there == [rows(tmp_path / "here.csv", threshold) for threshold in (0.5, 0.9)]
    assert there[0] != there[1]


@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing_but_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    with clusters.dask(3) as cluster:
        monkeypatch.setenv(ENGINE, cluster.address)
        results = spread(slow_square, range(200), here, group=4)
        found = [next(results)]
        cluster.workers[1].send_signal(signal.SIGKILL)
        found += results
        assert cluster.workers[1].wait() == -signal.SIGKILL
    assert found == [number * number for number in range(200)]


@pytest.mark.slow
def test_a_worker_that_does_not_see_the_files_is_named(
    on_dask: str, images: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENGINE, on_dask)
    monkeypatch.chdir(images)
    elsewhere = Path("/proc/self/cwd")  # of each process another folder, as a disk that is not shared
    with pytest.raises(EngineError, match=r"the worker on \S+ does not see /proc/self/cwd/a/00.png, which is there on"):
        list(scan(elsewhere))


def test_a_worker_with_other_software_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    other = engine._software() | {"numpy": "1.0"}
    with pytest.raises(EngineError, match=r"other software \(numpy: \S+ there, 1.0 here\): install the same"):
        engine._do(square, here, other, [1])


@pytest.mark.parametrize("address", ["thread", "dask://", "spark://127.0.0.1:1", "127.0.0.1:8786"])
def test_what_names_no_engine_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE, address)
    with pytest.raises(EngineError, match=r"names no engine; expected processes, dask://HOST:PORT or ray://HOST:PORT"):
        list(spread(square, [1], here))


@pytest.mark.slow
def test_a_scheduler_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(engine, "PATIENCE", 1)
    monkeypatch.setenv(ENGINE, f"dask://127.0.0.1:{clusters.free_port()}")
    with pytest.raises(EngineError, match=r"dask://127.0.0.1:\d+: no scheduler of Dask with a worker answers there"):
        list(spread(square, [1], here))


@pytest.mark.slow
def test_a_cluster_without_graft_is_named(on_dask: str, monkeypatch: pytest.MonkeyPatch) -> None:
    absent = ModuleType("absent_there")
    exec("def software(): return {}", absent.__dict__)
    monkeypatch.setitem(sys.modules, "absent_there", absent)
    monkeypatch.setattr(engine, "_software", absent.software)
    monkeypatch.setenv(ENGINE, on_dask)
    with pytest.raises(EngineError, match=r"or a worker cannot load graft: No module named .absent_there.; install"):
        list(spread(square, [1], here))


@pytest.mark.parametrize(("address", "package"), [("dask://x:1", "distributed"), ("ray://x:1", "ray")])
def test_an_engine_that_is_not_installed_is_named(address: str, package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENGINE, address)
    monkeypatch.setitem(sys.modules, package, None)
    extra = address.partition(":")[0]
    with pytest.raises(EngineError, match=rf"{package}.* is not installed: `pip install 'graft-vision\[{extra}\]'`"):
        list(spread(square, [1], here))
