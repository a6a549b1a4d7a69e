"""The image that others are made from: the published one, else one made of what is here."""

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from deploy.images.builder import Builder, BuildFailed

PUBLISHED: Final = "docker.io/library/python:3.11-slim"
_OURS: Final = "localhost/python:here"
# What the published image has besides Python and its libraries.
_PACKAGES: Final = ("ca-certificates", "netbase", "tzdata")
_LEFT_OUT: Final = ("test", "tests", "idlelib", "tkinter", "__pycache__", "config-*", "*.a")


def base(builder: Builder, folder: Path) -> str:
    """The name of an image with Python in *builder*; made once, kept in *folder*.

    ``PYTHON_IMAGE`` names another than the published one.

    Raises:
        BuildFailed: it can neither be pulled nor made.
    """
    if wanted := os.environ.get("PYTHON_IMAGE"):
        builder.do("pull", "--quiet", "--policy=missing", wanted)
        return wanted
    try:
        builder.do("pull", "--quiet", "--policy=missing", PUBLISHED)
    except BuildFailed as exc:
        return _own(builder, folder, exc)
    return PUBLISHED


def _own(builder: Builder, folder: Path, why: BuildFailed) -> str:
    """An image of this machine's Debian and Python, laid out as the published one."""
    if not builder.do("images", "--quiet", "--filter=reference=localhost/python"):
        if not shutil.which("mmdebstrap"):
            raise why
        container = builder.do("from", "scratch")
        builder.do("add", container, f"{_debian(folder)}", "/")
        builder.do("copy", container, f"{_python(folder)}", "/usr/local")
        builder.run(container, "ldconfig")
        path = "PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        builder.do("config", "--env", path, "--env", "LANG=C.UTF-8", container)
        builder.do("commit", "--quiet", "--rm", container, _OURS)
    return _OURS


def _debian(folder: Path) -> Path:
    """A small Debian of this machine's release, with the libraries that its Python needs."""
    tar = folder / "debian.tar"
    if not tar.exists():
        half = tar.with_name("half.tar")
        release = platform.freedesktop_os_release()["VERSION_CODENAME"]
        packages = ",".join((*_PACKAGES, *sorted(_owners())))
        _call("mmdebstrap", "--variant=minbase", f"--include={packages}", release, str(half))
        half.rename(tar)
    return tar


def _python(folder: Path) -> Path:
    """A folder with this Python: without its packages, but with pip."""
    prefix, version = Path(sys.base_prefix), f"python3.{sys.version_info.minor}"
    made = folder / "python"
    shutil.rmtree(made, ignore_errors=True)
    (made / "bin").mkdir(parents=True)
    shutil.copy2(prefix / "bin" / version, made / "bin")
    for name in ("python3", "python"):
        (made / "bin" / name).symlink_to(version)
    left_out = shutil.ignore_patterns(*_LEFT_OUT, "site-packages")
    shutil.copytree(prefix / "lib" / version, made / "lib" / version, ignore=left_out)
    for library in (prefix / "lib").glob("libpython3.*.so*"):
        shutil.copy2(library, made / "lib")
    packages = made / "lib" / version / "site-packages"
    for package in (prefix / "lib" / version / "site-packages").glob("pip*"):
        shutil.copytree(package, packages / package.name, ignore=left_out)
    return made


def _owners() -> set[str]:
    """The packages of Debian that hold the libraries of this Python's modules."""
    modules = (Path(sys.base_prefix) / "lib").glob("python3.*/lib-dynload/*.so")
    wanted = [str(module) for module in modules if "tkinter" not in module.name]
    linked = re.findall(r"^\s*(\S+) => /", _call("ldd", *wanted), re.MULTILINE)
    names = {name for name in linked if not name.startswith("libpython")}
    found = _call("dpkg-query", "--search", *(f"*/{name}" for name in names))
    return {line.split(":")[0] for line in found.splitlines()}


def _call(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BuildFailed(f"{command[0]}: {done.stderr[-600:]}")
    return done.stdout
