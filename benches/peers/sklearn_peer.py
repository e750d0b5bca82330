"""scikit-learn: `BernoulliRBM.partial_fit`. It has as many chains as examples in a batch, no momentum and no weight decay."""

import sklearn
from sklearn.neural_network import BernoulliRBM
from threadpoolctl import threadpool_limits

import workloads
from workloads import LEARNING_RATE, Work


class Training:
    """A machine under training."""

    def __init__(self, work: Work) -> None:
        self.machine = BernoulliRBM(work.sizes.hidden1, learning_rate=LEARNING_RATE, random_state=0)
        self.examples, self.batch, self.start = workloads.examples(work.sizes.visible), work.batch, 0

    def train(self, steps: int) -> None:
        for _ in range(steps):
            self.machine.partial_fit(self.examples[self.start : self.start + self.batch])
            self.start = (self.start + self.batch) % (len(self.examples) - self.batch + 1)


def main() -> None:
    work = workloads.asked(workloads.parser(__doc__, "R").parse_args())
    with threadpool_limits(work.threads):
        workloads.serve("scikit-learn", sklearn.__version__, work, Training(work).train)


if __name__ == "__main__":
    main()
