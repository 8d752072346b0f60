"""Debian's package, with stand-ins for apt-get and dpkg-deb: no network is needed."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from fmnist_jax.data import debian
from fmnist_jax.data.dataset import RawData
from fmnist_jax.errors import UserError

APT_GET = """\
import os, pathlib, sys
words = sys.argv[1:]
configuration = pathlib.Path(words[words.index("-c") + 1])
assert 'Dir::State::Lists "' + str(configuration.parent) in configuration.read_text()
with open(os.environ["APT_LOG"], "a") as log:
    log.write(words[-1] + "\\n")
if words[-1] == "dataset-fashion-mnist":
    pathlib.Path("dataset-fashion-mnist_1_all.deb").write_text("packed")
"""

DPKG_DEB = """\
import os, pathlib, shutil, sys
assert sys.argv[1] == "-x" and pathlib.Path(sys.argv[2]).read_text() == "packed"
shutil.copytree(os.environ["IDX_DIR"], sys.argv[3] + "/usr/share/datasets/fashion-mnist")
"""


@pytest.fixture
def programs(
    tmp_path: Path, idx_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str, str], None]:
    """A function that puts stand-ins of the two programs, alone, on the PATH."""
    monkeypatch.setenv("APT_LOG", str(tmp_path / "apt.log"))
    monkeypatch.setenv("IDX_DIR", str(idx_dir))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    (tmp_path / "bin").mkdir()

    def install(apt_get: str, dpkg_deb: str) -> None:
        for name, code in (("apt-get", apt_get), ("dpkg-deb", dpkg_deb)):
            (tmp_path / "bin" / name).write_text(f"#!{sys.executable}\n{code}")
            (tmp_path / "bin" / name).chmod(0o755)

    return install


@pytest.mark.usefixtures("small_is_known")
def test_fetches_once(
    programs: Callable[[str, str], None],
    tmp_path: Path,
    cache_dir: Path,
    small: RawData,
    assert_same: Callable[[RawData, RawData], None],
) -> None:
    programs(APT_GET, DPKG_DEB)
    log = tmp_path / "apt.log"
    raw = debian.load_package()
    assert_same(raw, small)
    assert raw.source == f"Debian's package dataset-fashion-mnist in {cache_dir / 'debian'}"
    assert [p.name for p in cache_dir.iterdir()] == ["debian"]  # nothing else stays behind
    debian.load_package()
    assert log.read_text().split() == ["update", "dataset-fashion-mnist"]
    # Damaged or incomplete files are fetched again.
    (cache_dir / "debian" / "t10k-labels-idx1-ubyte").write_text("damaged")
    assert_same(debian.load_package(), small)
    (cache_dir / "debian" / "t10k-labels-idx1-ubyte").unlink()
    assert_same(debian.load_package(), small)
    assert len(log.read_text().split()) == 6


def test_content_is_always_checked(programs: Callable[[str, str], None]) -> None:
    programs(APT_GET, DPKG_DEB)
    with pytest.raises(UserError, match="altered"):
        debian.load_package()


@pytest.mark.parametrize(
    ("apt_get", "dpkg_deb", "said"),
    [
        ("import sys; sys.exit('E: Unable to locate package')", DPKG_DEB, "Unable to locate"),
        ("import sys; sys.exit(100)", DPKG_DEB, "can't fetch"),
        (APT_GET, "import sys; sys.exit('dpkg-deb: error: not a package')", "not a package"),
        (APT_GET, "", "has no /usr/share"),
    ],
    ids=["unknown package", "apt-get fails", "dpkg-deb fails", "empty package"],
)
def test_failures_leave_nothing(
    programs: Callable[[str, str], None], cache_dir: Path, apt_get: str, dpkg_deb: str, said: str
) -> None:
    programs(apt_get, dpkg_deb)
    with pytest.raises(UserError, match=said):
        debian.load_package()
    assert list(cache_dir.iterdir()) == []


def test_a_program_that_hangs(
    programs: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    programs("import threading; threading.Event().wait()", "")
    monkeypatch.setattr(debian, "UPDATE_SECONDS", 0.1)
    with pytest.raises(UserError, match=r"apt-get gave no answer within 0\.1 s"):
        debian.load_package()


@pytest.mark.usefixtures("programs")
def test_another_system() -> None:
    with pytest.raises(UserError, match="no apt-get on this machine"):
        debian.load_package()
