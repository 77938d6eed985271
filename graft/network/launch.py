"""What GRAFT_LAUNCH asks for, and torch's own launcher, which starts the processes of a stage and waits for them."""

import os
import shlex
import sys
from argparse import Namespace
from dataclasses import dataclass
from typing import Any, NoReturn, Self

import torch
from torch.distributed import run as torchrun
from torch.distributed.elastic.multiprocessing.api import SignalException
from torch.distributed.elastic.multiprocessing.errors import ChildFailedError, ProcessFailure
from torch.distributed.elastic.rendezvous import RendezvousError

from graft.core.errors import GraftError
from graft.network.device import pick_device
from graft.network.distributed import LAUNCH

STAGES = ("embed", "finetune", "evaluate")
"""Those that launch themselves."""


class LaunchError(GraftError):
    """GRAFT_LAUNCH holds what torch's launcher does not take, or a process that it started has died."""


@dataclass(frozen=True, slots=True)
class Launch:
    """Processes of one module.

    Attributes:
        arguments: torchrun's.
        processes: how many on a machine.
        machines: how many, ``2`` or ``2 to 4``.
    """

    arguments: Namespace
    processes: int
    machines: str

    @classmethod
    def parse(cls, options: str, module: str = "stages.embed") -> Self:
        """Read torchrun's own options.

        Raises:
            LaunchError: torchrun would not take them, or this machine has no such devices.
        """
        parser = torchrun.get_args_parser()

        def refuse(*reasons: object) -> NoReturn:
            told = ": ".join(str(reason) for reason in reasons if reason) or "asks for help, not for processes"
            raise LaunchError(
                f"{LAUNCH}={options!r}: {told}; it holds options of torchrun and no script, such as "
                "'--nproc-per-node gpu' or '--nproc-per-node 2'"
            )

        parser.error = parser.exit = refuse  # type: ignore[assignment]  # else they end the process
        try:
            found = parser.parse_args([*shlex.split(options), "--module", module])
            processes = torchrun.determine_local_world_size(found.nproc_per_node)
            least, most = torchrun.parse_min_max_nnodes(found.nnodes)
        except (RuntimeError, ValueError) as error:
            refuse(error)
        if found.training_script != module or found.training_script_args or found.no_python or found.run_path:
            refuse(f"{found.training_script!r} is no option")
        if processes < 1 or least < 1:
            refuse("there must be one process at least")
        device = pick_device().type
        if device == "mps":
            refuse("torch.distributed knows no MPS, the device of this machine")
        if device == "cuda" and processes > torch.cuda.device_count():
            refuse(f"each of {processes} processes needs a GPU, and this machine has {torch.cuda.device_count()}")
        return cls(found, processes, str(least) if least == most else f"{least} to {most}")

    def __str__(self) -> str:
        """``embed, finetune and evaluate run as 2 processes on each of 3 machines``."""
        *first, last = STAGES
        where = "this machine" if self.machines == "1" else f"each of {self.machines} machines"
        return f"{', '.join(first)} and {last} run as {self.processes} processes on {where}"

    def run(self) -> None:
        """Start the processes, and wait until all have ended.

        Raises:
            LaunchError: one was killed, or they do not find each other.
            SystemExit: one failed, with what it said.
        """
        # torchrun's own choice is a single thread; but on a CPU the last bits depend on how many there are
        gpus, threads = torch.cuda.is_available(), torch.get_num_threads()
        os.environ.setdefault("OMP_NUM_THREADS", str(max(1, threads // self.processes) if gpus else threads))
        os.environ["GRAFT_LAUNCHER"] = str(os.getpid())  # with which they end
        self.arguments.virtual_local_rank = gpus  # each process sees its own alone, as the first
        try:
            torchrun.run(self.arguments)
        except ChildFailedError as error:
            _explain(error.failures)
        except SignalException as error:
            raise LaunchError(f"ended by {error.sigval.name}, and all processes with it") from error
        except RendezvousError as error:
            raise LaunchError(f"{LAUNCH}: the processes do not find each other: {error}") from error


def _explain(failures: dict[int, ProcessFailure]) -> NoReturn:
    """Name what came first: a process that was killed, or what one said; the ends of the others follow from it."""
    for rank, failure in failures.items():
        if failure.exitcode < 0:
            raise LaunchError(
                f"process {rank} was killed by {failure.signal_name()}, and all others were ended with it (the kernel "
                "sends SIGKILL where memory runs out); run the stage again: it goes on from its unfinished work"
            )
    messages: list[Any] = [failure.message for failure in failures.values()]
    if said := [message["message"] for message in messages if isinstance(message, dict)]:
        sys.exit(said[0].removeprefix("SystemExit: "))
    raise LaunchError(
        f"process {' and '.join(map(str, failures))} failed, and all others were ended; what it said stands above"
    )
