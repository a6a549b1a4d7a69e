"""Makes ``.venv`` from a locked list: ``python3 deploy/local/bootstrap.py local|dev|java``.

Nothing but the standard library, and no syntax that Python 3.6 cannot parse: an older Python must
get as far as handing over to a newer one.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import venv
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, TextIO  # noqa: UP035 - an older Python reads this line, too

ROOT = Path(__file__).resolve().parents[2]
_NEWER = ("python3.13", "python3.12", "python3.11")
_PROBE = "import sys; sys.exit(sys.version_info < (3, 11))"
_INCLUDED = {"dev": ("local",)}


class SetupFailed(Exception):
    """What went wrong, and the cure, in one line."""


def _use_newer() -> None:
    """Run this file again with the first Python of at least 3.11, or end with one line."""
    for name in _NEWER:
        found = shutil.which(name)
        # A version manager's shim may be there without its Python.
        if found and not subprocess.call([found, "-c", _PROBE], stderr=subprocess.DEVNULL):
            os.execv(found, [found, *sys.argv])  # noqa: S606 - a shell has no part in it
    sys.exit("Motif needs Python 3.11 or newer; this is %d.%d." % sys.version_info[:2])  # noqa: UP031 - see above


if sys.version_info < (3, 11):  # noqa: UP036 - the one file that an older Python may start
    _use_newer()


def ensure(name: str, root: Path = ROOT) -> None:
    """Install ``requirements/NAME.txt`` into ``.venv`` unless that has been done.

    Raises:
        SetupFailed: the environment could not be made or filled.
    """
    with _lock(root) as half_done:
        if half_done.read():
            shutil.rmtree(root / ".venv", ignore_errors=True)
        elif _stamp(root, name).exists() and _stamp(root, name).read_text() == _state(root, name):
            return
        half_done.write("installing\n")
        half_done.flush()
        try:
            _fill(root, name)
        except SetupFailed:
            _erase(half_done)  # pip itself has put back what it had changed
            raise
        _erase(half_done)


def _fill(root: Path, name: str) -> None:
    if not _usable(root):
        _create(root)
    _install(root, name)
    for done in (name, *_INCLUDED.get(name, ())):
        _stamp(root, done).write_text(_state(root, done))


@contextmanager
def _lock(root: Path) -> Iterator[TextIO]:
    """One set-up at a time; the file is empty unless the last one died half-way."""
    folder = root / ".local"
    folder.mkdir(exist_ok=True)
    with (folder / "setup.lock").open("a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        yield file


def _erase(file: TextIO) -> None:
    file.seek(0)
    file.truncate()


def _python(root: Path) -> Path:
    return root / ".venv" / "bin" / "python"


def _stamp(root: Path, name: str) -> Path:
    return root / ".venv" / f".installed-{name}"


def _state(root: Path, name: str) -> str:
    """What decides whether an installation is current: list and interpreter version."""
    digest = hashlib.sha256((root / "requirements" / f"{name}.txt").read_bytes()).hexdigest()
    return "{} {}.{}\n".format(digest, *sys.version_info[:2])


def _usable(root: Path) -> bool:
    """Whether there is an environment with pip, and of this interpreter's version."""
    code = "import pip, sys; sys.exit(sys.version_info[:2] != ({}, {}))"
    command = [str(_python(root)), "-c", code.format(*sys.version_info[:2])]
    try:
        return not subprocess.call(command, stderr=subprocess.DEVNULL)
    except OSError:
        return False


def _create(root: Path) -> None:
    try:
        venv.create(root / ".venv", clear=True, with_pip=True)
    except (subprocess.CalledProcessError, OSError) as exc:
        raise SetupFailed(
            f"cannot make .venv ({type(exc).__name__}): Debian and Ubuntu keep what it takes in "
            "python3-venv (apt install python3-venv)"
        ) from exc


def _install(root: Path, name: str) -> None:
    requirements = f"requirements/{name}.txt"
    print(f"Installing {requirements} into .venv (once) ...", flush=True)
    python = str(_python(root))
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check", "--no-input"]
    # The lists are complete, so there is nothing to resolve; byte-code is compiled in parallel.
    pip += ["--no-deps", "--require-hashes", "--no-compile", "-r", str(root / requirements)]
    if subprocess.call(pip, stdin=subprocess.DEVNULL):
        raise SetupFailed(f"{requirements} could not be installed: see above, then try again")
    packages = sorted((root / ".venv" / "lib").glob("python3*/site-packages"))
    # Some packages carry files for other Python versions; what fails is compiled never.
    subprocess.call([python, "-m", "compileall", "-qq", "-j", "0", *map(str, packages)])


def main() -> None:
    """Install the lists that are named on the command line."""
    try:
        for name in sys.argv[1:]:
            ensure(name)
    except SetupFailed as exc:
        sys.exit(f"Set-up: {exc}")
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
