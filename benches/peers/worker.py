"""Programs that speak the protocol of workloads.py, how each is started, and what it tells."""

import argparse
import json
import os
import shlex
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from workloads import Sizes

HERE = Path(__file__).resolve().parent
BUILT = HERE.parents[1] / "target/release"
PEERS = {
    "torch": ["torch_peer.py", "--impl", "eager"],
    "torch-textbook": ["torch_peer.py", "--impl", "textbook"],
    "torch-compile": ["torch_peer.py", "--impl", "compile"],
    "jax": ["jax_peer.py"],
    "jax-threefry": ["jax_peer.py", "--keys", "threefry"],
    "rbms": ["rbms_peer.py"],
    "rbms-centred": ["rbms_peer.py", "--centered"],
    "sklearn": ["sklearn_peer.py"],
    "thrml": ["thrml_peer.py"],
    "product": ["torch_peer.py"],
}
# What everyone pays who imports PyTorch, for --start alone.
IMPORT = 'import torch; print(\'READY {"name": "import torch", "task": null, "version": ""}\', flush=True)'
NAMES = f"dbm, candle-textbook, {', '.join(PEERS)}, import-torch"


@dataclass(frozen=True)
class Call:
    """How a worker is started, and the sizes of its machine."""

    name: str
    line: list[str]
    sizes: Sizes


def call(word: str, options: argparse.Namespace) -> Call:
    """NAME, NAME@SIZES or NAME=COMMAND."""
    name, given, line = word.partition("=")
    if given:
        return Call(name, shlex.split(line), options.sizes)
    name, given, text = word.partition("@")
    sizes = Sizes.parse(text) if given else options.sizes
    task, threads = "P" if name == "product" else options.task, ["--threads", str(options.threads)]
    asked = ["--task", task, "--sizes", ",".join(map(str, sizes)), "--batch", str(options.batch)]
    if name == "dbm":
        line = [options.dbm, *threads, "bench", "--worker", *asked]
    elif name == "candle-textbook":
        line = ["env", f"RAYON_NUM_THREADS={options.threads}", options.candle, *asked]
    elif name == "import-torch":
        line = [sys.executable, "-c", IMPORT]
    elif name in PEERS:
        script, *flags = PEERS[name]
        line = [sys.executable, str(HERE / script), *flags, *asked, *threads]
    else:
        sys.exit(f"no worker {name!r}: use {NAMES}, NAME@SIZES or NAME=COMMAND")
    return Call(word, line, sizes)


def first_in_line() -> None:
    """Gives this process priority over all others."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


def quartiles(values: np.ndarray) -> list[float]:
    return np.quantile(values, [0.25, 0.5, 0.75]).tolist()


def busy() -> float:
    """Seconds that all processors have worked so far, for any program."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


class Worker:
    """A program that speaks the protocol."""

    def __init__(self, call: Call, hurried: bool = False) -> None:
        self.name, self.sizes, self.units, self.errors = call.name, call.sizes, 1, tempfile.TemporaryFile()
        start = time.perf_counter()
        try:
            self.process = subprocess.Popen(
                call.line,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.errors,
                text=True,
                preexec_fn=first_in_line if hurried else None,
            )
        except (OSError, subprocess.SubprocessError) as problem:
            sys.exit(f"{self.name} cannot be started: {problem}")
        self.facts = json.loads(self.answer("READY"))
        self.ready = time.perf_counter() - start

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        try:
            self.process.communicate("QUIT\n", timeout=30)
        except (subprocess.TimeoutExpired, OSError):
            self.process.kill()
        self.errors.close()

    def answer(self, word: str) -> str:
        """What follows the word on the next line that begins with it."""
        for line in self.process.stdout:
            if line.startswith(word):
                return line.removeprefix(word).strip()
        self.errors.seek(0)
        last = self.errors.read().decode(errors="replace").splitlines()[-20:]
        sys.exit("\n".join([f"{self.name} ended before it answered {word}:", *last]))

    def ask(self, request: str, word: str) -> str:
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        return self.answer(word)

    def own(self) -> float:
        """Seconds of processor time used so far."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system

    def burst(self) -> tuple[float, float]:
        """Seconds of one burst, and the share of all processors that other programs used meanwhile."""
        wall, all_before, own_before = time.perf_counter(), busy(), self.own()
        seconds = float(self.ask(f"RUN {self.units}", "TIME"))
        others = (busy() - all_before) - (self.own() - own_before)
        return seconds, max(0.0, others / (psutil.cpu_count() * (time.perf_counter() - wall)))

    def calibrate(self, seconds: float) -> None:
        """Finds how many units fill a burst."""
        for _ in range(3):
            self.units = max(1, round(self.units * seconds / self.burst()[0]))

    def hurry(self, on: bool) -> None:
        """Gives the process priority over all others, or takes it back."""
        policy, priority = (os.SCHED_RR, 1) if on else (os.SCHED_OTHER, 0)
        for thread in psutil.Process(self.process.pid).threads():
            try:
                os.sched_setscheduler(thread.id, policy, os.sched_param(priority))
            except ProcessLookupError:
                pass
            except PermissionError:
                sys.exit("--realtime needs the right to set real-time priorities; run as root or leave it out")

    def memory(self, which: str) -> float:
        """MiB held: VmHWM at most so far, VmRSS now."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith(which))
