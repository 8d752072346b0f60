"""The views of an image that its logits are averaged over; names in files and command lines."""

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from jaxtyping import Num

from fmnist_jax.config.model import Logits

Images = Num[Any, "batch height width"]
Inputs = Num[Any, "batch *shape"]
Apply = Callable[[Any], Logits]
"""The logits of images, or of features."""


@runtime_checkable
class Views(Protocol):
    """The logits of images, from the logits of their views."""

    def __call__(self, apply: Apply, images: Inputs) -> Logits:
        """Return the average of `apply` over the views."""
        ...


def one_view(apply: Apply, images: Inputs) -> Logits:
    """The logits of the image itself."""
    return apply(images)


def mirrored_views(apply: Apply, images: Images) -> Logits:
    """The mean of the logits of the image and of its mirror image."""
    return 0.5 * (apply(images) + apply(mirror(images)))


def mirror(images: Images) -> Images:
    """Flip every image left to right."""
    return images[:, :, ::-1]


VIEWS: dict[str, Views] = {"one": one_view, "mirrored": mirrored_views}
