"""Several seeds of any run, trained at once; where that pays, `training.seeds.where_it_gains` says."""

import time
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from fmnist_jax import runs
from fmnist_jax.data.dataset import Dataset
from fmnist_jax.data.scaling import Scaling
from fmnist_jax.errors import DivergedError
from fmnist_jax.models import Model, scratch_mlp
from fmnist_jax.parts import Outcome, Run
from fmnist_jax.pipeline import Features, PipelineRun, TrainedPipeline, features_of
from fmnist_jax.pipeline_model import fingerprint
from fmnist_jax.runs import CNNRun, MLPRun, Trained, on_device
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.epoch import DeviceSplit
from fmnist_jax.training.seeds import SeedFit, fit_seeds, stacked
from fmnist_jax.training.snapshots import never

Asked = Callable[[], BaseException | None]
"""As `Snapshots` has it."""


def train_seeds(
    run: Run, seeds: Sequence[int], dataset: Dataset, asked: Asked = never
) -> tuple[Outcome | DivergedError, ...]:
    """`runs.train` or `train_pipeline` with each of `seeds` in place of the run's own, in their order.

    A seed that fails has its error in place of an outcome. The seconds of each are an equal share of
    all. Of pipelines the networks are trained at once, then the MLPs, each on its own network's
    features. `asked` is called after every epoch; what it returns is raised, and nothing is kept. Raises
    UserError when the network doesn't fit the images.
    """
    runs.check_sizes(run.model, dataset)
    if isinstance(run, PipelineRun):
        return _pipelines(run, seeds, dataset, asked)
    return _networks(run, seeds, dataset, asked)


def _networks(
    run: MLPRun | CNNRun, seeds: Sequence[int], dataset: Dataset, asked: Asked
) -> tuple[Trained | DivergedError, ...]:
    return train_models(
        runs.model_of(run),
        run.training,
        seeds,
        on_device(dataset.train),
        on_device(dataset.validation),
        run.scaling,
        asked,
    )


def _pipelines(
    run: PipelineRun, seeds: Sequence[int], dataset: Dataset, asked: Asked
) -> tuple[TrainedPipeline | DivergedError, ...]:
    networks = _networks(run.network_run, seeds, dataset, asked)
    outcomes: dict[int, TrainedPipeline | DivergedError] = {}
    trained: dict[int, Trained] = {}
    features: dict[int, Features] = {}
    seconds: dict[int, float] = {}
    for place, network in enumerate(networks):
        if isinstance(network, DivergedError):
            outcomes[place] = network
            continue
        begun = time.perf_counter()
        trained[place] = network
        features[place] = features_of(network, run.model.network, dataset)
        jax.block_until_ready(features[place])
        seconds[place] = time.perf_counter() - begun
    if trained:
        mlps = train_models(
            scratch_mlp(run.model.mlp),
            run.mlp_training,
            [seeds[place] for place in trained],
            _together([one.train for one in features.values()]),
            _together([one.validation for one in features.values()]),
            run.model.feature_scaling,
            asked,
            own_images=True,
        )
        for (place, network), mlp in zip(trained.items(), mlps, strict=True):
            outcomes[place] = (
                mlp
                if isinstance(mlp, DivergedError)
                else TrainedPipeline(
                    network, features[place], mlp, fingerprint(network.parameters), seconds[place]
                )
            )
    return tuple(outcomes[place] for place in range(len(seeds)))


def _together(splits: Sequence[DeviceSplit]) -> DeviceSplit:
    """The images of each with a leading axis, the labels being those of all."""
    return DeviceSplit(jnp.stack([split.images for split in splits]), splits[0].labels)


def train_models(
    model: Model,
    config: TrainingConfig,
    seeds: Sequence[int],
    train: DeviceSplit,
    validation: DeviceSplit,
    scaling: Scaling,
    asked: Asked = never,
    *,
    own_images: bool = False,
) -> tuple[Trained | DivergedError, ...]:
    """`runs.train_model` for each of `seeds`; images and `own_images` as `fit_seeds` has them."""
    begun = time.perf_counter()
    if own_images:
        statistics = [scaling.fit(np.asarray(images)) for images in train.images]
        shared = stacked(statistics)
    else:
        shared = jax.device_put(scaling.fit(np.asarray(train.images)))
        statistics = [shared] * len(seeds)
    fits: tuple[SeedFit, ...] = ()
    for after_epoch in fit_seeds(
        model, config, seeds, train, validation, scaling, shared, own_images=own_images
    ):
        fits = after_epoch
        stop = asked()
        if stop is not None:
            raise stop
    share = (time.perf_counter() - begun) / len(seeds)
    return tuple(
        fit.failed
        or Trained(
            model,
            fit.state.best_parameters,
            scaling,
            jax.device_put(found),
            fit.history,
            fit.state.stopping.best_epoch,
            share,
        )
        for fit, found in zip(fits, statistics, strict=True)
    )
