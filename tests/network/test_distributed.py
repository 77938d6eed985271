"""Processes that torch's launcher starts share work out in turn, agree on numbers, and speak with one voice."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from graft.network import distributed
from graft.network.distributed import broadcast, devices, gathered, in_turn, processes, rank, total, world

ROOT = Path(__file__).resolve().parents[2]
TOY = """
import json, os, sys
from pathlib import Path
import torch
from graft.network.distributed import broadcast, devices, gathered, in_turn, processes, rank, total, world

with processes() as number:
    if number is not None:
        parts = [torch.full((2, 3), 0.0), torch.full((2, 3), 1.0), torch.full((1, 3), 2.0)]
        with torch.inference_mode():
            own = [part + 10 for part in in_turn(parts)]
        found = {
            "batches": [batch.tolist() for one in own for batch in gathered(one, 2)],
            "numbers": [rank(), world(), broadcast(7 + number), float(total(torch.tensor(number + 1.0)))],
            "devices": devices(),
        }
        Path(f"{number}.json").write_text(json.dumps(found))
        if number == 1 and os.environ.get("ENDS") == "with a message":
            sys.exit("toy: DataError: no such image")
        if number == 0 and os.environ.get("ENDS") == "by a signal":
            os.abort()
        if os.environ.get("ENDS"):
            broadcast(0)
"""


def run_toy(folder: Path, processes: int, ends: str = "") -> "subprocess.CompletedProcess[str]":
    (folder / "toy.py").write_text(TOY)
    told = {"GRAFT_LAUNCH": f"--nproc-per-node {processes}", "ENDS": ends, "PYTHONPATH": str(ROOT)}
    quiet = {"OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo", "CUDA_VISIBLE_DEVICES": ""}
    command, environment = [sys.executable, "-m", "toy"], os.environ | told | quiet
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_two_processes_take_turns_and_know_all(tmp_path: Path) -> None:
    done = run_toy(tmp_path, 2)
    assert done.returncode == 0, done.stderr
    first, second = (json.loads((tmp_path / f"{number}.json").read_text()) for number in range(2))
    assert first["batches"] == second["batches"]
    assert [batch[0] for batch in first["batches"]] == [[10.0] * 3, [11.0] * 3, [12.0] * 3, [12.0] * 3]
    assert {len(batch) for batch in first["batches"]} == {2}
    assert (first["numbers"], second["numbers"]) == ([0, 2, 7, 3.0], [1, 2, 7, 3.0])
    assert first["devices"] == second["devices"] == "2 x cpu"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ("with a message", "toy: DataError: no such image\n"),
        ("by a signal", "LaunchError: process 0 was killed by SIGABRT, and all others were ended with it"),
    ],
)
def test_one_that_ends_early_ends_all_and_is_named_once(tmp_path: Path, ends: str, said: str) -> None:
    done = run_toy(tmp_path, 2, ends)
    assert done.returncode != 0
    assert done.stderr.count(said) == 1


def test_alone_nothing_is_shared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GRAFT_LAUNCH", raising=False)
    with processes() as number:
        assert number == 0
    output = torch.rand((2, 3))
    assert [found is output for found in gathered(output, 4)] == [True]
    assert (rank(), world(), broadcast(5), total(output) is output) == (0, 1, 5, True)
    assert in_turn("abc") == ["a", "b", "c"]
    devices.cache_clear()
    assert devices() == "1 x cpu"


@pytest.mark.parametrize(("parts", "turns"), [("", ["", ""]), ("a", ["a", "a"]), ("abc", ["ac", "bc"])])
def test_each_computes_as_often_as_the_others(monkeypatch: pytest.MonkeyPatch, parts: str, turns: list[str]) -> None:
    monkeypatch.setattr(distributed, "world", lambda: 2)
    for number, expected in enumerate(turns):
        monkeypatch.setattr(distributed, "rank", lambda number=number: number)
        assert "".join(in_turn(parts)) == expected
