"""rbms: the calls of its own training loop (persistent chains, its gradient, SGD), without what it writes to disk.

`--centered` is its default, the centred gradient; without it the gradient is that of the other peers.
"""

from importlib.metadata import version

import torch
from rbms.bernoulli_bernoulli.classes import BBRBM
from rbms.training.pcd import fit_batch_pcd

import workloads
from workloads import CHAINS, LEARNING_RATE, MOMENTUM, WEIGHT_DECAY, Work


class Training:
    """A machine under training."""

    def __init__(self, work: Work, centered: bool) -> None:
        parameters = workloads.machine(work)
        self.machine = BBRBM(*map(torch.from_numpy, (parameters.w1, parameters.b0, parameters.b1)))
        for each in self.machine.parameters():
            each.grad = torch.zeros_like(each)
        self.optimizer = torch.optim.SGD(
            self.machine.parameters(), LEARNING_RATE, MOMENTUM, weight_decay=WEIGHT_DECAY, maximize=True
        )
        self.examples = torch.from_numpy(workloads.examples(work.sizes.visible))
        self.importance = torch.ones(len(self.examples), 1)
        self.chains = self.machine.init_chains(CHAINS)
        self.batch, self.centered = work.batch, centered

    def train(self, steps: int) -> None:
        for _ in range(steps):
            rows = torch.randperm(len(self.examples))[: self.batch]
            self.optimizer.zero_grad(set_to_none=False)
            batch = self.examples[rows], self.importance[rows]
            self.chains, _ = fit_batch_pcd(batch, self.chains, self.machine, 1, 1.0, centered=self.centered)
            self.optimizer.step()


@torch.no_grad()
def main() -> None:
    options = workloads.parser(__doc__, "R")
    options.add_argument("--centered", action="store_true")
    options = options.parse_args()
    work = workloads.asked(options)
    torch.set_num_threads(work.threads)
    torch.manual_seed(0)
    name = "rbms centred" if options.centered else "rbms"
    workloads.serve(name, version("rbms"), work, Training(work, options.centered).train)


if __name__ == "__main__":
    main()
