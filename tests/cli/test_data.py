import json
from collections.abc import Callable

import pytest

from fmnist_jax.data import checksums
from tests.once import drawn


def test_it_reports_what_was_found(cli: Callable):
    code, out, err = cli("data", "--source", "synthetic", "--validation-fraction", "0.5")
    assert code == 0
    assert "synthetic" in out
    assert "3000" in out
    assert "other images than Fashion-MNIST's" in out
    assert err.startswith("Data: synthetic")


def test_the_early_release_is_named_and_its_images_are_unverified(
    cli: Callable, monkeypatch: pytest.MonkeyPatch
):
    labels: dict[tuple[str, checksums.Part], str] = {
        (split, "labels"): checksums.content_sums(content)["labels"]
        for split, content in (("train", drawn().train), ("test", drawn().test))
    }
    monkeypatch.setitem(checksums.RELEASES, "early", checksums.Release(labels, {}))
    code, out, err = cli("data", "--source", "synthetic")
    assert code == 0
    assert "Fashion-MNIST, early release (August 2017, as on Kaggle)" in out
    assert "Unverified images" in err
    assert checksums.content_sums(drawn().train)["images"] in err


def test_a_resplit_is_named(cli: Callable):
    code, out, _ = cli("data", "--source", "synthetic", "--resplit-seed", "3")
    assert code == 0
    assert "other images than Fashion-MNIST's, re-split 3" in out
    assert "resplit-seed:" in out


def test_a_release_that_is_not_available(cli: Callable):
    code, _, err = cli("data", "--source", "synthetic", "--release", "early")
    assert code == 2
    assert "'synthetic' doesn't have the early release" in err
    assert err.count("\n") == 1


def test_json(cli: Callable):
    code, out, _ = cli("data", "--source", "synthetic", "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["train"], answer["validation"], answer["test"]) == (4800, 1200, 1000)
    assert answer["fashion_mnist"] is False
