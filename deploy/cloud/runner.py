"""Runs commands, showing each first; a dry run only shows them."""

import shlex
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]


class CommandFailed(RuntimeError):
    """A command ended with another code than 0, or is not installed; *output* is what it said."""

    def __init__(self, arguments: Sequence[str], output: str) -> None:
        """*arguments* never hold a secret: those go through standard input."""
        super().__init__(f"failed: {shlex.join(arguments)}\n{output}".strip())
        self.output = output


class Runner:
    """Runs commands in the root of the repository."""

    def __init__(self, *, dry: bool = False) -> None:
        """*dry*: run nothing; questions are answered with their samples."""
        self.dry = dry

    def do(self, arguments: Sequence[str], *, stdin: str = "") -> None:
        """Run a command, passing on what it says as it comes. Raises CommandFailed."""
        _show(arguments)
        if not self.dry:
            _stream(arguments, stdin)

    def ask(self, arguments: Sequence[str], *, sample: str) -> str:
        """What a command prints, stripped; its errors are seen. Raises CommandFailed."""
        _show(arguments)
        if self.dry:
            return sample
        try:
            done = subprocess.run(
                arguments,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
        except FileNotFoundError as exc:
            raise CommandFailed(arguments, f"{arguments[0]} is not installed") from exc
        if done.returncode:
            raise CommandFailed(arguments, done.stderr)
        return done.stdout.strip()

    def asked(self, arguments: Sequence[str], *, sample: str) -> str | None:
        """The same, None when the command fails: what it asks for is not there."""
        try:
            return self.ask(arguments, sample=sample)
        except CommandFailed:
            return None


def _show(arguments: Sequence[str]) -> None:
    print(f"+ {shlex.join(arguments)}", file=sys.stderr, flush=True)


def _stream(arguments: Sequence[str], stdin: str) -> None:
    try:
        process = subprocess.Popen(
            arguments,
            cwd=ROOT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )
    except FileNotFoundError as exc:
        raise CommandFailed(arguments, f"{arguments[0]} is not installed") from exc
    with process:
        assert process.stdin is not None  # noqa: S101 - both are pipes
        assert process.stdout is not None  # noqa: S101
        # It may end before it has read a thing; then what it says is the reason, not a broken pipe.
        with suppress(BrokenPipeError), process.stdin as pipe:
            pipe.write(stdin)
        output = []
        for line in process.stdout:
            sys.stderr.write(line)
            output.append(line)
    if process.returncode:
        raise CommandFailed(arguments, "".join(output))
