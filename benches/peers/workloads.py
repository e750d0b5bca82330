"""The workloads, the machines and data they run on, the check, and the protocol that every worker speaks.

A worker prints `READY {json}` when it is warm. `RUN n` asks for n units of work and is answered by `TIME seconds`,
`CHECK` by `CHECK {json}`; `QUIT` ends it. `dbm bench --worker` speaks the same.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

Array = np.ndarray

CHAINS = 100
TEMPERATURES = 1000
# Estimates that the check pools: one alone strays by 0.12 nats.
CHECK_ESTIMATES = 4
LEARNING_RATE, MOMENTUM, WEIGHT_DECAY = 1e-3, 0.9, 2e-4
EXAMPLES = 10_000
SQUARE = 2048
TASKS = {"W": "steps", "R": "steps", "G": "sweeps", "A": "estimates", "P": "products"}


class Sizes(tuple[int, ...]):
    """Units per layer, visible first. Peers in Python have three layers or, for task R, take the first two."""

    @property
    def visible(self) -> int:
        return self[0]

    @property
    def hidden1(self) -> int:
        return self[1]

    @property
    def hidden2(self) -> int:
        return self[2]

    @classmethod
    def parse(cls, text: str) -> "Sizes":
        return cls(map(int, text.split(",")))

    def __str__(self) -> str:
        return "-".join(map(str, self))


DEFAULT_SIZES = Sizes((784, 500, 1000))


@dataclass(frozen=True)
class Work:
    """What a worker is asked to do."""

    task: str
    sizes: Sizes
    batch: int
    threads: int

    @property
    def mean_field(self) -> int:
        """Mean-field sweeps of a training step."""
        return 1 if self.task == "R" else 10

    @property
    def gibbs(self) -> int:
        """Gibbs sweeps of a training step."""
        return 1 if self.task == "R" else 5

    def operations(self) -> float:
        """Floating-point operations of one unit of work, at the least; a multiply-add counts as two."""
        first, *others = (lower * upper for lower, upper in pairwise(self.sizes))
        rest = 0 if self.task == "R" else sum(others)
        sweep = 4 * CHAINS * (first + rest)
        positive = 2 * self.batch * (first + 2 * self.mean_field * rest)
        gradient = 2 * (self.batch + CHAINS) * (first + rest)
        step = positive + self.gibbs * sweep + gradient
        return {"W": step, "R": step, "G": sweep, "A": TEMPERATURES * sweep, "P": 2 * SQUARE**3}[self.task]


class Parameters(NamedTuple):
    """Weights `[lower, upper]` and biases, f32."""

    w1: Array
    w2: Array
    b0: Array
    b1: Array
    b2: Array


def pixel_rates(visible: int) -> Array:
    """Share of the examples in which each pixel is on: 18 % on average, most in the middle."""
    place = np.linspace(-1, 1, 28)
    image = 0.75 * np.exp(-3 * (place[:, None] ** 2 + place**2))
    return np.clip(np.resize(image.ravel(), visible), 1e-3, 1 - 1e-3)


def examples(visible: int, count: int = EXAMPLES) -> Array:
    """Binary images, `[examples, visible]`."""
    rates = pixel_rates(visible)
    return (np.random.default_rng(0).random((count, visible)) < rates).astype(np.float32)


def machine(work: Work) -> Parameters:
    """Small random weights, visible biases at the rates of the data. For task R there is no second hidden layer."""
    sizes, hidden2 = work.sizes, 0 if work.task == "R" else work.sizes.hidden2
    random = np.random.default_rng(1)
    rates = pixel_rates(sizes.visible)
    parameters = Parameters(
        0.05 * random.standard_normal((sizes.visible, sizes.hidden1)),
        0.05 * random.standard_normal((sizes.hidden1, hidden2)),
        np.log(rates / (1 - rates)),
        np.zeros(sizes.hidden1),
        np.zeros(hidden2),
    )
    return Parameters(*(each.astype(np.float32) for each in parameters))


def hashed(rows: int, columns: int, salt: int) -> Array:
    """Numbers in [0, 1) by an integer hash of row, column and salt, which any language can rebuild bit for bit."""
    low = np.uint64(0xFFFF_FFFF)
    row, column = np.arange(rows, dtype=np.uint64)[:, None], np.arange(columns, dtype=np.uint64)
    word = (row * np.uint64(73_856_093)) ^ (column * np.uint64(19_349_663)) ^ np.uint64(salt)
    word = (word * np.uint64(2_654_435_761)) & low
    word ^= word >> np.uint64(15)
    word = (word * np.uint64(2_246_822_519)) & low
    word ^= word >> np.uint64(13)
    return word / 2.0**32


def check_machine(sizes: Sizes) -> Parameters:
    """The machine of the check."""
    parameters = Parameters(
        0.4 * (hashed(sizes.visible, sizes.hidden1, 1) - 0.5),
        0.4 * (hashed(sizes.hidden1, sizes.hidden2, 2) - 0.5),
        2 * (hashed(1, sizes.visible, 3)[0] - 0.5) - 1,
        hashed(1, sizes.hidden1, 4)[0] - 0.5,
        hashed(1, sizes.hidden2, 5)[0] - 0.5,
    )
    return Parameters(*(each.astype(np.float32) for each in parameters))


def check_examples(visible: int) -> Array:
    """The examples of the check, `[100, visible]`."""
    return (hashed(100, visible, 6) < 0.2).astype(np.float32)


class Sampler(Protocol):
    """A machine with persistent chains."""

    def sweep(self, count: int) -> None:
        """Updates every unit of every chain `count` times."""

    def layers(self) -> list[Array]:
        """States of v, h1 and h2, each `[chains, units]`."""


class Machine(Sampler, Protocol):
    """What a peer implements to take part in every workload."""

    def train(self, steps: int) -> None:
        """Takes training steps."""

    def anneal(self) -> Array:
        """Log weights of annealed importance sampling, `[chains]`, nats."""

    def mean_field(self, visible: Array) -> tuple[Array, Array]:
        """Means of h1 and h2 after ten sweeps, h2 started at one half."""


def unit(machine: Machine, task: str) -> Callable[[int], None]:
    """The function that does n units of a task."""

    def anneal(count: int) -> None:
        for _ in range(count):
            machine.anneal()

    return {"W": machine.train, "R": machine.train, "G": machine.sweep, "A": anneal}[task]


def check_sampling(machine: Sampler) -> dict[str, object]:
    """Mean state of each layer over 200 sweeps, after 100 that are not counted."""
    machine.sweep(100)
    means = []
    for _ in range(200):
        machine.sweep(1)
        means.append([float(np.mean(layer)) for layer in machine.layers()])
    return {"gibbs_v_h1_h2": np.mean(means, axis=0).tolist()}


def check(machine: Machine, visible: Array) -> dict[str, object]:
    """What the pieces of the workloads give on the machine and the examples of the check."""
    mu1, mu2 = machine.mean_field(visible)
    statistics = mu1.T @ np.hstack([visible, mu2]) / len(visible)
    weights = np.concatenate([machine.anneal() for _ in range(CHECK_ESTIMATES)]).astype(np.float64)
    return {
        "mu1": float(mu1.mean()),
        "mu2": float(mu2.mean()),
        "g2": float(np.square(statistics).mean()),
        **check_sampling(machine),
        "ais_logZ": float(np.log(np.mean(np.exp(weights - weights.max()))) + weights.max()),
        "ais_sd": float(weights.std(ddof=1)),
    }


def parser(description: str | None, tasks: str) -> argparse.ArgumentParser:
    """The options that every worker has."""
    options = argparse.ArgumentParser(description=description)
    options.add_argument("--task", choices=list(tasks), default=tasks[0])
    options.add_argument("--sizes", type=Sizes.parse, default=DEFAULT_SIZES, metavar="V,H1,…")
    options.add_argument("--batch", type=int, default=100, help="examples of a training step")
    options.add_argument("--threads", type=int, default=os.cpu_count())
    return options


def asked(options: argparse.Namespace) -> Work:
    if options.task not in "RP" and len(options.sizes) != 3:
        sys.exit(f"--sizes {','.join(map(str, options.sizes))}: this peer has machines of three layers only")
    return Work(options.task, options.sizes, options.batch, options.threads)


def pin(threads: int) -> None:
    """Keeps the process on its first processors, for libraries that take the number of threads from there."""
    processors = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, processors[:threads])


def nothing() -> dict[str, object]:
    """The check of a peer that has none of the pieces which the check knows."""
    return {}


def serve(
    name: str,
    version: str,
    work: Work,
    run: Callable[[int], None],
    check: Callable[[], dict[str, object]] = nothing,
) -> None:
    """Serves the protocol. `run(n)` returns when n units of work are finished."""
    run(1 if work.task == "A" else 5)
    print("READY " + json.dumps({"name": name, "task": work.task, "version": version}), flush=True)
    for line in sys.stdin:
        match line.split():
            case ["RUN", count]:
                start = time.perf_counter()
                run(int(count))
                print(f"TIME {time.perf_counter() - start:.9f}", flush=True)
            case ["CHECK"]:
                print("CHECK " + json.dumps(check()), flush=True)
            case ["QUIT"] | []:
                return
            case _:
                sys.exit(f"a worker does not know the request {line!r}: send RUN n, CHECK or QUIT")
