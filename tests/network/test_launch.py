"""GRAFT_LAUNCH holds torchrun's own options, and what else stands there is refused with a reason."""

import os
import signal
from argparse import Namespace
from pathlib import Path

import pytest
import torch
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure

from graft.network.launch import Launch, LaunchError


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--nproc-per-node 2", "embed, finetune and evaluate run as 2 processes on this machine"),
        ("--nnodes 3 --nproc_per_node=4 --rdzv-endpoint a:29400", "4 processes on each of 3 machines"),
        ("--nnodes 1:2 --nproc-per-node 1 --rdzv-backend c10d", "1 processes on each of 1 to 2 machines"),
    ],
)
def test_options_of_torchrun(options: str, told: str) -> None:
    launch = Launch.parse(options, "stages.embed")
    assert str(launch).endswith(told)
    assert (launch.arguments.training_script, launch.arguments.module) == ("stages.embed", True)


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--nproc-per-node two", "Unsupported nproc_per_node value: two"),
        ("--nproc-per-node 0", "there must be one process at least"),
        ("--nproc-per-node gpu", "Cuda is not available"),
        ("--nprocs 2", "unrecognized arguments: --nprocs"),
        ("--nproc-per-node", "argument --nproc-per-node/--nproc_per_node: expected one argument"),
        ("--max-restarts often", "invalid int value: 'often'"),
        ("--nnodes many", "'many'"),
        ("--nnodes 1:2:3", "1:2:3"),
        ("--nproc-per-node '2", "No closing quotation"),
        ("torchrun --nproc-per-node 2", "'torchrun' is no option"),
        ("--no-python", "'stages.embed' is no option"),
        ("--help", "asks for help, not for processes"),
    ],
)
def test_what_torchrun_would_not_take_is_refused(options: str, reason: str) -> None:
    with pytest.raises(LaunchError, match="it holds options of torchrun and no script, such as") as caught:
        Launch.parse(options)
    assert str(caught.value).startswith(f"GRAFT_LAUNCH={options!r}: ")
    assert reason in str(caught.value)


def test_more_processes_than_gpus_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert Launch.parse("--nproc-per-node gpu").processes == 2
    with pytest.raises(LaunchError, match="each of 3 processes needs a GPU, and this machine has 2"):
        Launch.parse("--nproc-per-node 3")


@pytest.mark.parametrize(("gpus", "shared"), [(0, 1), (2, 2)])
def test_threads_are_those_of_one_process_or_shared_out_beside_gpus(
    monkeypatch: pytest.MonkeyPatch, gpus: int, shared: int
) -> None:
    told = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    monkeypatch.setattr(os, "environ", told)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: gpus > 0)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: gpus)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 6)
    started: list[Namespace] = []
    monkeypatch.setattr(torchrun, "run", started.append)
    Launch.parse("--nproc-per-node 2").run()
    assert told["OMP_NUM_THREADS"] == str(6 // shared)
    assert told["GRAFT_LAUNCHER"] == str(os.getpid())
    assert started[0].virtual_local_rank == (gpus > 0)


def failure(rank: int, exitcode: int, file: Path | None = None) -> ProcessFailure:
    return ProcessFailure(rank, 4000 + rank, exitcode, str(file))


def failed(monkeypatch: pytest.MonkeyPatch, *failures: ProcessFailure) -> None:
    """Run processes that fail so."""

    def run(_: object) -> None:
        raise ChildFailedError("python", {each.local_rank: each for each in failures})

    monkeypatch.setattr(torchrun, "run", run)
    monkeypatch.setattr(os, "environ", dict(os.environ))  # a launch says things there
    Launch.parse("--nproc-per-node 2").run()


def test_a_killed_process_is_the_one_to_name(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LaunchError, match=r"^process 1 was killed by SIGKILL, .* it goes on from its unfinished work"):
        failed(monkeypatch, failure(0, 1), failure(1, -signal.SIGKILL))


def test_what_a_process_said_is_said_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "error.json"
    file.write_text('{"message": {"message": "SystemExit: embed: DataError: no", "extraInfo": {"timestamp": "1"}}}')
    with pytest.raises(SystemExit, match=r"^embed: DataError: no$"):
        failed(monkeypatch, failure(0, 1), failure(1, 1, file))


def test_a_traceback_is_pointed_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(LaunchError, match=r"process 0 and 1 failed, .* what it said stands above"):
        failed(monkeypatch, failure(0, 1), failure(1, 2))
