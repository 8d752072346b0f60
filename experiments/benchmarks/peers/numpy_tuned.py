"""The same algorithm in NumPy, as fast as we could write it.

float32, so that BLAS computes the products; scaled images in memory. Every array of a step is allocated once,
weights are updated in place, ReLU keeps only its output, and no gradient of the inputs is computed. The
learning rate is applied together with 1/m, so that the backward pass returns the update itself.
"""

from collections.abc import Callable

import numpy as np

from experiments.benchmarks.peers.worker import Epoch, Job, epochs


class Network:
    """Weights, and buffers for what a step computes."""

    def __init__(self, job: Job):
        weights = job.arrays("weights")
        layers = range(len(weights) // 2)
        sizes, training = job.stage["model"]["layer_sizes"], job.stage["training"]
        batch = training["batch_size"]
        self.learning_rate = np.float32(training["learning_rate"])
        self.W = [weights[f"{index}.W"] for index in layers]
        self.b = [weights[f"{index}.b"] for index in layers]
        self.dW = [np.empty_like(W) for W in self.W]
        self.db = [np.empty_like(b) for b in self.b]
        self.A = [np.empty((batch, units), np.float32) for units in sizes]
        self.dA = [np.empty((batch, units), np.float32) for units in sizes]
        self.positive = [np.empty((batch, units), np.float32) for units in sizes]
        self.rows = np.arange(batch)

    def step(self, m: int, labels: np.ndarray) -> tuple[float, int]:
        """Update the weights by the m inputs in A[0]; returns (sum of losses, right answers) before it."""
        A = [units[:m] for units in self.A]
        for index, (W, b) in enumerate(zip(self.W, self.b, strict=True)):
            Z = np.matmul(A[index], W, out=A[index + 1])
            Z += b
            if index + 1 < len(self.W):
                np.maximum(Z, 0, out=Z)
        loss, correct = self.softmax_cross_entropy(A[-1], labels)
        for index in reversed(range(len(self.W))):
            dZ = self.dA[index + 1][:m]
            np.matmul(A[index].T, dZ, out=self.dW[index])
            np.sum(dZ, axis=0, out=self.db[index])
            if index:
                dA = np.matmul(dZ, self.W[index].T, out=self.dA[index][:m])
                dA *= np.greater(A[index], 0, out=self.positive[index][:m])
            self.W[index] -= self.dW[index]
            self.b[index] -= self.db[index]
        return loss, correct

    def softmax_cross_entropy(self, Z: np.ndarray, labels: np.ndarray) -> tuple[float, int]:
        """Write learning_rate * (softmax(Z) - Y) / m to dA[-1]; Z is overwritten."""
        m = len(labels)
        rows, dZ = self.rows[:m], self.dA[-1][:m]
        correct = int(np.count_nonzero(Z.argmax(axis=1) == labels))
        Z -= Z.max(axis=1, keepdims=True)
        np.exp(Z, out=dZ)
        total = dZ.sum(axis=1, keepdims=True)
        loss = float(np.log(total).sum() - Z[rows, labels].sum())
        dZ *= self.learning_rate / m / total
        dZ[rows, labels] -= self.learning_rate / m
        return loss, correct


def start(job: Job) -> Callable[[], Epoch]:
    """Prepare the epoch."""
    labels, network = job.array("labels"), Network(job)
    inputs = job.array("inputs").reshape(len(labels), -1)

    def update(indices: np.ndarray) -> tuple[float, int]:
        m = len(indices)
        # "clip" writes directly to `out`; the default makes a temporary copy.
        np.take(inputs, indices, axis=0, out=network.A[0][:m], mode="clip")
        return network.step(m, labels[indices])

    return epochs(job, update)
