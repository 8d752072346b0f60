"""The same MLP in eager PyTorch, on the CPU with its default threads.

The scaled images are one tensor, indexed batch by batch without a DataLoader; figures are read from tensors
only at the end of the epoch.
"""

from collections.abc import Callable
from itertools import pairwise

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from experiments.benchmarks.peers.worker import Epoch, Job


def network_of(job: Job) -> nn.Sequential:
    """Build linear layers with ReLU between, with the given initial weights."""
    weights = job.arrays("weights")
    layers: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(pairwise(job.network["layer_sizes"])):
        linear = nn.Linear(fan_in, fan_out)
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(weights[f"W{index}"]).T)
            linear.bias.copy_(torch.from_numpy(weights[f"b{index}"]))
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def start(job: Job) -> Callable[[], Epoch]:
    """Prepare the epoch."""
    inputs = torch.from_numpy(job.array("inputs"))
    labels = torch.from_numpy(job.array("labels")).long()
    network = network_of(job)
    optimizer = torch.optim.SGD(network.parameters(), lr=job.learning_rate)
    cross_entropy = nn.CrossEntropyLoss()
    generator = torch.Generator().manual_seed(job.seed)

    def epoch() -> Epoch:
        loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for indices in torch.randperm(len(labels), generator=generator).split(job.batch_size):
            batch_labels = labels[indices]
            logits = network(inputs[indices])
            loss = cross_entropy(logits, batch_labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(indices)
            correct += (logits.argmax(dim=1) == batch_labels).sum()
        return Epoch(loss_sum.item() / len(labels), correct.item() / len(labels))

    return epoch
