# SPDX-License-Identifier: Apache-2.0
"""Cases of a system test, one after the other, each with a world of its own."""
import pathlib
import tempfile
import time


def run_cases(cases, make, prefix, within=None):
    """Calls each case with make(FOLDER), a new temporary folder below `within`. One that fails does not stop the next.
    The exit status: 1 when any failed."""
    failed = 0
    for case in cases:
        with tempfile.TemporaryDirectory(prefix=prefix, dir=within) as folder:
            begin = time.monotonic()
            try:
                case(make(pathlib.Path(folder)))
                print(f"ok   {case.__name__} ({time.monotonic() - begin:.1f} s)", flush=True)
            except AssertionError as error:
                failed += 1
                print(f"FAIL {case.__name__}: {error}", flush=True)
    return 1 if failed else 0
