"""A scheduler and workers of Dask that are processes, for tests that kill some of them."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path


def start(*words: str, **environment: str) -> subprocess.Popen:
    """Start Python in a process of its own."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    return subprocess.Popen([sys.executable, *words], env={**os.environ, **environment}, **quiet)


def until(there, seconds: float = 60):
    """Wait until something is there, and give it."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := there():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come")


class Cluster:
    """A scheduler and workers, each a process of its own."""

    def __init__(self, folder: Path, workers: int):
        self.file = folder / "scheduler.json"
        words = ("--port", "0", "--no-dashboard", "--scheduler-file", str(self.file))
        self.scheduler = start("-m", "distributed.cli.dask_scheduler", *words)
        self.workers = [self.add() for _ in range(workers)]
        self.address = until(lambda: self.file.exists() and json.loads(self.file.read_text() or "{}"))["address"]

    def add(self, **environment: str) -> subprocess.Popen:
        """Start one more worker; a dead one is not started again."""
        words = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--scheduler-file", str(self.file))
        return start("-m", "distributed.cli.dask_worker", *words, **environment)

    def end(self) -> None:
        """Kill what is left."""
        for process in (*self.workers, self.scheduler):
            process.kill()
            process.wait()
