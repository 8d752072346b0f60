"""Debian's (and Ubuntu's) package of the data set, fetched and unpacked without root.

`apt-get` uses package lists and a cache in a temporary directory, so that it needs neither root nor
existing lists. It checks the archive's signatures.
"""

import contextlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from fmnist_jax.data.cache import cache_directory
from fmnist_jax.data.dataset import RawData
from fmnist_jax.data.directory import FORMATS, find_files, read_files
from fmnist_jax.errors import UserError

PACKAGE = "dataset-fashion-mnist"
DIRECTORY = Path("/usr/share/datasets/fashion-mnist")
"""Where the installed package has its files."""

UPDATE_SECONDS, DOWNLOAD_SECONDS, UNPACK_SECONDS = 90, 300, 60
"""The longest that each program may take."""

# Hooks of other programs (package kits, image builders) need root, so they are switched off.
_CONFIGURATION = """\
Dir::State::Lists "{directory}/lists";
Dir::Cache "{directory}/cache";
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "1";
Acquire::http::Timeout "5";
Acquire::https::Timeout "5";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"""


def load_package() -> RawData:
    """Return the data of Debian's package, which the first call fetches into the cache; always checked."""
    directory = cache_directory() / "debian"
    with contextlib.suppress(UserError):  # missing or damaged: it is fetched again
        return _read(directory)
    fetch_package(directory)
    return _read(directory)


def _read(directory: Path) -> RawData:
    """Read the unpacked package's files."""
    files = find_files(FORMATS["idx"], directory)
    if files is None:
        raise UserError(f"Debian's package {PACKAGE} holds no IDX files: use another source")
    raw = read_files(FORMATS["idx"], files, verify=True)
    return raw._replace(source=f"Debian's package {PACKAGE} in {directory}")


def fetch_package(target: Path) -> None:
    """Fetch the package by `apt-get download` and move its data files to the directory `target`."""
    for program in ("apt-get", "dpkg-deb"):
        if shutil.which(program) is None:
            raise UserError(f"no {program} on this machine")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".debian-", dir=target.parent) as name:
            work = Path(name).resolve()
            for directory in ("lists/partial", "cache/archives/partial", "download", "unpacked"):
                (work / directory).mkdir(parents=True)
            configuration = work / "apt.conf"
            configuration.write_text(_CONFIGURATION.format(directory=work))
            apt = ["apt-get", "-q", "-c", str(configuration)]
            # Its exit code is ignored: an unrelated repository may fail. The download's is not.
            update = _run([*apt, "update"], work, UPDATE_SECONDS)
            download = _run([*apt, "download", PACKAGE], work / "download", DOWNLOAD_SECONDS)
            packages = list((work / "download").glob("*.deb"))
            if len(packages) != 1:
                reasons = ", ".join(filter(None, (_reason(update), _reason(download))))
                raise UserError(f"apt-get can't fetch {PACKAGE} ({reasons or 'no reason given'})")
            unpack = ["dpkg-deb", "-x", str(packages[0]), str(work / "unpacked")]
            if (unpacked := _run(unpack, work, UNPACK_SECONDS)).returncode:
                raise UserError(f"dpkg-deb can't unpack {packages[0].name} ({_reason(unpacked)})")
            data = work / "unpacked" / DIRECTORY.relative_to("/")
            if not data.is_dir():
                raise UserError(f"{packages[0].name} has no {DIRECTORY}")
            shutil.rmtree(target, ignore_errors=True)
            data.replace(target)
    except OSError as error:
        raise UserError(f"{target}: can't be written ({error.strerror or error})") from error


def _run(command: list[str], directory: Path, seconds: float) -> subprocess.CompletedProcess[str]:
    """Run a program without input and in English; raises UserError if it takes too long."""
    try:
        return subprocess.run(
            command,
            cwd=directory,
            env={**os.environ, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{command[0]} gave no answer within {seconds:g} s") from error


def _reason(process: subprocess.CompletedProcess[str]) -> str:
    """Return the first line of an error that the program printed."""
    lines = [
        line for line in process.stderr.splitlines() if line.startswith(("E:", "W: Fail", "dpkg"))
    ]
    return " ".join(lines[0].split())[:200] if lines else ""
