"""A study on a Ray cluster of several nodes on this machine, with faults at every level."""

import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import pytest

pytest.importorskip("ray")
import ray
from ray._private import node as ray_node
from ray.cluster_utils import Cluster
from ray.exceptions import RayTaskError, TaskUnschedulableError

from experiments.study import cluster
from fmnist_jax.errors import UserError
from tests.experiments.study.drive import ROWS
from tests.robustness.kill_jobs import without_clock

# Of JAX: Ray starts programs, which is safe.
pytestmark = pytest.mark.filterwarnings(r"ignore:os\.fork:RuntimeWarning")

Found = TypeVar("Found")

ROOT = Path(__file__).parents[3]

TASKS = {f"made/faults: {row}, seed 0" for row in ROWS}


@pytest.fixture(scope="module")
def ray_cluster() -> Iterator[Cluster]:
    """A head without room, and two nodes with room for one run each."""
    node = {"memory": 4 << 30, "object_store_memory": 80 << 20, "include_dashboard": False}
    # By default tasks give way to all other programs of the machine.
    system = {"worker_niceness": 0}
    made = Cluster()
    try:
        with pytest.MonkeyPatch.context() as patched:
            # On a busy machine a node may need more than the 30 seconds that Ray waits for it.
            slow = SimpleNamespace(**vars(time))
            slow.monotonic = lambda: time.monotonic() / 10
            patched.setattr(ray_node, "time", slow)
            made.add_node(**node, **agent_ports(), num_cpus=0, _system_config=system)
            for _ in range(2):
                made.add_node(**node, **agent_ports(), num_cpus=1)
        yield made
    finally:
        made.shutdown()
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore", ResourceWarning
            )  # Ray closes its processes by collection
            del made
            gc.collect()


def agent_ports() -> dict[str, Any]:
    """Free ports: a node ends if its agents haven't chosen theirs within 15 seconds."""
    names = (
        "metrics_agent_port metrics_export_port dashboard_agent_listen_port runtime_env_agent_port"
    )
    with ExitStack() as stack:
        free = [stack.enter_context(socket.create_server(("", 0))) for _ in names.split()]
        ports = [server.getsockname()[1] for server in free]
    return dict(zip(names.split(), ports, strict=True))


def address_of(made: Cluster) -> str:
    assert made.address is not None
    return made.address


def connected(address: str) -> AbstractContextManager[cluster.Cluster]:
    return cluster.connected(address, load=lambda data: pytest.fail(str(data)), log=print)


def wait_until(found: Callable[[], Found], seconds: float = 180) -> Found:
    """Wait until `found` returns something true."""
    deadline = time.monotonic() + seconds
    while not (result := found()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.05)
    return result


def tasks() -> dict[int, int]:
    """The processes that perform a task, which Ray names so, with their parents, the nodes' raylets."""
    found: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            title = (folder / "cmdline").read_bytes().rstrip(b"\0").decode()
            parent = (folder / "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            continue  # it ended
        if title.removeprefix("ray::") in TASKS:
            found[int(folder.name)] = int(parent)
    return found


def stored(results: Path) -> list[dict]:
    """Every stored line, without clock times."""
    lines = (results / "made/faults.jsonl").read_text("utf-8").splitlines()
    return sorted((without_clock(json.loads(line)) for line in lines), key=lambda line: line["row"])


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[str, Path], subprocess.Popen]]:
    """Starts a driver: the address of the cluster, or "" to run alone, and the folder of results."""
    with (tmp_path / "log").open("w") as log, ExitStack() as stack:

        def started(address: str, results: Path) -> subprocess.Popen:
            words = [sys.executable, "-m", "tests.experiments.study.drive", address, str(results)]
            one_thread = {**os.environ, "NPROC": "1"}  # as a task has it: sums have the same bits
            driver = subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log, env=one_thread)
            stack.enter_context(driver)
            stack.callback(driver.kill)
            return driver

        yield started


def test_a_worker_a_node_and_the_driver_die_and_every_row_is_stored_once(
    ray_cluster: Cluster, start: Callable[[str, Path], subprocess.Popen], tmp_path: Path
):
    results, alone = tmp_path / "results", tmp_path / "alone"
    raylets = {
        node.all_processes["raylet"][0].process.pid: node for node in ray_cluster.list_all_nodes()
    }

    def in_the_middle() -> dict[int, int]:
        saved = any(results.glob(".unfinished/*/mlp/*/manifest.json"))
        return tasks() if saved else {}

    driver = start(address_of(ray_cluster), results)
    worker = min(wait_until(in_the_middle))
    os.kill(worker, signal.SIGKILL)
    wait_until(lambda: worker not in tasks())
    raylet = min(wait_until(in_the_middle).values())
    ray_cluster.remove_node(raylets[raylet], allow_graceful=False)
    wait_until(lambda: raylet not in tasks().values())
    wait_until(in_the_middle)
    driver.send_signal(signal.SIGTERM)
    assert driver.wait(120) == 128 + signal.SIGTERM
    driver = start(address_of(ray_cluster), results)
    wait_until(in_the_middle)
    driver.kill()
    wait_until(lambda: not tasks())
    assert start(address_of(ray_cluster), results).wait(300) == 0
    text = (tmp_path / "log").read_text("utf-8")
    assert text.count("SIGTERM: stopping once this epoch is saved") == 1
    assert text.count("Stopped. To resume") == 1
    assert not list((results / ".unfinished").iterdir())
    assert [line["row"] for line in stored(results)] == sorted(ROWS)
    assert start("", alone).wait(300) == 0
    assert stored(results) == stored(alone)


def greet(server: socket.socket) -> None:
    """Answer one connection as no Ray cluster does."""
    connection, _ = server.accept()
    with connection:
        connection.sendall(b"hello there")


@pytest.mark.parametrize(
    ("address", "text"),
    [("nonsense", "expected HOST:PORT, auto or local, found 'nonsense'"),
     ("127.0.0.1:1", "127.0.0.1:1 can't be reached"), ("nosuchhost.invalid:6379", "can't be reached"),
     ("auto", "no cluster can be used at auto"), ("SILENT", "can't be reached: timed out"),
     ("OTHER", "found another service")],
)  # fmt: skip
def test_an_address_without_a_cluster_is_refused_in_one_line(
    address: str, text: str, monkeypatch: pytest.MonkeyPatch
):
    def find_none(*_: object, **__: object) -> None:
        raise ConnectionError("Could not find any running Ray instance")

    monkeypatch.setattr(cluster, "CONNECT_SECONDS", 0.5)
    if address == "auto":  # it would find the other tests' cluster
        monkeypatch.setattr(ray, "init", find_none)
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = f"127.0.0.1:{server.getsockname()[1]}"
        if address == "OTHER":
            threading.Thread(target=greet, args=(server,)).start()
        address = here if address in ("SILENT", "OTHER") else address
        with pytest.raises(UserError, match=r"^ray: ") as caught, connected(address):
            raise AssertionError
    assert text in str(caught.value)


def test_a_node_with_other_packages_is_refused(
    ray_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cluster, "packages", lambda: {"jax": "99"})
    with (
        pytest.raises(UserError, match=r"^ray: node [\d.]+: expected jax 99, found \d"),
        connected(address_of(ray_cluster)),
    ):
        raise AssertionError


def test_a_node_without_the_packages_is_refused(
    ray_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    # All nodes are on this machine, which has the packages.
    def missing(*_: object, **__: object) -> None:
        cause = ModuleNotFoundError("No module named 'experiments'")
        raise RayTaskError("packages", "a long\ntraceback", cause)

    monkeypatch.setattr(ray, "get", missing)
    with (
        pytest.raises(UserError, match=r"can't import .*: ModuleNotFoundError.*; install the same"),
        connected(address_of(ray_cluster)),
    ):
        raise AssertionError


def test_a_node_that_has_just_died_does_not_stop_the_study(
    ray_cluster: Cluster, monkeypatch: pytest.MonkeyPatch
):
    def unschedulable(*_: object, **__: object) -> None:
        raise TaskUnschedulableError("the node doesn't exist any more")

    monkeypatch.setattr(ray, "get", unschedulable)
    with connected(address_of(ray_cluster)) as found:
        assert found.room >= 2
