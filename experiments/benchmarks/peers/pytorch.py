"""The same networks in eager PyTorch, on the CPU with its default threads.

A convnet and its images are channels_last. The scaled images are one tensor, indexed batch by batch without a
DataLoader. Adam and SGD of convnets are fused, PyTorch's fastest on a CPU. Figures are read from tensors only
at the end.
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


def train_mlp(job: Job) -> Callable[[], Epoch]:
    """Prepare an epoch of an MLP on all images."""
    inputs = torch.from_numpy(job.array("inputs")).flatten(1)
    sizes = job.stage["model"]["layer_sizes"]
    network = dense_of(job, [(f"{index}.W", f"{index}.b") for index in range(len(sizes) - 1)])
    return train_with(job, network, inputs, fused=False)


def train(job: Job) -> Callable[[], Epoch]:
    """Prepare an epoch of a convnet on `counts["train"]` images."""
    network = nn.Sequential(extractor_of(job), head_of(job)).to(memory_format=torch.channels_last)
    return train_with(job, network, inputs_of(job, job.counts["train"]), fused=True)


def train_with(
    job: Job, network: nn.Module, inputs: torch.Tensor, *, fused: bool
) -> Callable[[], Epoch]:
    """Prepare an epoch of the network on these inputs."""
    training = job.stage["training"]
    labels = torch.from_numpy(job.array("labels")[: len(inputs)]).long()
    optimizer = OPTIMIZERS[training["optimizer"]](
        network.parameters(), lr=training["learning_rate"], fused=fused
    )
    cross_entropy = nn.CrossEntropyLoss()
    generator = torch.Generator().manual_seed(training["seed"])

    def epoch() -> Epoch:
        loss_sum, correct = torch.zeros(()), torch.zeros((), dtype=torch.int64)
        order = torch.randperm(len(labels), generator=generator)
        for indices in order.split(training["batch_size"]):
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
    for index, block in enumerate(job.stage["model"]["blocks"]):
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
    """Build a convnet's dense layers."""
    layers = range(len(job.stage["model"]["hidden"]) + 1)
    return dense_of(job, [(f"dense.{index}.kernel", f"dense.{index}.bias") for index in layers])


def dense_of(job: Job, names: list[tuple[str, str]]) -> nn.Sequential:
    """Build dense layers with ReLU between, with the initial weights and biases of these names."""
    weights, layers = job.arrays("weights"), []
    for kernel_name, bias_name in names:
        kernel = torch.from_numpy(weights[kernel_name])
        linear = nn.Linear(*kernel.shape)
        fill(linear, kernel.T, weights[bias_name])
        layers += [linear, nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def fill(layer: Any, weight: torch.Tensor, bias: Any) -> None:
    """Copy the initial weights to a layer."""
    with torch.no_grad():
        layer.weight.copy_(weight)
        layer.bias.copy_(torch.from_numpy(bias))
