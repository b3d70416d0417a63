"""A service in a process of its own, and what it uses."""

import re
import subprocess
import sys
import time
from types import TracebackType
from typing import NamedTuple

import psutil

from streamer.service import ServiceError


class Usage(NamedTuple):
    """What a service has used so far.

    Attributes
    ----------
    cpu_s : float
        CPU seconds of all its threads and of its workers.
    memory : int
        Resident bytes.
    """

    cpu_s: float
    memory: int


class Served:
    """Starts `qrstream run` on free ports, and stops it when the block is left.

    Parameters
    ----------
    arguments : list of str
        More for `qrstream run`.
    core : int, optional
        That it is pinned to, with all its threads.

    Attributes
    ----------
    ingest, events : str
        Its endpoints.
    ready_s : float
        From the start of the process until it was ready.

    Raises
    ------
    ServiceError
        If it does not start; the message is its own.
    """

    def __init__(self, arguments: list[str] | None = None, core: int | None = None) -> None:
        command = [sys.executable, "-m", "streamer", "run", "--ingest", "tcp://127.0.0.1:*"]
        command += ["--events", "tcp://127.0.0.1:*", *(arguments or [])]
        begin = time.monotonic()
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        if core is not None:
            psutil.Process(self.process.pid).cpu_affinity([core])
        assert self.process.stderr
        said = ""
        while not (found := re.search(r"ready: chunks at (\S+), events at (\S+)", said)):
            line = self.process.stderr.readline()
            said += line
            if line.startswith("compiling"):
                sys.stderr.write(line)
            if not line:
                raise ServiceError(f"the service did not start: {said.strip() or 'it said nothing'}")
        self.ready_s = time.monotonic() - begin
        self.ingest, self.events = found.groups()

    def usage(self) -> Usage:
        """Return what it has used so far."""
        cpu, memory = 0.0, 0
        main = psutil.Process(self.process.pid)
        for process in [main, *main.children(recursive=True)]:
            times = process.cpu_times()
            cpu += times.user + times.system
            memory += process.memory_info().rss
        return Usage(cpu, memory)

    def __enter__(self) -> "Served":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        self.process.communicate()
