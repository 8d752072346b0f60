"""The same convnet in eager PyTorch, on the CPU with its default threads.

Model and images are channels_last. The scaled images are one tensor, indexed batch by batch without a
DataLoader. Adam and SGD are fused, PyTorch's fastest on a CPU. Figures are read from tensors only at the end.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch  # pyright: ignore[reportMissingImports]
from torch import nn  # pyright: ignore[reportMissingImports]

from experiments.benchmarks.peers.worker import Epoch, Job

OPTIMIZERS = {"sgd": torch.optim.SGD, "adam": torch.optim.Adam}

POOLINGS = {
    "max": lambda: nn.MaxPool2d(2),
    "avg": lambda: nn.AvgPool2d(2),
    "global": lambda: nn.AdaptiveAvgPool2d(1),
    "none": nn.Identity,
}


class Extraction(NamedTuple):
    """An extraction's figure: the mean of all features."""

    mean: float


def train(job: Job) -> Callable[[], Epoch]:
    """Prepare an epoch of `counts["train"]` images."""
    inputs = inputs_of(job, job.counts["train"])
    labels = torch.from_numpy(job.array("labels")[: len(inputs)]).long()
    extractor, head = extractor_of(job), head_of(job)
    network = nn.Sequential(extractor, head).to(memory_format=torch.channels_last)
    optimizer = OPTIMIZERS[job.optimizer](network.parameters(), lr=job.learning_rate, fused=True)
    cross_entropy = nn.CrossEntropyLoss()
    generator = torch.Generator().manual_seed(job.seed)

    def epoch() -> Epoch:
        loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        for indices in torch.randperm(len(labels), generator=generator).split(job.batch_size):
            batch_labels = labels[indices]
            logits = network(inputs[indices])
            loss = cross_entropy(logits, batch_labels)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(indices)
            correct += (logits.argmax(dim=1) == batch_labels).sum()
        return Epoch(loss_sum.item() / len(labels), correct.item() / len(labels))

    return epoch


def features(job: Job) -> Callable[[], Extraction]:
    """Prepare features of `counts["features"]` images, `counts["features_batch"]` at a time."""
    inputs = inputs_of(job, job.counts["features"])
    extractor = extractor_of(job).eval().to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def extract() -> Extraction:
        made = torch.cat([extractor(batch) for batch in inputs.split(job.counts["features_batch"])])
        return Extraction(made.mean().item())

    return extract


def inputs_of(job: Job, count: int) -> torch.Tensor:
    """Return the first scaled images, (count, 1, 28, 28), channels_last."""
    inputs = torch.from_numpy(job.array("inputs")[:count])[:, None]
    return inputs.contiguous(memory_format=torch.channels_last)


def extractor_of(job: Job) -> nn.Sequential:
    """Build convolutions, ReLU and poolings, flattened, with the given initial weights."""
    weights, layers, channels = job.arrays("weights"), [], 1
    for index, block in enumerate(job.network["blocks"]):
        k, padding = block["kernel"], block["padding"]
        before, after = ((k - 1) // 2, k // 2) if padding is None else (padding, padding)
        if before != after:
            layers.append(nn.ZeroPad2d((before, after, before, after)))
        conv = nn.Conv2d(
            channels,
            block["filters"],
            k,
            stride=block["stride"],
            padding=before if before == after else 0,
        )
        kernel = torch.from_numpy(weights[f"blocks.{index}.kernel"]).permute(3, 2, 0, 1)
        fill(conv, kernel, weights[f"blocks.{index}.bias"])
        layers += [conv, nn.ReLU(), POOLINGS[block["pooling"]]()]
        channels = block["filters"]
    return nn.Sequential(*layers, nn.Flatten())


def head_of(job: Job) -> nn.Sequential:
    """Build dense layers with ReLU between, with the given initial weights."""
    weights, layers = job.arrays("weights"), []
    for index in range(len(job.network["hidden"]) + 1):
        kernel = torch.from_numpy(weights[f"dense.{index}.kernel"])
        linear = nn.Linear(*kernel.shape)
        fill(linear, kernel.T, weights[f"dense.{index}.bias"])
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def fill(layer: Any, weight: torch.Tensor, bias: Any) -> None:
    """Copy the initial weights to a layer."""
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.from_numpy(bias))
