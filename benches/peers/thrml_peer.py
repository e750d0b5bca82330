"""thrml: block Gibbs sampling of the machine as an Ising model, v and h2 given h1, then h1, over a batch of chains.

It holds every pair of coupled units as an object, so that a machine takes long to build.
"""

from importlib.metadata import version

import jax
import jax.numpy as jnp
import numpy as np
from thrml import Block, SpinNode, sample_blocks
from thrml.models import IsingEBM, IsingSamplingProgram, hinton_init

import workloads
from workloads import CHAINS, Parameters


def ising(parameters: Parameters) -> tuple[np.ndarray, np.ndarray]:
    """Biases of v, h1, h2 and couplings for units of -1 and 1 instead of 0 and 1."""
    w1, w2, b0, b1, b2 = parameters
    fields = [b0 / 2 + w1.sum(1) / 4, b1 / 2 + w1.sum(0) / 4 + w2.sum(1) / 4, b2 / 2 + w2.sum(0) / 4]
    return np.concatenate(fields), np.concatenate([w1.ravel(), w2.ravel()]) / 4


class Chains:
    """Persistent chains of the machine."""

    def __init__(self, parameters: Parameters) -> None:
        v, h1, h2 = ([SpinNode() for _ in bias] for bias in parameters[2:])
        pairs = [(low, high) for lower, upper in ((v, h1), (h1, h2)) for low in lower for high in upper]
        biases, couplings = map(jnp.asarray, ising(parameters))
        model = IsingEBM([*v, *h1, *h2], pairs, biases, couplings, jnp.array(1.0))
        blocks = [Block(v), Block(h2), Block(h1)]
        program = IsingSamplingProgram(model, [(blocks[0], blocks[1]), blocks[2]], [])
        samplers = [sampler.init() for sampler in program.samplers]

        def sweep(key: jax.Array, state: list[jax.Array]) -> list[jax.Array]:
            return sample_blocks(key, list(state), [], program, list(samplers))[0]

        def sweeps(key: jax.Array, state: list[jax.Array], count: int) -> tuple[jax.Array, list[jax.Array]]:
            def chains(_: int, carry: tuple[jax.Array, list[jax.Array]]) -> tuple[jax.Array, list[jax.Array]]:
                key, state = carry
                key, use = jax.random.split(key)
                return key, jax.vmap(sweep)(jax.random.split(use, CHAINS), state)

            return jax.lax.fori_loop(0, count, chains, (key, state))

        self.sweeps = jax.jit(sweeps)
        self.key, self.state = jax.random.key(0), hinton_init(jax.random.key(1), model, blocks, (CHAINS,))

    def sweep(self, count: int) -> None:
        self.key, self.state = jax.block_until_ready(self.sweeps(self.key, self.state, count))

    def layers(self) -> list[np.ndarray]:
        v, h2, h1 = map(np.asarray, self.state)
        return [v, h1, h2]


def main() -> None:
    work = workloads.asked(workloads.parser(__doc__, "G").parse_args())
    workloads.pin(work.threads)
    jax.config.update("jax_platforms", "cpu")

    def check() -> dict[str, object]:
        return workloads.check_sampling(Chains(workloads.check_machine(work.sizes)))

    workloads.serve("thrml", version("thrml"), work, Chains(workloads.machine(work)).sweep, check)


if __name__ == "__main__":
    main()
