"""The same algorithm in NumPy, written as the formulas are: a first implementation from scratch.

float32, scaled images in memory. Every operation allocates a new array, and no operations are combined.
"""

from collections.abc import Callable

import numpy as np

from experiments.benchmarks.peers.worker import Epoch, Job, epochs


def step(
    weights: list[tuple[np.ndarray, np.ndarray]],
    X: np.ndarray,
    labels: np.ndarray,
    learning_rate: np.float32,
) -> tuple[list[tuple[np.ndarray, np.ndarray]], float, int]:
    """The weights after one step of gradient descent, the sum of losses and the right answers."""
    m = len(labels)
    A, Z = [X], X
    for W, b in weights[:-1]:
        Z = A[-1] @ W + b
        A.append(np.maximum(Z, 0))
    W, b = weights[-1]
    logits = A[-1] @ W + b
    shifted = logits - logits.max(axis=1, keepdims=True)
    exponentials = np.exp(shifted)
    Yhat = exponentials / exponentials.sum(axis=1, keepdims=True)
    Y = np.eye(logits.shape[1], dtype=np.float32)[labels]
    loss = -np.log(Yhat[np.arange(m), labels]).sum()
    dZ = (Yhat - Y) / np.float32(m)
    updated = []
    for index in reversed(range(len(weights))):
        W, b = weights[index]
        dW, db = A[index].T @ dZ, dZ.sum(axis=0)
        if index:
            dZ = (dZ @ W.T) * (A[index] > 0)
        updated.append((W - learning_rate * dW, b - learning_rate * db))
    return updated[::-1], float(loss), int((logits.argmax(axis=1) == labels).sum())


def start(job: Job) -> Callable[[], Epoch]:
    """Prepare the epoch."""
    labels, stored = job.array("labels"), job.arrays("weights")
    inputs = job.array("inputs").reshape(len(labels), -1)
    weights = [(stored[f"{index}.W"], stored[f"{index}.b"]) for index in range(len(stored) // 2)]
    learning_rate = np.float32(job.stage["training"]["learning_rate"])

    def update(indices: np.ndarray) -> tuple[float, int]:
        nonlocal weights
        weights, loss, right = step(weights, inputs[indices], labels[indices], learning_rate)
        return loss, right

    return epochs(job, update)
