"""Compares the speed of workers on one workload, side by side.

All workers stay alive. In every round each of them, in shuffled order, works for one short burst. Ratios are taken inside a
round, so that slow drifts of the machine cancel; medians and quartiles are over rounds. Rounds in which other programs were
busy are left out where enough remain. The first worker is the one that the others are compared with.
"""

import argparse
import json
import os
import random
import sys
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass

import numpy as np

import long
import start
from worker import BUILT, NAMES, Call, Worker, call, quartiles
from workloads import DEFAULT_SIZES, TASKS, Sizes, Work

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


def misses(answer: dict[str, object]) -> list[str]:
    """The values of a check that are not as expected."""
    return [
        f"{key} is {answer[key]}, expected {expected} within {tolerance:g}"
        for key, (expected, tolerance) in EXPECTED.items()
        if key in answer and not np.all(np.abs(np.subtract(answer[key], expected)) <= tolerance)
    ]


def check(calls: list[Call]) -> None:
    """Ends the program if a worker's answer is wrong. Each is asked in a process of its own, which is not timed later."""
    failed = False
    for call in calls:
        if call.sizes != DEFAULT_SIZES:
            print(f"{call.name}: not checked, the answers are known only for {DEFAULT_SIZES}", file=sys.stderr)
            continue
        with Worker(call) as worker:
            answer = json.loads(worker.ask("CHECK", "CHECK"))
        problems = misses(answer)
        verdict = "wrong: " + "; ".join(problems) if problems else "as expected" if answer else "answers none"
        print(f"{call.name}: check {verdict} {json.dumps(answer)}", file=sys.stderr)
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


@dataclass(frozen=True)
class Row:
    """What is told about one worker. Lists are lower quartile, median, upper quartile."""

    worker: str
    program: str
    task: str
    sizes: Sizes
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
    works = [Work(task, worker.sizes, work.batch, work.threads) for task, worker in zip(tasks, workers)]
    speeds = rates * [each.operations() for each in works]
    product = speeds[:, tasks.index("P")] if "P" in tasks else None
    return [
        Row(
            worker.name,
            f"{worker.facts['name']} {worker.facts['version']}",
            tasks[at],
            worker.sizes,
            quartiles(rates[:, at]),
            quartiles(rates[:, 0] / rates[:, at]) if works[at] == works[0] else None,
            None if product is None else quartiles(speeds[:, at] / product),
            float(np.median(timings.others[:, at])),
            worker.memory("VmHWM"),
            worker.ready,
        )
        for at, worker in enumerate(workers)
    ]


def cells(row: Row, work: Work) -> list[str]:
    """A row in words."""
    task = row.task if row.task == "P" else f"{row.task} {row.sizes}"
    low, faster, high = row.first_is_faster or [0.0] * 3
    return [
        f"{task}, batch {work.batch}" if row.task == "W" else task,
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
    parser.add_argument("workers", nargs="+", help=f"{NAMES}, NAME@SIZES or NAME=COMMAND")
    parser.add_argument("--task", choices=TASKS, default="W")
    parser.add_argument("--sizes", type=Sizes.parse, default=DEFAULT_SIZES, metavar="V,H1,…")
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--dbm", default=str(BUILT / "dbm"), help="path of our own program")
    parser.add_argument("--candle", default=str(BUILT / "candle-textbook"), help="path of the program in candle/")
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--start", action="store_true", help="time from the start of a worker until it is warm instead")
    mode.add_argument("--long", type=int, metavar="UNITS", help="rate and memory at both ends of a long run instead")
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
    calls = [call(word, options) for word in options.workers]
    if options.check:
        check(calls)
    if options.start or options.long:
        print((start if options.start else long).report(calls, options))
        return
    with ExitStack() as stack:
        workers = []
        for each in calls:
            print(f"{each.name}: starting", file=sys.stderr)
            workers.append(stack.enter_context(Worker(each)))
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
