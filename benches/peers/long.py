"""Whether a long run slows down or grows: rate and memory at its beginning and at its end."""

import argparse
import sys

import numpy as np

from worker import Call, Worker, quartiles
from workloads import TASKS

# Bursts that a run is cut into; the first and the last tenth are compared.
BURSTS = 100


def report(calls: list[Call], options: argparse.Namespace) -> str:
    return "\n".join(run(call, options) for call in calls)


def run(call: Call, options: argparse.Namespace) -> str:
    rates, memory = [], []
    with Worker(call, options.realtime) as worker:
        worker.units = max(1, options.long // BURSTS)
        for burst in range(BURSTS):
            print(f"\r{call.name}: burst {burst + 1} of {BURSTS}", end="", file=sys.stderr)
            rates.append(worker.units / worker.burst()[0])
            memory.append(worker.memory("VmRSS"))
    print(file=sys.stderr)
    tenth = BURSTS // 10
    low, first, high = quartiles(np.array(rates[:tenth]))
    slow, last, fast = quartiles(np.array(rates[-tenth:]))
    return (
        f"{call.name}: {worker.units * BURSTS} {TASKS[options.task]} of {call.sizes}; a second {first:.4g} "
        f"({low:.4g} to {high:.4g}) in the first tenth, {last:.4g} ({slow:.4g} to {fast:.4g}) in the last; "
        f"{memory[0]:.1f} MiB after the first hundredth, {memory[-1]:.1f} MiB at the end"
    )
