"""Time from the start of a process until it is warm: a fresh process of every worker in every round, in shuffled order.

A worker of task W is warm after five training steps, of the others after five sweeps or one estimate.
"""

import argparse
import random
import sys

import numpy as np

from worker import Call, Worker, quartiles


def report(calls: list[Call], options: argparse.Namespace) -> str:
    seconds, versions = np.empty((options.rounds, len(calls))), [""] * len(calls)
    for row in range(options.rounds):
        print(f"\rround {row + 1} of {options.rounds}", end="", file=sys.stderr)
        for column in random.sample(range(len(calls)), len(calls)):
            with Worker(calls[column], options.realtime) as worker:
                seconds[row, column] = worker.ready
                versions[column] = f"{worker.facts['name']} {worker.facts['version']}".strip()
    print(file=sys.stderr)
    lines = [f"seconds until warm; {options.rounds} rounds; medians, quartiles in brackets"]
    for column, version in enumerate(versions):
        low, median, high = quartiles(seconds[:, column])
        slow, ratio, fast = quartiles(seconds[:, column] / seconds[:, 0])
        sooner = f"{calls[0].name} is sooner by {ratio:.1f} ({slow:.1f} to {fast:.1f})"
        lines.append(f"{version:24}  {median:.4f} ({low:.4f} to {high:.4f})  {sooner if column else ''}".rstrip())
    return "\n".join(lines)
