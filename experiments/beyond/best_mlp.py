"""The best plain MLP on pixels, its gradients hand-written: a fixed recipe on all 60,000 images.

Command: `python -m experiments beyond/best_mlp --seeds 5`
"""

from experiments.engine.spec import Experiment, Row
from fmnist_jax.data.loading import DataConfig
from fmnist_jax.data.scaling import Z_SCORE
from fmnist_jax.models.views import mirrored_views
from fmnist_jax.runs.config import Run, Stage
from fmnist_jax.scratch.activations import RELU
from fmnist_jax.scratch.mlp_config import MLPConfig
from fmnist_jax.training.augmentation import Shift, flip_alternately
from fmnist_jax.training.config import TrainingConfig
from fmnist_jax.training.optimizers import adamw, cosine_by_step

MODEL = MLPConfig((784, 1024, 1024, 1024, 10), (RELU,), dropout=0.05, batch_norm=True)

TRAINING = TrainingConfig(
    epochs=120,
    batch_size=256,
    optimizer=adamw,
    learning_rate=0.002,
    weight_decay=0.02,
    schedule=cosine_by_step,
    warmup=0.025,
    label_smoothing=0.1,
    augmentation=(Shift(2), flip_alternately),
    patience=None,
    keep="last",
)

RUN = Run(
    (Stage("mlp", MODEL, TRAINING, Z_SCORE, mirrored_views),), DataConfig(validation_fraction=0)
)

EXPERIMENT = Experiment(
    module=__name__,
    title="The best plain MLP: all images, the last epoch",
    rows=(Row("784,1024,1024,1024,10", RUN),),
    columns=("test_accuracy", "test_loss", "train_accuracy", "train_loss"),
    splits=("train", "test"),
    reproduces="the best plain MLP on pixels",
    seconds=850,
    notes=(
        "No validation split: the recipe is fixed, the network trains on all 60,000 images and the "
        "weights of the last epoch are kept. The test images are used once a seed. Logits are the mean "
        "over an image and its mirror image.",
    ),
)
