"""`fmnist-jax predict`: what is on these pictures?"""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

import tyro

from fmnist_jax.cli.arguments import call, json_text
from fmnist_jax.devices.mesh import use_devices
from fmnist_jax.errors import UserError
from fmnist_jax.inference.classifier import Classifier
from fmnist_jax.inference.images import read_images


def main(arguments: Sequence[str]) -> int:
    """Classify the pictures that the arguments name."""
    return call(predict, "predict", arguments, {})


def predict(
    checkpoint: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="CHECKPOINT")],
    images: Annotated[tuple[Path, ...], tyro.conf.Positional, tyro.conf.arg(metavar="IMAGES...")],
    invert: bool = False,
    top_k: int = 3,
    json: bool = False,
    devices: int | Literal["all"] = 1,
) -> int:
    """Classify pictures.

    Args:
        checkpoint: A checkpoint, a run directory, or the name of a shipped checkpoint.
        images: PNG or JPEG pictures of any size, IDX, CSV or NPY files, or folders of pictures.
        invert: For dark garments on a light ground; the data set shows light ones on black.
        top_k: How many of the likeliest classes to name.
        json: Print the answers as JSON.
        devices: Devices that share the images.
    """
    if not images:
        raise UserError("IMAGES: name at least one picture, file of images or folder of pictures")
    classifier = Classifier.from_checkpoint(checkpoint)
    names, pixels = read_images(images, invert=invert)
    with use_devices(devices):
        predictions = classifier.classify(pixels, top_k=top_k)
    if json:
        print(
            json_text(
                [
                    {
                        "image": name,
                        "label": prediction.label,
                        "probability": prediction.probability,
                        "top": [{"label": label, "probability": p} for label, p in prediction.top],
                    }
                    for name, prediction in zip(names, predictions, strict=True)
                ]
            )
        )
        return 0
    for name, prediction in zip(names, predictions, strict=True):
        print(f"{name}: " + ", ".join(f"{label} {p:.1%}" for label, p in prediction.top))
    return 0
