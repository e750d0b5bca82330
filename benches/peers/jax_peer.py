"""JAX on the CPU: every workload is one compiled loop over its units, with the state donated.

Weights are one block between h1 and the even layers [v, h2]; v W1 is computed once for each step.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

import workloads
from workloads import CHAINS, LEARNING_RATE, MOMENTUM, TEMPERATURES, WEIGHT_DECAY, Work

KEYS = {"rbg": "unsafe_rbg", "threefry": "threefry2x32"}


class Block(NamedTuple):
    """Weights `[h1, even]` and biases."""

    w: jax.Array
    b_even: jax.Array
    b1: jax.Array

    @classmethod
    def of(cls, parameters: workloads.Parameters) -> "Block":
        w1, w2, b0, b1, b2 = map(jnp.asarray, parameters)
        return cls(jnp.concatenate([w1.T, w2], 1), jnp.concatenate([b0, b2]), b1)


class Chains(NamedTuple):
    """States of the persistent chains and the key of their next random numbers."""

    even: jax.Array
    h1: jax.Array
    key: jax.Array


class State(NamedTuple):
    """What training changes."""

    block: Block
    momentum: Block
    chains: Chains


def bernoulli(key: jax.Array, probabilities: jax.Array) -> jax.Array:
    return (jax.random.uniform(key, probabilities.shape) < probabilities).astype(jnp.float32)


def infer(block: Block, x: jax.Array, sweeps: int) -> tuple[jax.Array, jax.Array]:
    visible = x.shape[1]
    w2, b2 = block.w[:, visible:], block.b_even[visible:]
    from_visible = x @ block.w[:, :visible].T + block.b1

    def sweep(_: int, means: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
        mu1 = jax.nn.sigmoid(from_visible + means[1] @ w2.T)
        return mu1, jax.nn.sigmoid(mu1 @ w2 + b2)

    start = jnp.zeros_like(from_visible), jnp.full((len(x), len(b2)), 0.5)
    return jax.lax.fori_loop(0, sweeps, sweep, start)


def gibbs(block: Block, chains: Chains, sweeps: int) -> Chains:
    def sweep(_: int, chains: Chains) -> Chains:
        key, key_even, key1 = jax.random.split(chains.key, 3)
        even = bernoulli(key_even, jax.nn.sigmoid(chains.h1 @ block.w + block.b_even))
        return Chains(even, bernoulli(key1, jax.nn.sigmoid(even @ block.w.T + block.b1)), key)

    return jax.lax.fori_loop(0, sweeps, sweep, chains)


def step(state: State, x: jax.Array, mean_field: int, sweeps: int) -> State:
    block, momentum, chains = state
    mu1, mu2 = infer(block, x, mean_field)
    chains = gibbs(block, chains, sweeps)
    odd, data = jnp.concatenate([mu1 / len(x), chains.h1 / -CHAINS]), jnp.concatenate([x, mu2], 1)
    gradient = Block(
        odd.T @ jnp.concatenate([data, chains.even]) - WEIGHT_DECAY * block.w,
        data.mean(0) - chains.even.mean(0),
        odd.sum(0),
    )
    momentum = jax.tree.map(lambda m, g: MOMENTUM * m + LEARNING_RATE * g, momentum, gradient)
    return State(jax.tree.map(jnp.add, block, momentum), momentum, chains)


def training(work: Work):
    """The compiled loop over `steps` training steps, the first of them at the batch that `first` counts."""

    @partial(jax.jit, donate_argnums=0)
    def train(state: State, examples: jax.Array, first: int, steps: int) -> State:
        def at(index: int, state: State) -> State:
            row = (first + index) * work.batch % (len(examples) - work.batch + 1)
            x = jax.lax.dynamic_slice_in_dim(examples, row, work.batch)
            return step(state, x, work.mean_field, work.gibbs)

        return jax.lax.fori_loop(0, steps, at, state)

    return train


@jax.jit
def anneal(block: Block, key: jax.Array) -> jax.Array:
    softplus = jax.nn.softplus

    def temperature(carry, betas):
        h1, weights, key = carry
        before, beta = betas
        key, key_even, key1 = jax.random.split(key, 3)
        even = h1 @ block.w + block.b_even
        gain = (softplus(even * beta) - softplus(even * before)).sum(1) + (beta - before) * (h1 @ block.b1)
        even = bernoulli(key_even, jax.nn.sigmoid(even * beta))
        h1 = bernoulli(key1, jax.nn.sigmoid((even @ block.w.T + block.b1) * beta))
        return (h1, weights + gain, key), None

    key, first = jax.random.split(key)
    h1 = bernoulli(first, jnp.full((CHAINS, len(block.b1)), 0.5))
    weights = jnp.full(CHAINS, np.log(2) * (len(block.b1) + len(block.b_even)))
    betas = jnp.linspace(0, 1, TEMPERATURES + 1)
    return jax.lax.scan(temperature, (h1, weights, key), (betas[:-1], betas[1:]))[0][1]


class Machine:
    """The compiled functions and the state they change."""

    def __init__(self, parameters: workloads.Parameters, examples: np.ndarray, work: Work) -> None:
        block = Block.of(parameters)
        zeros = jax.tree.map(jnp.zeros_like, block)
        chains = Chains(
            jnp.zeros((CHAINS, len(block.b_even))), jnp.zeros((CHAINS, len(block.b1))), jax.random.key(0)
        )
        self.state, self.examples, self.work = State(block, zeros, chains), jnp.asarray(examples), work
        self.key, self.steps = jax.random.key(1), 0
        self.step, self.gibbs = training(work), jax.jit(gibbs, donate_argnums=1)
        self.infer = jax.jit(infer, static_argnums=2)

    def train(self, steps: int) -> None:
        self.state = jax.block_until_ready(self.step(self.state, self.examples, self.steps, steps))
        self.steps += steps

    def sweep(self, count: int) -> None:
        chains = self.gibbs(self.state.block, self.state.chains, count)
        self.state = self.state._replace(chains=jax.block_until_ready(chains))

    def layers(self) -> list[np.ndarray]:
        even, visible = np.asarray(self.state.chains.even), self.examples.shape[1]
        return [even[:, :visible], np.asarray(self.state.chains.h1), even[:, visible:]]

    def anneal(self) -> np.ndarray:
        self.key, key = jax.random.split(self.key)
        return np.asarray(anneal(self.state.block, key))

    def mean_field(self, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mu1, mu2 = self.infer(self.state.block, jnp.asarray(visible), self.work.mean_field)
        return np.asarray(mu1), np.asarray(mu2)


def main() -> None:
    options = workloads.parser(__doc__, "WRGA")
    options.add_argument("--keys", choices=KEYS, default="rbg", help="generator of random numbers")
    options = options.parse_args()
    work = workloads.asked(options)
    workloads.pin(work.threads)
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_default_prng_impl", KEYS[options.keys])

    def check() -> dict[str, object]:
        visible = workloads.check_examples(work.sizes.visible)
        asked = Work("W", work.sizes, len(visible), work.threads)
        return workloads.check(Machine(workloads.check_machine(work.sizes), visible, asked), visible)

    machine = Machine(workloads.machine(work), workloads.examples(work.sizes.visible), work)
    run = workloads.unit(machine, work.task)
    workloads.serve(f"jax {options.keys}", jax.__version__, work, run, check)


if __name__ == "__main__":
    main()
