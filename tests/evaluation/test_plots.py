import subprocess
import sys

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text
from PIL import Image

from fmnist_jax.data.dataset import CLASS_NAMES
from fmnist_jax.errors import UserError
from fmnist_jax.evaluation import layer_plots, plots


def history(epochs=12):
    return [
        {
            "epoch": epoch,
            "train_loss": 1 / epoch,
            "train_accuracy": 1 - 0.5 / epoch,
            "validation_loss": 0.5 + 0.01 * (epoch - 7) ** 2,
            "validation_accuracy": 0.8 + 0.01 * epoch,
        }
        for epoch in range(1, epochs + 1)
    ]


def unvalidated():
    return [row | {"validation_loss": None, "validation_accuracy": None} for row in history()]


def gallery(n=6, **options):
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (n, 28, 28), np.uint8)
    probabilities = np.full((n, 10), 0.02)
    predicted = np.arange(n) % 10
    probabilities[np.arange(n), predicted] = 0.82
    labels = predicted.copy()
    labels[1::2] = 9 - labels[1::2]
    return plots.predictions(images, labels, probabilities, CLASS_NAMES, **options)


def matrix():
    counts = np.full((10, 10), 3)
    np.fill_diagonal(counts, 973)
    counts[4] = 0  # a class that isn't in the data
    return counts


def blocks():
    rng = np.random.default_rng(0)
    sizes = ((32, 14, 14), (16, 5, 5), (3, 2, 2), (512, 1, 1), (1, 1, 1))
    return tuple(rng.random(size, np.float32) for size in sizes)


IMAGE = np.random.default_rng(1).integers(0, 256, (28, 28), np.uint8)

ALL = {
    "curves": lambda: plots.learning_curves(history(), best_epoch=7),
    "one epoch": lambda: plots.learning_curves(history(1), best_epoch=1),
    "no validation": lambda: plots.learning_curves(unvalidated(), best_epoch=12),
    "confusion": lambda: plots.confusion_matrix(matrix(), CLASS_NAMES),
    "gallery": gallery,
    "empty gallery": lambda: gallery(0, title="Most confident mistakes"),
    "weights": lambda: layer_plots.first_layer(
        np.random.default_rng(0).normal(size=(70, 28, 28)).astype(np.float32)
    ),
    "zero weights": lambda: layer_plots.first_layer(np.zeros((1, 28, 28), np.float32)),
    "filters": lambda: layer_plots.first_layer(
        np.random.default_rng(0).normal(size=(32, 5, 5)).astype(np.float32)
    ),
    "one zero filter": lambda: layer_plots.first_layer(np.zeros((1, 1, 1), np.float32)),
    "feature maps": lambda: layer_plots.feature_maps(IMAGE, blocks(), "Ankle boot"),
    "dead feature maps": lambda: layer_plots.feature_maps(
        IMAGE, (np.zeros((2, 3, 3)),), "T-shirt/top"
    ),
}


def texts(figure):
    return [text.get_text() for text in figure.findobj(Text)]


@pytest.mark.parametrize("name", ALL)
def test_figure_is_saved_small_and_with_the_same_bytes(name, tmp_path):
    plots.save(ALL[name](), tmp_path / "one.png")
    plots.save(ALL[name](), tmp_path / "two.png")
    content = (tmp_path / "one.png").read_bytes()
    assert content == (tmp_path / "two.png").read_bytes()
    assert len(content) < 150_000
    for chunk in (b"Software", b"tEXt", b"tIME"):
        assert chunk not in content
    with Image.open(tmp_path / "one.png") as picture:
        assert picture.format == "PNG"
        assert len(set(picture.convert("RGB").tobytes())) > 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one.png", "two.png"]


@pytest.mark.parametrize("name", ALL)
def test_no_text_overlaps_another_or_leaves_the_picture(name, monkeypatch):
    drawn = []
    draw = Text.draw
    monkeypatch.setattr(Text, "draw", lambda text, to: (drawn.append(text), draw(text, to)))
    figure = ALL[name]()
    FigureCanvasAgg(figure).draw()
    page = figure.bbox
    boxes = []
    for text in drawn:
        if not (text.get_visible() and text.get_text().strip()):
            continue
        box = text.get_window_extent()
        assert page.x0 <= box.x0 < box.x1 <= page.x1, text
        assert page.y0 <= box.y0 < box.y1 <= page.y1, text
        if text.get_rotation() % 90 == 0:  # the box of a slanted text is much larger than its ink
            boxes.append((text.get_text(), box.padded(-1)))
    assert boxes
    for i, (one, box) in enumerate(boxes):
        for other, box_of_other in boxes[i + 1 :]:
            assert not box.overlaps(box_of_other), (one, other)


def test_without_a_validation_split_only_the_training_curves_are_drawn():
    figure = plots.learning_curves(unvalidated(), best_epoch=12)
    assert [len(axes.lines) for axes in figure.axes] == [1, 1]
    assert not [text for text in texts(figure) if "alidation" in text or "est epoch" in text]


def test_learning_curves_mark_the_best_epoch():
    shown = texts(plots.learning_curves(history(), best_epoch=7))
    assert "Best epoch (7)" in shown
    assert "validation, best epoch: 0.5000" in shown
    assert "validation, best epoch: 87.00 %" in shown
    assert "Best epoch (12)" in texts(plots.learning_curves(history(), best_epoch=12))


def test_learning_curves_draw_the_history():
    rows = history()
    figure = plots.learning_curves(rows, best_epoch=7)
    for axes, quantity in zip(figure.axes, ("loss", "accuracy"), strict=True):
        for split in ("Training", "Validation"):
            (line,) = (line for line in axes.lines if line.get_label() == split)
            key = f"{'train' if split == 'Training' else 'validation'}_{quantity}"
            assert np.asarray(line.get_ydata()).tolist() == [row[key] for row in rows]


def test_learning_curves_of_a_run_that_diverged(tmp_path):
    rows = history(4)
    rows[-1]["validation_loss"] = rows[-1]["train_loss"] = float("nan")
    plots.save(plots.learning_curves(rows, best_epoch=3), tmp_path / "x.png")


def test_learning_curves_need_an_epoch():
    with pytest.raises(ValueError, match="at least one epoch"):
        plots.learning_curves([], best_epoch=1)


def test_confusion_matrix_shows_counts_and_row_percent():
    shown = texts(plots.confusion_matrix(matrix(), CLASS_NAMES))
    assert shown.count("973") == 9
    assert shown.count("97.3 %") == 9
    assert shown.count("0") == 10  # the class that isn't there, without percents
    assert "Confusion matrix: 97.30 % of 9,000 images correct" in shown
    for name in CLASS_NAMES:
        assert name in shown


def test_gallery_distinguishes_right_from_wrong_by_more_than_colour():
    figure = gallery(title="Most confident mistakes")
    shown = texts(figure)
    assert "Most confident mistakes" in shown
    assert "Predicted: T-shirt/top ✓" in shown
    assert "Correct: T-shirt/top" in shown
    assert "Predicted: Trouser ✗" in shown
    assert "Correct: Bag" in shown
    assert shown.count("82.0 % sure") == 6
    right, wrong = (figure.axes[i].spines["left"] for i in (0, 1))
    assert wrong.get_linewidth() >= 2 * right.get_linewidth()
    assert to_hex(right.get_edgecolor()) != to_hex(wrong.get_edgecolor())


def test_gallery_never_rounds_up_to_certainty():
    probabilities = np.zeros((2, 10))
    probabilities[0, 3], probabilities[1, 3] = 0.99999, 0.5
    images, three = np.zeros((2, 28, 28), np.uint8), np.array([3, 3])
    shown = texts(plots.predictions(images, three, probabilities, CLASS_NAMES))
    assert ">99.9 % sure" in shown
    assert "50.0 % sure" in shown


def test_first_layer_weights_come_largest_first_with_white_between(monkeypatch):
    W = np.zeros((784, 3), np.float32)
    W[:, 0], W[0, 1], W[5, 2] = 0.01, 3, -7
    monkeypatch.setattr(layer_plots, "MOST_UNITS", 2)
    figure = layer_plots.first_layer(W.T.reshape(-1, 28, 28))
    (image,) = figure.axes[0].images
    mosaic = np.ma.filled(np.asarray(image.get_array(), np.float32), np.nan)
    assert mosaic.shape == (28, 58)
    assert mosaic[0, 5] == -7
    assert mosaic[0, 30] == 3
    assert "First-layer weights of 28x28, 2 of 3 units, largest first" in texts(figure)


def mosaics(figure):
    return [
        np.ma.filled(np.asarray(image.get_array(), np.float32), np.nan)
        for axes in figure.axes
        for image in axes.images
    ]


def test_convolution_filters_come_largest_first_with_white_between(monkeypatch):
    kernel = np.zeros((3, 2, 1, 3), np.float32)
    kernel[0, 0, 0, 0], kernel[2, 1, 0, 1], kernel[1, 0, 0, 2] = 0.01, -3, 7
    monkeypatch.setattr(layer_plots, "MOST_UNITS", 2)
    figure = layer_plots.first_layer(np.moveaxis(kernel[:, :, 0], -1, 0))
    mosaic = mosaics(figure)[0]
    first, gap, second = mosaic[:, :28], mosaic[:, 28:30], mosaic[:, 30:]
    # Each weight is drawn as 9x14 pixels.
    np.testing.assert_array_equal(first[::9, ::14], [[0, 0], [7, 0], [0, 0]])
    np.testing.assert_array_equal(second[::9, ::14], [[0, 0], [0, 0], [0, -3]])
    assert np.isnan(gap).all()
    assert "First-layer weights of 3x2, 2 of 3 units, largest first" in texts(figure)


def test_a_first_layer_without_units_is_refused():
    with pytest.raises(ValueError, match="expected at least one unit"):
        layer_plots.first_layer(np.zeros((0, 28, 28), np.float32))


def test_feature_maps_come_a_row_a_block_the_largest_first():
    shown = texts(layer_plots.feature_maps(IMAGE, blocks(), "Ankle boot"))
    assert "Feature maps: Ankle boot" in shown
    maps = np.arange(14 * 4, dtype=np.float32).reshape(14, 2, 2) / 10
    figure = layer_plots.feature_maps(IMAGE, (maps, maps[:3]), "Ankle boot")
    image, many, few = mosaics(figure)
    np.testing.assert_array_equal(image, IMAGE)
    np.testing.assert_array_equal(many[:, 0:28][::14, ::14], maps[13])
    np.testing.assert_array_equal(many[:, 330:][::14, ::14], maps[2])
    assert np.isnan(many[:, 28:30]).all()
    np.testing.assert_array_equal(few[:, 60:][::14, ::14], maps[0])
    shown = texts(figure)
    assert "Block 1: 12 of 14 maps of 2x2, dark 0.00 to bright 5.50" in shown
    assert "Block 2: 3 maps of 2x2, dark 0.00 to bright 1.10" in shown


@pytest.mark.parametrize("count", [1, 12, 13, 100, 784])
def test_feature_maps_of_one_pixel_are_all_there_within_the_row(count):
    maps = np.arange(count, dtype=np.float32).reshape(count, 1, 1)
    figure = layer_plots.feature_maps(IMAGE, (maps,), "Bag")
    mosaic = mosaics(figure)[1]
    found = mosaic[~np.isnan(mosaic)]
    np.testing.assert_array_equal(found, maps.ravel())
    assert figure.axes[1].get_position().x1 < 1


@pytest.mark.parametrize(
    ("image", "maps"),
    [((28,), [(2, 3, 3)]), ((28, 28), []), ((28, 28), [(3, 3)]), ((28, 28), [(0, 3, 3)])],
)
def test_feature_maps_refuse_other_shapes(image, maps):
    with pytest.raises(ValueError, match="expected shapes"):
        layer_plots.feature_maps(
            np.zeros(image, np.uint8), [np.zeros(shape) for shape in maps], "Bag"
        )


def test_save_replaces_a_file_and_leaves_nothing_when_it_fails(tmp_path, monkeypatch):
    path = tmp_path / "x.png"
    path.write_bytes(b"old")
    with monkeypatch.context() as patch:

        def full(_):
            raise OSError(28, "No space left on device")

        patch.setattr("os.fsync", full)
        with pytest.raises(UserError, match=r"x\.png: can't be written \(No space left"):
            plots.save(gallery(1), path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    plots.save(gallery(1), path)
    assert path.read_bytes().startswith(b"\x89PNG")


def test_save_into_a_folder_that_is_missing(tmp_path):
    with pytest.raises(UserError, match="No such file"):
        plots.save(gallery(1), tmp_path / "missing" / "x.png")


def test_pyplot_stays_out():
    code = (
        "import sys, fmnist_jax.evaluation.layer_plots; "
        "assert 'matplotlib.pyplot' not in sys.modules; print('ok')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "ok\n"
