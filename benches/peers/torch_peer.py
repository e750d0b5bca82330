"""PyTorch on the CPU.

textbook: as one would first write it; nothing hoisted, new tensors everywhere.
eager:    PyTorch's best foot without a compiler: [W1^T, W2] as one block, v W1 computed once, buffers for every result,
          uniform numbers compared in place, the gradient accumulated into the momentum by one product.
compile:  the same mathematics without buffers, through torch.compile.
"""

from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import softplus

import workloads
from workloads import CHAINS, LEARNING_RATE, MOMENTUM, SQUARE, TEMPERATURES, WEIGHT_DECAY, Parameters, Work


def batches(examples: Tensor, size: int) -> Iterator[Tensor]:
    """Batches that walk through the examples for ever."""
    start = 0
    while True:
        yield examples[start : start + size]
        start = (start + size) % (len(examples) - size + 1)


def temperatures() -> list[float]:
    return np.linspace(0, 1, TEMPERATURES + 1).tolist()


class Textbook:
    """The DBM with a matrix for each pair of layers."""

    def __init__(self, parameters: Parameters, examples: Tensor, work: Work) -> None:
        self.parameters = [torch.from_numpy(each).clone() for each in parameters]
        self.momenta = [torch.zeros_like(each) for each in self.parameters]
        self.v, self.h1, self.h2 = (torch.zeros(CHAINS, len(bias)) for bias in self.parameters[2:])
        self.batches, self.work = batches(examples, work.batch), work

    def infer(self, x: Tensor, sweeps: int) -> tuple[Tensor, Tensor]:
        w1, w2, _, b1, b2 = self.parameters
        mu2 = torch.full((len(x), len(b2)), 0.5)
        for _ in range(sweeps):
            mu1 = torch.sigmoid(x @ w1 + mu2 @ w2.t() + b1)
            mu2 = torch.sigmoid(mu1 @ w2 + b2)
        return mu1, mu2

    def mean_field(self, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mu1, mu2 = self.infer(torch.from_numpy(visible), self.work.mean_field)
        return mu1.numpy(), mu2.numpy()

    def sweep(self, count: int) -> None:
        w1, w2, b0, b1, b2 = self.parameters
        for _ in range(count):
            self.v = torch.bernoulli(torch.sigmoid(self.h1 @ w1.t() + b0))
            self.h2 = torch.bernoulli(torch.sigmoid(self.h1 @ w2 + b2))
            self.h1 = torch.bernoulli(torch.sigmoid(self.v @ w1 + self.h2 @ w2.t() + b1))

    def layers(self) -> list[np.ndarray]:
        return [self.v.numpy(), self.h1.numpy(), self.h2.numpy()]

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self.step(next(self.batches))

    def step(self, x: Tensor) -> None:
        mu1, mu2 = self.infer(x, self.work.mean_field)
        self.sweep(self.work.gibbs)
        w1, w2, *_ = self.parameters
        gradients = [
            x.t() @ mu1 / len(x) - self.v.t() @ self.h1 / CHAINS - WEIGHT_DECAY * w1,
            mu1.t() @ mu2 / len(x) - self.h1.t() @ self.h2 / CHAINS - WEIGHT_DECAY * w2,
            x.mean(0) - self.v.mean(0),
            mu1.mean(0) - self.h1.mean(0),
            mu2.mean(0) - self.h2.mean(0),
        ]
        for parameter, momentum, gradient in zip(self.parameters, self.momenta, gradients):
            momentum.mul_(MOMENTUM).add_(gradient, alpha=LEARNING_RATE)
            parameter.add_(momentum)

    def anneal(self) -> np.ndarray:
        w1, w2, b0, b1, b2 = self.parameters
        h1 = torch.bernoulli(torch.full((CHAINS, len(b1)), 0.5))
        weights = torch.full((CHAINS,), np.log(2) * sum(len(bias) for bias in (b0, b1, b2)))
        betas = temperatures()
        for before, beta in zip(betas, betas[1:]):
            a0, a2 = h1 @ w1.t() + b0, h1 @ w2 + b2
            for a in (a0, a2):
                weights += (softplus(beta * a) - softplus(before * a)).sum(1)
            weights += (beta - before) * (h1 @ b1)
            v, h2 = torch.bernoulli(torch.sigmoid(beta * a0)), torch.bernoulli(torch.sigmoid(beta * a2))
            h1 = torch.bernoulli(torch.sigmoid(beta * (v @ w1 + h2 @ w2.t() + b1)))
        return weights.numpy()


class Block:
    """The DBM as one block of weights between h1 and the even layers [v, h2]."""

    def __init__(self, parameters: Parameters, examples: Tensor, work: Work) -> None:
        w1, w2, b0, b1, b2 = (torch.from_numpy(each) for each in parameters)
        self.w = torch.cat([w1.t(), w2], 1).contiguous()
        self.b_even, self.b1 = torch.cat([b0, b2]), b1.clone()
        self.m_w, self.m_even, self.m1 = (torch.zeros_like(each) for each in (self.w, self.b_even, self.b1))
        self.even, self.h1 = torch.zeros(CHAINS, len(self.b_even)), torch.zeros(CHAINS, len(b1))
        self.visible, self.batches, self.work = len(b0), batches(examples, work.batch), work

    def layers(self) -> list[np.ndarray]:
        return [self.even[:, : self.visible].numpy(), self.h1.numpy(), self.even[:, self.visible :].numpy()]


def sample_in_place(probabilities: Tensor, uniform: Tensor) -> None:
    """Turns probabilities into states."""
    torch.rand(probabilities.shape, out=uniform)
    torch.lt(uniform, probabilities, out=probabilities)


class Eager(Block):
    """Everything in buffers. Data and chains are stacked, so that one product gives the gradient of both phases."""

    def __init__(self, parameters: Parameters, examples: Tensor, work: Work) -> None:
        super().__init__(parameters, examples, work)
        rows, (odd, even) = work.batch, self.w.shape
        self.from_visible = torch.empty(rows, odd)
        self.odd_rows, self.even_rows = torch.empty(rows + CHAINS, odd), torch.empty(rows + CHAINS, even)
        self.u_even, self.u1 = torch.empty(CHAINS, even), torch.empty(CHAINS, odd)

    def infer(self, x: Tensor) -> tuple[Tensor, Tensor]:
        rows, visible, w2, b2 = self.work.batch, self.visible, self.w[:, self.visible :], self.b_even[self.visible :]
        mu1, mu2 = self.odd_rows[:rows], self.even_rows[:rows, visible:]
        torch.addmm(self.b1, x, self.w[:, :visible].t(), out=self.from_visible)
        if not len(b2):
            return torch.sigmoid(self.from_visible, out=mu1), mu2
        mu2.fill_(0.5)
        for _ in range(self.work.mean_field):
            torch.addmm(self.from_visible, mu2, w2.t(), out=mu1).sigmoid_()
            torch.addmm(b2, mu1, w2, out=mu2).sigmoid_()
        return mu1, mu2

    def mean_field(self, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mu1, mu2 = self.infer(torch.from_numpy(visible))
        return mu1.numpy(), mu2.numpy()

    def sweep(self, count: int) -> None:
        for _ in range(count):
            sample_in_place(torch.addmm(self.b_even, self.h1, self.w, out=self.even).sigmoid_(), self.u_even)
            sample_in_place(torch.addmm(self.b1, self.even, self.w.t(), out=self.h1).sigmoid_(), self.u1)

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self.step(next(self.batches))

    def step(self, x: Tensor) -> None:
        rows = self.work.batch
        self.infer(x)
        self.sweep(self.work.gibbs)
        self.even_rows[:rows, : self.visible] = x
        self.even_rows[rows:] = self.even
        self.odd_rows[:rows].div_(rows)
        torch.div(self.h1, -CHAINS, out=self.odd_rows[rows:])
        g_even = self.even_rows[:rows].mean(0) - self.even_rows[rows:].mean(0)
        torch.addmm(
            self.m_w, self.odd_rows.t(), self.even_rows, beta=MOMENTUM, alpha=LEARNING_RATE, out=self.m_w
        ).add_(self.w, alpha=-LEARNING_RATE * WEIGHT_DECAY)
        self.m1.mul_(MOMENTUM).add_(self.odd_rows.sum(0), alpha=LEARNING_RATE)
        self.m_even.mul_(MOMENTUM).add_(g_even, alpha=LEARNING_RATE)
        self.w.add_(self.m_w)
        self.b1.add_(self.m1)
        self.b_even.add_(self.m_even)

    def anneal(self) -> np.ndarray:
        h1 = (torch.rand(CHAINS, len(self.b1)) < 0.5).float()
        weights = torch.full((CHAINS,), np.log(2) * (len(self.b1) + len(self.b_even)))
        even, betas = torch.empty_like(self.even), temperatures()
        for before, beta in zip(betas, betas[1:]):
            torch.addmm(self.b_even, h1, self.w, out=even)
            weights += (softplus(even * beta) - softplus(even * before)).sum(1) + (beta - before) * (h1 @ self.b1)
            sample_in_place(even.mul_(beta).sigmoid_(), self.u_even)
            sample_in_place(torch.addmm(self.b1, even, self.w.t(), out=h1).mul_(beta).sigmoid_(), self.u1)
        return weights.numpy()


def bernoulli(probabilities: Tensor) -> Tensor:
    return (torch.rand(probabilities.shape) < probabilities).float()


def pure_infer(w: Tensor, b_even: Tensor, b1: Tensor, x: Tensor, sweeps: int) -> tuple[Tensor, Tensor]:
    visible = x.shape[1]
    w2, b2 = w[:, visible:], b_even[visible:]
    from_visible = torch.addmm(b1, x, w[:, :visible].t())
    mu2 = torch.full((len(x), len(b2)), 0.5)
    for _ in range(sweeps):
        mu1 = torch.sigmoid(torch.addmm(from_visible, mu2, w2.t()) if len(b2) else from_visible)
        mu2 = torch.sigmoid(torch.addmm(b2, mu1, w2))
    return mu1, mu2


def pure_sweep(w: Tensor, b_even: Tensor, b1: Tensor, h1: Tensor) -> tuple[Tensor, Tensor]:
    even = bernoulli(torch.sigmoid(torch.addmm(b_even, h1, w)))
    return even, bernoulli(torch.sigmoid(torch.addmm(b1, even, w.t())))


def pure_step(
    parameters: list[Tensor], momenta: list[Tensor], h1: Tensor, x: Tensor, work: Work
) -> tuple[Tensor, Tensor]:
    """Changes parameters and momenta in place and returns the new states of the chains."""
    mu1, mu2 = pure_infer(*parameters, x, work.mean_field)
    for _ in range(work.gibbs):
        even, h1 = pure_sweep(*parameters, h1)
    odd_rows, data = torch.cat([mu1 / len(x), h1 / -CHAINS]), torch.cat([x, mu2], 1)
    gradients = [
        odd_rows.t() @ torch.cat([data, even]) - WEIGHT_DECAY * parameters[0],
        data.mean(0) - even.mean(0),
        odd_rows.sum(0),
    ]
    for parameter, momentum, gradient in zip(parameters, momenta, gradients):
        new = MOMENTUM * momentum + LEARNING_RATE * gradient
        parameter.add_(new)
        momentum.copy_(new)
    return even, h1


def pure_anneal(
    w: Tensor, b_even: Tensor, b1: Tensor, h1: Tensor, weights: Tensor, before: Tensor, beta: Tensor
) -> tuple[Tensor, Tensor]:
    even = torch.addmm(b_even, h1, w)
    gain = (softplus(even * beta) - softplus(even * before)).sum(1) + (beta - before) * (h1 @ b1)
    even = bernoulli(torch.sigmoid(even * beta))
    return bernoulli(torch.sigmoid(torch.addmm(b1, even, w.t()) * beta)), weights + gain


class Compiled(Block):
    """Pure functions through torch.compile."""

    def __init__(self, parameters: Parameters, examples: Tensor, work: Work) -> None:
        super().__init__(parameters, examples, work)
        self.parameters, self.momenta = [self.w, self.b_even, self.b1], [self.m_w, self.m_even, self.m1]
        self.infer, self.one_sweep, self.step, self.one_temperature = (
            torch.compile(each, dynamic=False) for each in (pure_infer, pure_sweep, pure_step, pure_anneal)
        )

    def mean_field(self, visible: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        mu1, mu2 = self.infer(*self.parameters, torch.from_numpy(visible), self.work.mean_field)
        return mu1.numpy(), mu2.numpy()

    def sweep(self, count: int) -> None:
        for _ in range(count):
            self.even, self.h1 = self.one_sweep(*self.parameters, self.h1)

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self.even, self.h1 = self.step(self.parameters, self.momenta, self.h1, next(self.batches), self.work)

    def anneal(self) -> np.ndarray:
        h1 = bernoulli(torch.full((CHAINS, len(self.b1)), 0.5))
        weights = torch.full((CHAINS,), np.log(2) * (len(self.b1) + len(self.b_even)))
        betas = torch.tensor(temperatures())
        for before, beta in zip(betas, betas[1:]):
            h1, weights = self.one_temperature(*self.parameters, h1, weights, before, beta)
        return weights.numpy()


IMPLEMENTATIONS = {"eager": Eager, "textbook": Textbook, "compile": Compiled}


def product() -> Callable[[int], None]:
    """Products of two square matrices: the yardstick."""
    left, right, out = torch.rand(SQUARE, SQUARE), torch.rand(SQUARE, SQUARE) - 0.5, torch.empty(SQUARE, SQUARE)

    def run(count: int) -> None:
        for _ in range(count):
            torch.mm(left, right, out=out)

    return run


@torch.inference_mode()
def main() -> None:
    options = workloads.parser(__doc__, "WRGAP")
    options.add_argument("--impl", choices=IMPLEMENTATIONS, default="eager")
    options = options.parse_args()
    work, implementation = workloads.asked(options), IMPLEMENTATIONS[options.impl]
    torch.set_num_threads(work.threads)
    torch.manual_seed(0)

    def check() -> dict[str, object]:
        visible = workloads.check_examples(work.sizes.visible)
        asked = Work("W", work.sizes, len(visible), work.threads)
        machine = implementation(workloads.check_machine(work.sizes), torch.from_numpy(visible), asked)
        return workloads.check(machine, visible)

    if work.task == "P":
        workloads.serve("torch product", torch.__version__, work, product())
    else:
        examples = torch.from_numpy(workloads.examples(work.sizes.visible))
        run = workloads.unit(implementation(workloads.machine(work), examples, work), work.task)
        workloads.serve(f"torch {options.impl}", torch.__version__, work, run, check)


if __name__ == "__main__":
    main()
