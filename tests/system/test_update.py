#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real bundles, made and signed by tools/bayplate-bundle, against bayplate-update: each refusal by its own word, and the
spare slot is not touched by any of them. The whole file counts: a bit is turned in each part of it."""
import json
import os
import pathlib
import shutil
import subprocess
import sys

from cases import run_cases

TOP = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("BAYPLATE_BINARY_DIR", TOP / "build/asan"))
UPDATE = BINARY / "firmware/update/bayplate-update"
BUNDLE = TOP / "tools/bayplate-bundle"


def call(*command, check=True):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class World:
    """Keys, an image small enough to sign in no time, a device, and a rauc that notes what was asked of it."""

    def __init__(self, folder):
        self.folder = folder
        self.keys, self.image, self.state = folder / "keys", folder / "image", folder / "state"
        call(BUNDLE, "keys", self.keys)
        self.image.mkdir()
        self.state.mkdir()
        (self.image / "kernel.itb").write_bytes(os.urandom(300_000))
        (self.image / "rootfs.img").write_bytes(os.urandom(900_000))
        (self.image / "image.ini").write_text("[image]\nboard = x\ncompatible = bayplate-x\nversion = 1.2.0\n")
        self.release = folder / "release"
        self.release.write_text("COMPATIBLE=bayplate-x\nVERSION=1.1.0\nMINIMUM=1.0\n")
        self.rauc = folder / "rauc"
        self.asked = folder / "asked"
        self.rauc.write_text(f'#!/bin/sh\necho "$1" >>{self.asked}\n[ "$1" = info ] || exit 0\nexec rauc "$@"\n')
        self.rauc.chmod(0o755)
        self.busy = folder / "car"
        self.conf = folder / "system.conf" # as the device's, etc/rauc/system.conf
        self.conf.write_text("[system]\ncompatible=bayplate-x\nbootloader=noop\n[keyring]\n"
                             f"path={self.keys}/ca.cert.pem\ncheck-crl=true\ncheck-purpose=codesign\n")

    def bundle(self, name, *more, keys=None):
        out = self.folder / f"{name}.raucb"
        call(BUNDLE, "make", keys or self.keys, "--image", self.image, "--out", out, *more)
        return out

    def update(self, bundle, *more, state=None):
        self.asked.write_text("")
        done = call(UPDATE, "--json", "--release", self.release, "--state", state or self.state, "--rauc", self.rauc,
                    "--conf", self.conf, "--busy", self.busy, "--progress", self.folder / "progress", *more, bundle, check=False)
        assert done.stdout, done.stderr
        answer = json.loads(done.stdout)
        answer["status"] = done.returncode
        answer["installed"] = "install" in self.asked.read_text()
        return answer

    def refused(self, bundle, word, **more):
        return self.refused_with(word, bundle, **more)

    def refused_with(self, word, bundle, *options, **more):
        answer = self.update(bundle, *options, **more)
        assert answer["result"] == word and answer["status"] == 1 and not answer["installed"], (word, answer)
        return answer


def good_one_is_installed(w):
    answer = w.update(w.bundle("good"))
    assert answer["result"] == "installed" and answer["installed"] and answer["version"] == "1.2.0", answer
    assert "result = installed" in (w.state / "report.ini").read_text()
    answer = w.update(w.folder / "good.raucb", "--check")
    assert answer["result"] == "fine" and not answer["installed"], answer


def unsigned(w):
    plain = w.folder / "plain.raucb"
    call("mksquashfs", w.image, plain, "-no-progress", "-quiet")
    w.refused(plain, "unsigned")


def wrong_key(w):
    other = w.folder / "other"
    call(BUNDLE, "keys", other)
    w.refused(w.bundle("other", keys=other), "wrong-key")


def revoked_key(w):
    old = w.bundle("old")
    assert w.update(old, "--check")["result"] == "fine"
    call(BUNDLE, "revoke", w.keys)
    answer = w.refused(old, "wrong-key")
    assert "revoked" in answer["text"], answer
    assert w.update(w.bundle("new"), "--check")["result"] == "fine"


def truncated(w):
    data = w.bundle("whole").read_bytes()
    for share in (0.3, 0.9, 0.99):
        cut = w.folder / "cut.raucb"
        cut.write_bytes(data[:int(len(data) * share)])
        w.refused(cut, "truncated")
    cut.write_bytes(data[:-1])
    w.refused(cut, "truncated")


def one_bit_anywhere(w):
    data = w.bundle("whole").read_bytes()
    cms = int.from_bytes(data[-8:], "big")
    bent = w.folder / "bent.raucb"
    words = {}
    # Contents (past the squashfs's own head), hash tree, signature, its length.
    places = [4096, len(data) // 3, len(data) // 2, len(data) - 8 - cms - 4000, len(data) - 8 - cms - 1,
              len(data) - 8 - cms + 40, len(data) - 8 - cms // 2, len(data) - 12, len(data) - 7, len(data) - 1]
    for place in places + list(range(100_000, len(data) - 8 - cms, 123_457)):
        for bit in (0, 7):
            changed = bytearray(data)
            changed[place] ^= 1 << bit
            bent.write_bytes(changed)
            answer = w.update(bent)
            assert answer["status"] == 1 and not answer["installed"], (place, bit, answer)
            words.setdefault(answer["result"], []).append(place)
    assert set(words) <= {"damaged", "wrong-key", "truncated", "no-bundle"} and len(words["damaged"]) > 10, words


def wrong_board(w):
    w.release.write_text("COMPATIBLE=bayplate-rpi4\nMINIMUM=1.0\n")
    answer = w.refused(w.bundle("good"), "wrong-board")
    assert "bayplate-x" in answer["text"] and "bayplate-rpi4" in answer["text"], answer


def too_old_and_the_way_back(w):
    w.release.write_text("COMPATIBLE=bayplate-x\nMINIMUM=1.10\n")
    answer = w.refused(w.bundle("old"), "too-old")
    assert "1.2.0" in answer["text"] and "1.10" in answer["text"], answer
    assert w.update(w.bundle("back", "--rollback"))["installed"]


def disk_full(w):
    # A file system of 4 MB has never the 8 MB that are asked for.
    small = w.folder / "small"
    small.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], check=False, stderr=subprocess.DEVNULL).returncode:
        print("   disk_full: may not mount here, skipped")
        return
    try:
        w.refused(w.bundle("good"), "disk-full", state=small)
    finally:
        subprocess.run(["umount", small], check=True)


def car_in_the_bay_waits(w):
    good = w.bundle("good")
    w.busy.write_text("")
    w.asked.write_text("")
    running = subprocess.Popen([UPDATE, "--release", w.release, "--state", w.state, "--rauc", w.rauc, "--conf",
                                w.conf, "--busy", w.busy, "--progress", w.folder / "progress", good], stdout=subprocess.PIPE, text=True)
    try:
        running.wait(timeout=3)
        raise AssertionError("did not wait for the car")
    except subprocess.TimeoutExpired:
        assert "install" not in w.asked.read_text()
    w.busy.unlink()
    out, _ = running.communicate(timeout=60)
    assert running.returncode == 0 and "install" in w.asked.read_text(), out


def one_that_runs_or_failed_here_is_left_alone(w):
    good = w.bundle("good")
    (w.state / "report.ini").write_text("[update]\nresult = fell-back\n")
    answer = w.refused_with("known", good, "--not", "1.1.0", "--not", "1.2.0")
    assert "1.2.0" in answer["text"] and "fell-back" in (w.state / "report.ini").read_text(), answer
    assert w.update(good, "--not", "1.1.0")["installed"]


def cannot_be_read(w):
    answer = w.refused(w.folder, "unreadable")
    assert "reading its beginning" in answer["text"], answer
    w.refused(w.folder / "pulled-out.raucb", "unreadable")


CASES = [one_that_runs_or_failed_here_is_left_alone, good_one_is_installed, unsigned, wrong_key, revoked_key, truncated, one_bit_anywhere, wrong_board,
         too_old_and_the_way_back, disk_full, car_in_the_bay_waits, cannot_be_read]


def main():
    lost = [p for p in ("rauc", "mksquashfs", "openssl") if not shutil.which(p)]
    if lost or not UPDATE.exists():
        print(f"skipped: missing {', '.join(lost) or UPDATE}")
        return 77
    return run_cases(CASES, World, "bayplate-update-")


if __name__ == "__main__":
    sys.exit(main())
