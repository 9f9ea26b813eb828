#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A flashed board's life in QEMU: its identity at the first start, the service port on a cable of its own, an update through
the device page that reads the site's crops before and after, the reset to factory state through the service port, and a search
of the raw disk for what was there.

usage: test_device_life.py [CASE...]
  under ctest only with BAYPLATE_DEVICE=all: it takes several minutes of emulation
  BAYPLATE_IMAGE: folder of board/image/build (default build/image/qemu-arm64)
exit status: 0 all right, 1 something failed, 77 skipped: image, QEMU or the right to make a TAP device are missing
"""
import ctypes
import hashlib
import http.client
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

from test_device import BOOT, IMAGE, NEW, Board, Guest, GuestError, free_port, missing, version
from test_reset import NAMES, claim_hash
from test_verdict import fill

SERIAL, CLAIM, PASSWORD = "BP-LIFE-0001", "ABCD-EFGH-JKLM-NPQR", "QRST-UVWX-YZ23"
TAP, MAC = "bplife0", "52:54:00:6c:69:66"
PIECE = 64 * 1024


def password_hash(code):
    sodium = ctypes.CDLL("libsodium.so.23")
    out, plain = ctypes.create_string_buffer(128), code.replace("-", "").encode()
    assert sodium.sodium_init() >= 0
    assert sodium.crypto_pwhash_str(out, plain, ctypes.c_ulonglong(len(plain)), ctypes.c_ulonglong(2), ctypes.c_size_t(19 << 20)) == 0
    return out.value.decode()


def flashed(folder):
    """The image with who this board is on its boot partition, as bayplate-flash leaves it."""
    image = folder / "image"
    image.mkdir()
    disk = image / "bayplate-flashed.img"
    subprocess.run(["cp", "--sparse=always", next(IMAGE.glob("bayplate-*.img")), disk], check=True)
    shutil.copy(IMAGE / "signing.dtb", image)
    ini = folder / "bayplate-device.ini"
    ini.write_text(f"[device]\nserial = {SERIAL}\nmodel = bayplate-virt\nboard = qemu-arm64\n"
                   f"claim_hash = blake2b${'00' * 16}${claim_hash(CLAIM.replace('-', ''))}\n"
                   f"first_password_hash = {password_hash(PASSWORD)}\n")
    subprocess.run(["mcopy", "-i", f"{disk}@@{1 << 20}", ini, "::bayplate-device.ini"], check=True)
    return disk


class Signed(Board):
    """A flashed board and somebody who is signed in on its page."""

    def __init__(self, folder, *more):
        self.folder, self.port, self.at = folder, free_port(), 0
        clip = folder / "clip.yuyv"
        frame = b"\x60\x80" * (1280 * 720)
        clip.write_bytes(frame + b"\x68" + frame[1:])
        self.guest = Guest(flashed(folder), folder / "board", clip=clip, ports={8080: self.port}, size="1200M", more=more)
        self.cookie = self.csrf = None

    def ask(self, method, path, body=None, kind="application/json"):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        headers = {"Cookie": self.cookie or "", "X-CSRF-Token": self.csrf or "", "Content-Type": kind}
        c.request(method, path, json.dumps(body) if isinstance(body, dict) else body, headers)
        r = c.getresponse()
        data = r.read()
        if r.getheader("Set-Cookie"):
            self.cookie = r.getheader("Set-Cookie").split(";")[0]
        c.close()
        return r.status, json.loads(data)

    def sign_up(self):
        """With the label's first password, as whoever unpacks the board."""
        self.cookie = self.csrf = None
        assert self.ask("GET", "/api/v1/session")[1]["setup_by_label"]
        status, answer = self.ask("POST", "/api/v1/setup", {"code": PASSWORD, "name": NAMES[0], "role": "manager", "pin": "739154"})
        assert status == 200, answer
        self.csrf = answer["csrf"]

    def device(self):
        return self.ask("GET", "/api/v1/device")[1]


class Life(Signed):
    def __init__(self, folder):
        super().__init__(folder, "-netdev", f"tap,id=service,ifname={TAP},script=no,downscript=no",
                         "-device", f"virtio-net-pci,netdev=service,romfile=,addr=8,mac={MAC}")

    def cable(self, path, *more, claim=True, method="GET"):
        """The technician's laptop asks over its own cable, by the address that the board's MAC gives."""
        mac = bytes.fromhex(MAC.replace(":", ""))
        suffix = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
        address = "fe80::" + ":".join(suffix[i:i + 2].hex() for i in range(0, 8, 2))
        done = subprocess.run(["curl", "-sS", "-g", "--max-time", "60", "-X", method, "--interface", TAP, "-w", " %{http_code}",
                               *(["-H", f"X-Bayplate-Claim: {CLAIM}"] if claim else []), *more, f"http://[{address}%25{TAP}]{path}"],
                              capture_output=True, text=True, check=False)
        body, _, status = done.stdout.rpartition(" ")
        return int(status or 0), body or done.stderr


def who_it_is(b):
    b.get("/healthz", BOOT)
    b.guest.connect(BOOT)
    assert SERIAL in b.sh("cat /data/bayplate/device.ini") and "-rw-r-----" in b.sh("ls -l /data/bayplate/device.ini")
    b.sign_up()
    d = b.device()
    assert d["serial"] == SERIAL and d["image"] and d["slot"] == "A" and d["supported_until"] and not d["data_trouble"], d
    print(f"   {json.dumps({k: d[k] for k in ('serial', 'model', 'version', 'slot', 'built', 'supported_until')})}")


def service_port(b):
    end = time.monotonic() + BOOT
    while (answer := b.cable("/v1/identity", claim=False))[0] != 200:
        assert time.monotonic() < end, (answer, b.sh("systemctl status bayplate-port bayplate-port-netns; ip link", check=False))
        b.guest._read(1)
    identity = json.loads(answer[1])
    assert identity["serial"] == SERIAL and identity["slot"] == "A", identity
    assert b.cable("/v1/state", claim=False)[0] == 401
    status, state = b.cable("/v1/state")
    assert status == 200 and json.loads(state)["device"]["serial"] == SERIAL, state
    # No kernel address on that cable, and nothing of the kernel's listens there.
    assert "inet" not in b.sh("ip netns exec bayplate-port ip addr")
    assert b.sh("ip netns exec bayplate-port ss -Hlntu").strip() == ""
    print(f"   {answer[1].strip()}")


def update_by_the_page(b):
    crops = b.crops
    golden = "/data/bayplate/state/golden"
    b.sh(f"mkdir -p {golden}")
    for file in sorted(crops.iterdir()):
        b.guest.put(file.read_bytes(), f"{golden}/{file.name}")
    b.sh(f"chown -R bayplate:bayplate {golden} && chmod 700 {golden} && chmod 600 {golden}/*")
    began = time.monotonic()
    b.sh(f"/usr/lib/bayplate/golden note {golden} /run/note", timeout=300)
    note = b.sh("cat /run/note")
    print(f"   golden note in the guest: {time.monotonic() - began:.0f} s, {note.count(',1')} of {len(note.splitlines())} read")
    assert note.count(",1") >= 1, note
    bundle = version(b.folder, "9.0", NEW).read_bytes()
    began, at = time.monotonic(), 0
    name = hashlib.sha256(bundle).hexdigest()[:20]
    assert b.ask("POST", f"/api/v1/device/upload?id={name}&size={len(bundle)}")[1]["have"] == 0
    while at < len(bundle):
        status, answer = b.ask("PUT", f"/api/v1/device/upload?id={name}&at={at}", bundle[at:at + PIECE], "application/octet-stream")
        if status != 200 and answer.get("upload") != "busy":
            raise AssertionError((status, answer))
        at = answer["have"] if status == 200 else at
        b.guest._read(0)
    print(f"   {len(bundle) >> 20} MB uploaded in {time.monotonic() - began:.0f} s")
    phases = []
    end = time.monotonic() + 3 * BOOT
    began = time.monotonic()
    while True:
        b.guest._read(0.2)
        try:
            d = b.device()
        except (OSError, ValueError, http.client.HTTPException):
            d = {}
        phase = (d.get("updating") or {}).get("phase")
        if phase and phase not in phases:
            phases.append(phase)
            print(f"   {time.monotonic() - began:.0f} s: {phase}")
        if (d.get("report") or {}).get("result") in ("good", "failed", "fell-back"):
            break
        assert time.monotonic() < end, (phases, d, b.guest.tail())
    assert d["report"]["result"] == "good" and d["slot"] == "B" and d["version"] == "9.0", d
    assert [p for p in phases if p != "wait"] == ["check", "write", "restart", "prove"], phases
    b.guest.connect(BOOT)
    assert "golden crops:" in (said := b.sh("journalctl -u bayplate-verdict --no-pager -o cat")), said
    print("   " + [line for line in said.splitlines() if "golden" in line][-1])


def back_to_factory_state(b):
    b.sh(f"echo '{'，'.join(NAMES)}' >/data/bayplate/state/words && sync && rm /data/bayplate/state/words")
    end = time.monotonic() + BOOT
    while b.cable("/v1/identity", claim=False)[0] != 200:
        assert time.monotonic() < end
        b.guest._read(1)
    assert b.cable(f"/v1/reset?serial={SERIAL}", claim=False, method="POST")[0] == 401
    assert b.cable("/v1/reset", method="POST")[0] == 400
    began = time.monotonic()
    status, answer = b.cable(f"/v1/reset?serial={SERIAL}", method="POST")
    assert status == 202, answer
    b.guest.expect(r"reset-data: done|bayplate: slot [AB]", BOOT, len(b.guest.log))
    b.get("/healthz", 3 * BOOT)
    b.guest.connect(BOOT)
    print(f"   the page answers again after {time.monotonic() - began:.0f} s")
    print("   " + b.sh("journalctl -u bayplate-data --no-pager -o cat | grep -E 'reset-data|erased' | tail -n 3").strip().replace("\n", "; "))
    assert SERIAL in b.sh("cat /data/bayplate/device.ini")
    assert b.sh("ls /data/bayplate/state/golden 2>/dev/null", check=False).strip() == ""
    b.sh("sync")
    b.guest.cut()
    raw = b.folder / "after.img"
    subprocess.run(["qemu-img", "convert", "-O", "raw", b.guest.disk, raw], check=True)
    found = set()
    with raw.open("rb") as f:
        rest = b""
        while piece := f.read(8 << 20):
            whole = rest + piece
            found |= {n for n in NAMES if n.encode() in whole}
            rest = whole[-64:]
    raw.unlink()
    assert not found, found
    b.guest.start()
    b.get("/healthz", BOOT)
    b.sign_up()  # the label's password makes the first person again
    assert b.device()["serial"] == SERIAL


CASES = [who_it_is, service_port, update_by_the_page, back_to_factory_state]


def main():
    if "CTEST_INTERACTIVE_DEBUG_MODE" in os.environ and os.environ.get("BAYPLATE_DEVICE") != "all":
        print("skipped: only with BAYPLATE_DEVICE=all")
        return 77
    cases = [c for c in CASES if not sys.argv[1:] or c.__name__ in sys.argv[1:]]
    lost = missing() or ([] if list(IMAGE.glob("bayplate-*.img")) else [str(IMAGE)])
    if not lost and subprocess.run(["ip", "tuntap", "add", TAP, "mode", "tap"], capture_output=True, check=False).returncode:
        lost = ["the right to make a TAP device"]
    if lost:
        print(f"skipped: missing {', '.join(lost)}")
        return 77
    try:
        subprocess.run(["ip", "link", "set", TAP, "up"], check=True)
        with tempfile.TemporaryDirectory(prefix="bayplate-life-", dir=IMAGE.parents[1]) as folder:
            folder = pathlib.Path(folder)
            (folder / "site").mkdir()
            crops = fill(folder / "site") if update_by_the_page in cases else None
            board = Life(folder)
            board.crops = crops
            with board.guest:
                for case in cases:
                    began = time.monotonic()
                    try:
                        case(board)
                    except (AssertionError, GuestError) as e:
                        print(f"FAIL {case.__name__}: {e}", flush=True)
                        return 1
                    print(f"ok   {case.__name__} ({time.monotonic() - began:.0f} s)", flush=True)
    finally:
        subprocess.run(["ip", "link", "del", TAP], check=False)
    return 0


if __name__ == "__main__":
    sys.exit(main())
