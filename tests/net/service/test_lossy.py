#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Uploads over a cable that loses 25 of 100 frames each way, doubles some and swaps some, must end whole.

usage: tests/net/service/test_lossy.py bayplate-port lossy_client [BYTES [SEED...]]
Needs no rights: the cable is a pair of sockets, both ends have lwIP. Which frames suffer is fixed by the seed; when they
are sent depends on threads. Time runs CLOCK times as fast for both, as TCP's patience is counted in seconds; much
faster, and a busy machine is too slow for its own timers. For longer: BYTES 300000 takes some minutes.
"""
import hashlib
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import time

SERIAL, CODE, CLOCK = "LOSSY-1", "ABCDEFGHJK", 20
FAULTS = (25, 5, 10)


def mac_of(serial):
    """as firmware/device_id.c makes it."""
    h = 0xCBF29CE484222325
    for c in serial.encode():
        h = ((h ^ c) * 0x100000001B3) & (2 ** 64 - 1)
    mac = [(h >> (8 * i)) & 255 for i in range(6)]
    return [(mac[0] & 0xFC) | 2, *mac[1:]]


def address_of(serial):
    m = mac_of(serial)
    return f"fe80::{m[0] ^ 2:02x}{m[1]:02x}:{m[2]:02x}ff:fe{m[3]:02x}:{m[4]:02x}{m[5]:02x}"


def one(port, client, size, seed, folder):
    data = random.Random(seed).randbytes(size)
    (folder / "data").write_bytes(data)
    (folder / "claim").write_text(CODE)
    spool = folder / f"spool{seed}"
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    near.setblocking(False)
    far.setblocking(False)
    begun = time.monotonic()
    with open(folder / "log", "w") as log:
        device = subprocess.Popen([port, "--wire-fd", str(near.fileno()), "--serial", SERIAL, "--claim-file",
                                   str(folder / "claim"), "--spool", str(spool), "--reserve-mb", "0", "--clock-speed",
                                   str(CLOCK), "--faults", ",".join(map(str, (*FAULTS, seed)))],
                                  pass_fds=[near.fileno()], stderr=log)
        near.close()
        try:
            laptop = subprocess.run([client, str(far.fileno()), address_of(SERIAL), CODE,
                                     hashlib.sha256(data).hexdigest(), str(folder / "data"), str(CLOCK)],
                                    pass_fds=[far.fileno()], capture_output=True, text=True, timeout=240)
            whole = laptop.returncode == 0 and (spool / "upload.bundle").read_bytes() == data
        finally:
            device.terminate()
            status = device.wait(10)
            far.close()
    tries = len(laptop.stdout.splitlines())
    print(f"seed {seed}: {size} bytes in {tries} tries, {time.monotonic() - begun:.1f} s, "
          f"{'whole' if whole else 'NOT WHOLE'}", flush=True)
    if not whole or status != 0:
        print(laptop.stdout, laptop.stderr, (folder / "log").read_text(), f"device: exit {status}")
    return whole and status == 0


def main():
    if len(sys.argv) < 3:
        print(__doc__, file=sys.stderr)
        return 2
    port, client = sys.argv[1:3]
    size = int(sys.argv[3]) if len(sys.argv) > 3 else 60_000
    seeds = [int(s) for s in sys.argv[4:]] or [1, 2]
    with tempfile.TemporaryDirectory(prefix="bayplate-lossy-") as folder:
        return 0 if all([one(port, client, size, seed, pathlib.Path(folder)) for seed in seeds]) else 1


sys.exit(main())
