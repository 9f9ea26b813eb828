#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A flashed board in QEMU whose data partition no longer mounts: it comes up in memory and gives away what is on it, through the
device page and the service port; byte for byte what the disk holds. The copy is repaired, the planted visit is found, the board is
reset and takes its store back.

usage: test_device_export.py
  under ctest only with BAYPLATE_DEVICE=all: it takes several minutes of emulation
  BAYPLATE_IMAGE: folder of board/image/build (default build/image/qemu-arm64)
exit status: 0 all right, 1 something failed, 77 skipped: image, QEMU or the right to make a TAP device are missing
"""
import base64
import gzip
import hashlib
import http.client
import json
import os
import pathlib
import re
import shutil
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import time
import traceback

import test_device_life as life
from test_data_key import read_gpt
from test_device import BOOT, IMAGE, GuestError, missing
from test_reset import NAMES

life.TAP = "bpexport0"  # beside another test's
RESCUE = pathlib.Path(__file__).resolve().parents[2] / "tools/bayplate-rescue"
PLATE = "京A12D45"
STORE = "/data/bayplate/state/bayplate.db"
ALONE = {("tcp", "8080"), ("udp", "68"), ("udp", "546")}


def up(b):
    b.get("/healthz", BOOT)
    b.guest.connect(BOOT)


def partition(b):
    """The data partition's bytes of the disk as it is now; the board must be off."""
    raw = b.folder / "card.img"
    subprocess.run(["qemu-img", "convert", "-O", "raw", b.guest.disk, raw], check=True)
    with raw.open("rb") as f:
        def read(at, n):
            f.seek(at)
            return f.read(n)
        parts, _ = read_gpt(read, raw.stat().st_size)
        data = read(*parts["data"])
    raw.unlink()
    return data


def planted(b):
    """A day's visit and a customer, written into the terminal's own store."""
    up(b)
    b.sign_up()
    b.wait("df -k /data | tail -1 | awk '$2 > 500000 {print \"grown\"}'", "grown")
    b.sh("systemctl stop bayplated")
    text = b.sh(f"busybox gzip -c {STORE} | base64 -w0", timeout=120)
    db = b.folder / "store.db"
    db.write_bytes(gzip.decompress(base64.b64decode(text)))
    c = sqlite3.connect(db)
    c.execute("INSERT INTO visit(rev, phase, certainty, direction, type, plate, confidence, opened_ms, last_seen_ms, closed_ms) "
              "VALUES(900001, 'closed', 'certain', 'in', 'blue', ?, 0.999, 1795600000000, 1795600060000, 1795600060000)", (PLATE,))
    c.execute("INSERT INTO customer(name, phone) VALUES(?, ?)", NAMES[:2])
    c.commit()
    c.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    c.close()
    b.guest.put(gzip.compress(db.read_bytes()), "/run/store.gz")
    b.sh(f"rm -f {STORE}-wal {STORE}-shm && busybox gunzip -c </run/store.gz >{STORE} && chown bayplate:bayplate {STORE} && sync")
    b.sh("systemctl start bayplated")
    b.get("/healthz", BOOT)
    cards = b.ask("GET", "/api/v1/visits?limit=50")[1]["cards"]
    assert any(c["plate"]["text"] == PLATE for c in cards), cards


def lost(b):
    """The first superblock and the copy that e2fsck looks for are gone: it does not repair that by itself."""
    b.sh("systemctl stop bayplated; sync")
    for block in (0, 32768):
        b.sh(f"dd if=/dev/zero of=/dev/disk/by-partlabel/data bs=4096 seek={block} count=1 conv=notrunc,fsync 2>&1")
    b.guest.cut()
    b.guest.start()
    b.at = 0
    up(b)
    assert "cannot be mounted" in b.sh("cat /run/bayplate-boot/data-trouble")
    b.sign_up()  # in memory, by the label's first password
    end = time.monotonic() + BOOT
    while not (d := b.device())["export"]:  # the page is there before the sockets are
        assert time.monotonic() < end, b.sh("systemctl status bayplate-export.socket; ls -l /run/bayplate-boot; cat /run/bayplate-boot/data-device", check=False)
        b.guest._read(1)
    b.bytes = int(b.sh("cat /run/bayplate-boot/data-device").split()[1])
    assert d["data_trouble"] and d["export"] and d["export"]["partition"] == b.bytes and not d["export"]["running"], d
    ports = set(re.findall(r"^(tcp|udp)\s+\S+\s+\S+\s+\S+\s+\S*?:(\d+)\s", b.sh("ss -H -lntu"), re.M))
    assert ports <= ALONE, ports
    print(f"   {d['data_trouble']}; {b.bytes >> 20} MiB are offered; listening: {sorted(ports)}")


def plugged(b):
    end = time.monotonic() + BOOT
    while b.cable("/v1/identity", claim=False)[0] != 200:
        assert time.monotonic() < end, b.sh("systemctl status bayplate-port", check=False)
        b.guest._read(1)


def files_by_the_cable(b):
    plugged(b)
    assert b.cable("/v1/export?what=files", claim=False)[0] == 401
    began = time.monotonic()
    b.files = b.folder / "files.tar.gz"
    status, said = b.cable("/v1/export?what=files", "-o", str(b.files))
    assert status == 200, (status, said, b.sh("journalctl -b --no-pager -o cat | grep -i export | tail", check=False))
    print(f"   {b.files.stat().st_size} bytes in {time.monotonic() - began:.1f} s")
    with tarfile.open(b.files) as tar:
        assert tar.getnames()[-1] == "bayplate-export/REPORT.txt"


def image_by_the_page(b):
    b.image = b.folder / "image.tar.gz"
    began = time.monotonic()
    c = http.client.HTTPConnection("127.0.0.1", b.port, timeout=300)
    c.request("GET", "/api/v1/device/export?what=image", headers={"Cookie": b.cookie})
    r = c.getresponse()
    assert r.status == 200 and "image.tar.gz" in r.getheader("Content-Disposition"), (r.status, r.getheaders())
    seen = None
    with b.image.open("wb") as out:
        while piece := r.read(1 << 14):
            out.write(piece)
            b.guest._read(0)
            if seen is None and b.device()["export"]["phase"] == "runs":
                # One at a time, whichever way it is asked for.
                assert b.ask("GET", "/api/v1/device/export?what=files")[0] == 409
                assert b.cable("/v1/export?what=files")[0] == 409
                seen = b.sh("ps -o user=,rss= -C bayplate-export").split()
    assert r.length in (None, 0) and seen, seen
    assert seen[0] not in ("root", "bayplate"), seen
    end = time.monotonic() + BOOT
    while (x := b.device()["export"])["phase"] != "done":
        assert time.monotonic() < end, x
        b.guest._read(0.5)
    size = b.image.stat().st_size
    assert x["sha256"] == hashlib.sha256(b.image.read_bytes()).hexdigest() and x["sent"] == size and x["bad"] == 0, x
    assert b.sh("systemctl --failed --no-legend --plain").strip() == ""
    took = time.monotonic() - began
    print(f"   {b.bytes >> 20} MiB in a file of {size / 1e6:.1f} MB in {took:.0f} s; by user {seen[0]} with {seen[1]} KB of memory")


def it_is_what_the_disk_holds(b):
    b.guest.cut()
    disk = partition(b)
    with tarfile.open(b.image) as tar:
        image = tar.extractfile("bayplate-export/data.img").read()
    assert len(disk) == b.bytes and image == disk, "the image is not the partition, or the partition was written to"
    for archive in (b.image, b.files):
        out = b.folder / f"out-{archive.name}"
        done = subprocess.run([RESCUE, "--json", archive, out], capture_output=True, text=True, check=False)
        found = json.loads(done.stdout)
        assert found.get("visits", 0) >= 1 and found["customers"] == 1, (found, done.stderr)
        with tarfile.open(out / "bayplate-restore.tar.gz") as tar:
            b.restore = out / "bayplate-restore.tar.gz"
            (b.folder / "again.db").write_bytes(tar.extractfile("state/bayplate.db").read())
        c = sqlite3.connect(b.folder / "again.db")
        assert c.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert (PLATE,) in c.execute("SELECT plate FROM visit").fetchall()
        c.close()
        print(f"   {archive.name}: {json.dumps({k: v for k, v in found.items() if k != 'restore'}, ensure_ascii=False)}")


def it_works_again_and_takes_its_store_back(b):
    b.guest.start()
    b.at = 0
    up(b)
    b.sign_up()
    assert b.ask("POST", "/api/v1/device/reset", {"word": life.SERIAL})[0] == 202
    b.guest.disconnect()
    b.guest.expect("bayplate: slot [AB]", 2 * BOOT, len(b.guest.log))
    b.get("/healthz", 3 * BOOT)
    b.guest.connect(BOOT)
    b.sign_up()
    d = b.device()
    assert d["data_trouble"] is None and d["export"] is None, d
    assert b.ask("GET", "/api/v1/device/export?what=files")[0] == 409
    plugged(b)
    assert b.cable("/v1/export?what=files")[0] == 404
    assert "inactive" in b.sh("systemctl is-active bayplate-export.socket", check=False)
    # As from a stick (take-update; tests/system/test_export.py has the claim code).
    b.guest.put(b.restore.read_bytes(), "/run/restore.tar.gz")
    said = b.sh("/usr/lib/bayplate/restore /run/restore.tar.gz", timeout=BOOT)
    assert "the board restarts with it" in said, said
    b.guest.disconnect()
    b.guest.expect("bayplate: slot [AB]", 2 * BOOT, len(b.guest.log))
    up(b)
    b.cookie = b.csrf = None
    status, answer = b.ask("POST", "/api/v1/session", {"name": NAMES[0], "pin": "739154"})
    assert status == 200, answer
    cards = b.ask("GET", "/api/v1/visits?limit=50")[1]["cards"]
    assert any(c["plate"]["text"] == PLATE for c in cards), cards


CASES = [planted, lost, files_by_the_cable, image_by_the_page, it_is_what_the_disk_holds, it_works_again_and_takes_its_store_back]


def main():
    if sys.argv[1:]:
        print(__doc__, file=sys.stdout if sys.argv[1] in ("-h", "--help") else sys.stderr)
        return 0 if sys.argv[1] in ("-h", "--help") else 2
    if "CTEST_INTERACTIVE_DEBUG_MODE" in os.environ and os.environ.get("BAYPLATE_DEVICE") != "all":
        print("skipped: only with BAYPLATE_DEVICE=all")
        return 77
    missed = missing() or ([] if list(IMAGE.glob("bayplate-*.img")) else [str(IMAGE)])
    missed += [t for t in ("e2fsck", "debugfs") if not shutil.which(t, path=os.environ["PATH"] + ":/usr/sbin:/sbin")]
    if not missed and subprocess.run(["ip", "tuntap", "add", life.TAP, "mode", "tap"], capture_output=True, check=False).returncode:
        missed = ["the right to make a TAP device"]
    if missed:
        print(f"skipped: missing {', '.join(missed)}")
        return 77
    try:
        subprocess.run(["ip", "link", "set", life.TAP, "up"], check=True)
        with tempfile.TemporaryDirectory(prefix="bayplate-export-", dir=IMAGE.parents[1]) as folder:
            board = life.Life(pathlib.Path(folder))
            with board.guest:
                for case in CASES:
                    began = time.monotonic()
                    try:
                        case(board)
                    except (AssertionError, GuestError, OSError, http.client.HTTPException) as e:
                        traceback.print_exc()
                        print(f"FAIL {case.__name__}: {e!r}\n{board.guest.tail()}", flush=True)
                        return 1
                    print(f"ok   {case.__name__} ({time.monotonic() - began:.0f} s)", flush=True)
    finally:
        subprocess.run(["ip", "link", "del", life.TAP], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
