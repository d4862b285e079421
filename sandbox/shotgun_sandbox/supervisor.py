"""Runs one program for as long as its owner lives. Standard library only: it is run as a script of its own.

The owner holds the other end of this process' standard input. However the owner ends, the system closes that end,
and the program is killed: so no Kafka outlives a killed owner.

    supervisor.py REMOVE PROGRAM [ARGUMENT...]

Prints the program's process id, passes its exit code on (128 + N for signal N), and sends its output to standard error.
REMOVE is a folder to remove, or the empty string, when the owner is gone without a word. An owner that writes something
before it closes its end has the program killed, and keeps the folder.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading


def main(arguments: list[str]) -> None:
    """Start the program and wait for the first of two ends: its own, or the owner's."""
    remove, *command = arguments
    # Inherited files stay open in the program: one of them is the data folder's lock, held until the program has ended.
    child = subprocess.Popen(  # noqa: S603 - the owner's own command
        command,
        stdin=subprocess.DEVNULL,
        stdout=sys.stderr.fileno(),
        stderr=sys.stderr.fileno(),
        close_fds=False,
    )
    # Only now: the program would inherit the deaf ear.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    owner_gone = threading.Event()
    threading.Thread(target=_follow, args=(child, owner_gone), daemon=True).start()
    try:
        os.write(sys.stdout.fileno(), f"{child.pid}\n".encode())
        while os.read(sys.stdin.fileno(), 1):
            remove = ""
    except OSError:
        pass  # the owner is gone already
    owner_gone.set()
    child.kill()
    child.wait()
    if remove:
        shutil.rmtree(remove, ignore_errors=True)
    os._exit(_exit_code(child.returncode))


def _follow(child: subprocess.Popen[bytes], owner_gone: threading.Event) -> None:
    code = child.wait()
    if not owner_gone.is_set():
        os._exit(_exit_code(code))


def _exit_code(code: int) -> int:
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    main(sys.argv[1:])
