# SPDX-License-Identifier: Apache-2.0
"""Says what goes on and what went wrong."""
import subprocess
import sys
import time

START = time.monotonic()


class Trouble(Exception):
    """Ends the build with one line that says what to do."""


class Unreachable(Trouble):
    """Packages could not be fetched: nothing is wrong here, and the same command may do later."""


def step(text):
    print(f"== {text} ({time.monotonic() - START:.0f}s)", flush=True)


def run(command, what, **more):
    """Runs a command to its end and returns what it printed; Trouble with its last lines when it fails."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more}, text=True, check=False)
    except FileNotFoundError as error:
        raise Trouble(f"{command[0]} is missing: run tools/setup image") from error
    if done.returncode != 0:
        sys.stderr.write("\n".join((done.stdout + (done.stderr or "")).splitlines()[-15:]) + "\n")
        raise Trouble(f"{what} failed ({command[0]} ended with {done.returncode})")
    return done.stdout
