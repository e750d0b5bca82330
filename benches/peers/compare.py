"""Compares the speed of workers on one workload, side by side.

All workers stay alive. In every round each of them, in shuffled order, works for one short burst. Ratios are taken inside a
round, so that slow drifts of the machine cancel; medians and quartiles are over rounds. Rounds in which other programs were
busy are left out where enough remain. The first worker is the one that the others are compared with.
"""

import argparse
import json
import os
import random
import shlex
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import psutil

from workloads import DEFAULT_SIZES, TASKS, Sizes, Work

HERE = Path(__file__).resolve().parent
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
# What CHECK answers at the default sizes, and how far from it an answer may be: rounding for the first three, else chance.
EXPECTED = {
    "mu1": (0.635216, 2e-6),
    "mu2": (0.562950, 2e-6),
    "g2": (0.126706, 2e-6),
    "gibbs_v_h1_h2": ([0.4102, 0.6982, 0.5497], 7e-4),
    "ais_logZ": (2226.1, 0.3),
}
# Share of the processors that other programs may use in a round that counts.
QUIET = 0.08
FEWEST_ROUNDS = 5


def command(word: str, options: argparse.Namespace) -> tuple[str, list[str]]:
    """Name and command line of a worker."""
    name, given, line = word.partition("=")
    if given:
        return name, shlex.split(line)
    task = "P" if name == "product" else options.task
    sizes = ",".join(map(str, options.sizes))
    asked = ["--task", task, "--sizes", sizes, "--batch", str(options.batch)]
    threads = ["--threads", str(options.threads)]
    if name == "dbm":
        return name, [options.dbm, *threads, "bench", "--worker", *asked]
    if name not in PEERS:
        sys.exit(f"no worker {name!r}: use dbm, {', '.join(PEERS)} or NAME=COMMAND")
    script, *flags = PEERS[name]
    return name, [sys.executable, str(HERE / script), *flags, *asked, *threads]


def busy() -> float:
    """Seconds that all processors have worked so far, for any program."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice


class Worker:
    """A program that speaks the protocol."""

    def __init__(self, name: str, line: list[str]) -> None:
        print(f"{name}: starting", file=sys.stderr)
        self.name, self.units, self.errors = name, 1, tempfile.TemporaryFile()
        start = time.perf_counter()
        try:
            self.process = subprocess.Popen(
                line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True
            )
        except OSError as problem:
            sys.exit(f"{name} cannot be started: {problem}")
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

    def peak(self) -> float:
        """Most memory held so far, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def misses(answer: dict[str, object]) -> list[str]:
    """The values of a check that are not as expected."""
    return [
        f"{key} is {answer[key]}, expected {expected} within {tolerance:g}"
        for key, (expected, tolerance) in EXPECTED.items()
        if key in answer and not np.all(np.abs(np.subtract(answer[key], expected)) <= tolerance)
    ]


def check(workers: list[tuple[str, list[str]]]) -> None:
    """Ends the program if a worker's answer is wrong. Each is asked in a process of its own, which is not timed later."""
    failed = False
    for name, line in workers:
        with Worker(name, line) as worker:
            answer = json.loads(worker.ask("CHECK", "CHECK"))
        problems = misses(answer)
        verdict = "wrong: " + "; ".join(problems) if problems else "as expected" if answer else "answers none"
        print(f"{name}: check {verdict} {json.dumps(answer)}", file=sys.stderr)
        failed |= bool(problems)
    if failed:
        sys.exit("not timed: a worker that computes something else says nothing about speed")


@dataclass(frozen=True)
class Timings:
    """Units per second and the share of other programs, both `[rounds, workers]`."""

    rates: np.ndarray
    others: np.ndarray

    def counted(self) -> np.ndarray:
        """Rates of the quiet rounds, or of all where too few were quiet."""
        quiet = self.rates[self.others.max(1) <= QUIET]
        return quiet if len(quiet) >= max(FEWEST_ROUNDS, len(self.rates) // 4) else self.rates


def interleave(workers: list[Worker], options: argparse.Namespace) -> Timings:
    """Bursts in shuffled order, round by round."""
    for worker in workers:
        worker.calibrate(options.burst)
    rates, others = np.empty((2, options.rounds, len(workers)))
    for row in range(options.rounds):
        print(f"\rround {row + 1} of {options.rounds}", end="", file=sys.stderr)
        for column in random.sample(range(len(workers)), len(workers)):
            worker = workers[column]
            if options.realtime:
                worker.hurry(True)
            seconds, others[row, column] = worker.burst()
            rates[row, column] = worker.units / seconds
            if options.realtime:
                worker.hurry(False)
            time.sleep(options.pause)
    print(file=sys.stderr)
    return Timings(rates, others)


def quartiles(values: np.ndarray) -> list[float]:
    return np.quantile(values, [0.25, 0.5, 0.75]).tolist()


@dataclass(frozen=True)
class Row:
    """What is told about one worker. Lists are lower quartile, median, upper quartile."""

    worker: str
    program: str
    task: str
    per_second: list[float]
    # Rate of the first worker over that of this one.
    first_is_faster: list[float] | None
    # Share of the operations per second of the product of square matrices.
    of_product: list[float] | None
    others: float
    peak_mib: float
    ready_seconds: float


def rows(workers: list[Worker], timings: Timings, work: Work) -> list[Row]:
    """The table, one row for each worker."""
    rates = timings.counted()
    tasks = [worker.facts["task"] for worker in workers]
    operations = {task: Work(task, work.sizes, work.batch, work.threads).operations() for task in tasks}
    speeds = rates * [operations[task] for task in tasks]
    product = speeds[:, tasks.index("P")] if "P" in tasks else None
    return [
        Row(
            worker.name,
            f"{worker.facts['name']} {worker.facts['version']}",
            tasks[at],
            quartiles(rates[:, at]),
            quartiles(rates[:, 0] / rates[:, at]) if tasks[at] == tasks[0] else None,
            None if product is None else quartiles(speeds[:, at] / product),
            float(np.median(timings.others[:, at])),
            worker.peak(),
            worker.ready,
        )
        for at, worker in enumerate(workers)
    ]


def cells(row: Row, work: Work) -> list[str]:
    """A row in words."""
    low, faster, high = row.first_is_faster or [0.0] * 3
    return [
        f"{row.task}, batch {work.batch}" if row.task == "W" else row.task,
        row.program,
        f"{row.per_second[1]:.4g} {TASKS[row.task]}/s",
        f"{faster:.2f} ({low:.2f} to {high:.2f})" if row.first_is_faster else "",
        f"{100 * row.of_product[1]:.0f} %" if row.of_product else "",
        f"{row.peak_mib:.0f} MiB",
        f"{row.ready_seconds:.1f} s",
    ]


def table(found: list[Row], work: Work, markdown: bool) -> str:
    """The rows as text in columns, or as Markdown."""
    head = ["task", "program", "rate", f"{found[0].worker} is faster by", "of a 2048³ product", "peak memory", "ready after"]
    lines = [head, *(cells(row, work) for row in found)]
    if markdown:
        lines.insert(1, ["---"] * len(head))
        return "\n".join(f"| {' | '.join(line)} |" for line in lines)
    widths = [max(map(len, column)) for column in zip(*lines)]
    return "\n".join("  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in lines)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("workers", nargs="+", help=f"dbm, {', '.join(PEERS)} or NAME=COMMAND")
    parser.add_argument("--task", choices=TASKS, default="W")
    parser.add_argument("--sizes", type=Sizes.parse, default=DEFAULT_SIZES, metavar="V,H1,H2")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dbm", default=str(HERE.parents[1] / "target/release/dbm"), help="path of our own program")
    parser.add_argument("--check", action="store_true", help="time only if every worker's CHECK is as expected")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--burst", type=float, default=0.3, help="seconds")
    parser.add_argument("--pause", type=float, default=0.05, help="seconds between bursts")
    parser.add_argument("--realtime", action="store_true", help="priority during bursts, for a crowded machine (root)")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true")
    form.add_argument("--markdown", action="store_true")
    options = parser.parse_args()
    if options.check and options.sizes != DEFAULT_SIZES:
        parser.error(f"--check knows the answers only for --sizes {','.join(map(str, DEFAULT_SIZES))}")
    return options


def main() -> None:
    options = arguments()
    work = Work(options.task, options.sizes, options.batch, options.threads)
    lines = [command(word, options) for word in options.workers]
    if options.check:
        check(lines)
    with ExitStack() as stack:
        workers = [stack.enter_context(Worker(*line)) for line in lines]
        if strange := [worker.name for worker in workers if worker.facts["task"] not in (options.task, "P")]:
            sys.exit(f"{', '.join(strange)}: not a worker of task {options.task}")
        timings = interleave(workers, options)
        found = rows(workers, timings, work)
    if options.json:
        facts = {"batch": work.batch, "sizes": work.sizes, "threads": work.threads, "rounds": options.rounds}
        raw = {"counted_rounds": len(timings.counted()), "rates": timings.rates.tolist()}
        print(json.dumps({**facts, **raw, "workers": [asdict(row) for row in found]}, indent=1))
    else:
        print(table(found, work, options.markdown))
        if not options.markdown:
            busy_rounds = f"{len(timings.counted())} of {options.rounds} rounds counted"
            print(f"{busy_rounds}; {options.threads} threads; medians, quartiles in brackets")


if __name__ == "__main__":
    main()
