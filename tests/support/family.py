"""Who a process has started, read from /proc: the truth about orphans."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Relative:
    """One living process; *started* tells it from a later one with its number."""

    pid: int
    parent: int
    session: int
    started: int

    @property
    def command(self) -> str:
        return Path(f"/proc/{self.pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def everybody() -> frozenset[Relative]:
    """All processes that live now; zombies do not."""
    found = (_read(folder) for folder in Path("/proc").iterdir() if folder.name.isdigit())
    return frozenset(one for one in found if one)


def family(pid: int) -> frozenset[Relative]:
    """The children of *pid*, and all that runs in a session of theirs."""
    living = everybody()
    children = {one.pid for one in living if one.parent == pid}
    return frozenset(one for one in living if one.pid in children or one.session in children)


def _read(folder: Path) -> Relative | None:
    try:
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # it has just ended
        return None
    if fields[0] == "Z":
        return None
    return Relative(int(folder.name), int(fields[1]), int(fields[3]), int(fields[19]))
