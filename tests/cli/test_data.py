import json
from collections.abc import Callable


def test_it_says_what_was_found(cli: Callable):
    code, out, _ = cli("data", "--source", "synthetic", "--validation-fraction", "0.5")
    assert code == 0
    assert "synthetic" in out
    assert "3000" in out


def test_json(cli: Callable):
    code, out, _ = cli("data", "--source", "synthetic", "--json")
    answer = json.loads(out)
    assert code == 0
    assert (answer["train"], answer["validation"], answer["test"]) == (4800, 1200, 1000)
    assert answer["fashion_mnist"] is False
