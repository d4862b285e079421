"""A program that ends with its owner."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from . import supervisor

_FREEZE_SECONDS = 10.0
_STOPPED = (b"T", b"t", b"Z", b"X")


class SupervisedProcess:
    """A running program that is killed by its supervisor when this process ends, in whatever way.

    The program gets a session of its own, so that Ctrl-C in a terminal reaches the owner alone, and no input.
    Its output is appended to `log`. `held_file` stays open until the program itself has ended, even if the owner
    has not lived so long; a lock on it does the same. `remove` is a folder to remove when the owner ends without
    `close`.
    """

    def __init__(
        self,
        command: Sequence[str],
        environ: Mapping[str, str],
        *,
        log: Path,
        held_file: int | None = None,
        remove: Path | None = None,
    ) -> None:
        with log.open("ab") as output:
            self._supervisor = subprocess.Popen(  # noqa: S603 - our own script
                [
                    *(sys.executable, "-I", "-S", supervisor.__file__),
                    *("" if remove is None else str(remove), *command),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=output,
                env=environ,
                start_new_session=True,
                pass_fds=() if held_file is None else (held_file,),
            )
        assert self._supervisor.stdin is not None
        assert self._supervisor.stdout is not None
        self._lifeline = self._supervisor.stdin
        with self._supervisor.stdout as answer:
            line = answer.readline().strip()
        self.pid = int(line) if line else 0
        """The program's process id; 0 when it could not be started (the log says why)."""

    @property
    def exit_code(self) -> int | None:
        """The program's exit code (128 + N for signal N); None while it runs."""
        code = self._supervisor.poll()
        if code is not None and code < 0:
            self._kill_orphan()
        return code

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, at most `timeout` seconds; the exit code, or None when it still runs."""
        try:
            self._supervisor.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        return self.exit_code

    def send(self, number: signal.Signals) -> None:
        """Send a signal to the program, if it still runs."""
        if self.exit_code is None and self.pid:
            with suppress(ProcessLookupError):  # ended in this very moment
                os.kill(self.pid, number)

    def freeze(self) -> None:
        """Stop the program until it is sent SIGCONT. Where the system has `/proc`, returns once no thread of it runs.

        The signal alone is not enough: on a busy machine the other threads go on until the one that takes it up has its
        turn, and a request is still answered.
        """
        self.send(signal.SIGSTOP)
        deadline = time.monotonic() + _FREEZE_SECONDS
        while self._runs() and time.monotonic() < deadline:
            time.sleep(0.001)

    def _runs(self) -> bool:
        # The state of a thread stands behind its name, which is in brackets and may hold anything.
        with suppress(OSError):  # ended in this very moment
            threads = Path(f"/proc/{self.pid}/task").glob("*/stat")
            return any(stat.read_bytes().rpartition(b")")[2].split()[0] not in _STOPPED for stat in threads)
        return False

    def close(self) -> None:
        """Kill the program if it still runs, and wait for its end. May be called again."""
        with suppress(BrokenPipeError, ValueError):  # the supervisor has ended, or this was called before
            self._lifeline.write(b"close")
        with suppress(BrokenPipeError):
            self._lifeline.close()
        self._supervisor.wait()
        self._kill_orphan()

    def _kill_orphan(self) -> None:
        # Somebody killed the supervisor itself: what it watched has to follow. Otherwise the id is free, or another's.
        if self._supervisor.returncode is None or self._supervisor.returncode >= 0 or not self.pid:
            return
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.pid = 0
