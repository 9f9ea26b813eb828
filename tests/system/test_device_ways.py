#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ways in that come by themselves, in the guest: USB sticks that are plugged in and pulled out while the board runs (rubbish,
another board's, too old, pulled out while it is checked and while it is written, a good one, the reset stick), and a plain HTTPS
directory with an authority of its own, asked by a board whose clock stands before the certificates' first day, until a time
server sets it.

usage: test_device_ways.py [CASE...]
  without a case: all of them, under ctest only with BAYPLATE_DEVICE=all; each goes on where the one before stopped
  BAYPLATE_IMAGE: folder of board/image/build (default build/image/qemu-arm64)
exit status: 0 all right, 1 something failed, 77 skipped: image or QEMU are missing
"""
import http.client
import os
import pathlib
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
import traceback

from test_device import BOOT, IMAGE, KEYS, NEW, TOP, GuestError, missing, version  # and where tools/ is
from test_device_life import CLAIM, SERIAL, Signed
from test_ways import Directory
from qemu_stick import BUS, Stick

NTP_EPOCH = 2208988800  # 1970, in seconds since 1900
ASK_CLOCK = "bayplate-clock --file /var/lib/bayplate/clock --mark /run/bayplate-clock/restored --ask"
HOST = "10.0.2.2"  # this machine, as QEMU's user network shows it to the guest


class TimeServer(threading.Thread):
    """SNTP (RFC 4330), as far as chrony asks for it: this machine's time."""

    def __init__(self):
        super().__init__(daemon=True)
        self.s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.s.bind(("127.0.0.1", 0))
        self.port, self.asked = self.s.getsockname()[1], 0
        self.start()

    def run(self):
        def stamp():
            now = time.time() + NTP_EPOCH
            return struct.pack("!II", int(now), int(now % 1 * (1 << 32)))
        while True:
            question, whom = self.s.recvfrom(512)
            arrived = stamp()
            self.asked += 1
            # Version 4, server, stratum 1; root delay 0 and dispersion 1/1024 s.
            head = struct.pack("!BBbbII4s", 0x24, 1, question[2], -20, 0, 64, b"LOCL")
            self.s.sendto(head + arrived + question[40:48] + arrived + stamp(), whom)


class Ways(Signed):
    def __init__(self, folder):
        # A board without a battery clock.
        super().__init__(folder, *BUS, "-rtc", "base=2020-01-01T00:00:00")

    def stick(self, files, **more):
        return Stick(self.guest, self.folder, files, **more)

    def sh(self, command, **more):
        """What is asked here may be asked twice: on a starved machine the guest's shell loses its port now and then."""
        try:
            return super().sh(command, **more)
        except OSError:
            self.guest.disconnect()
            self.guest.connect(BOOT)
            return super().sh(command, **more)

    def asked(self):
        """The device page's state; {} while nobody answers."""
        self.guest._read(0.2)
        try:
            return self.device()
        except (OSError, ValueError, http.client.HTTPException):
            return {}

    def until(self, what, is_so, seconds=BOOT):
        end = time.monotonic() + seconds
        while not is_so(d := self.asked()):
            if time.monotonic() > end:
                raise GuestError(f"{what} did not come: {d}\n{self.guest.tail()}")
        return d

    def phase(self, name):
        return self.until(f"phase {name}", lambda d: (d.get("updating") or {}).get("phase") == name)

    def report(self, seconds=BOOT):
        """How the update that was just begun ended."""
        return self.until("a report", lambda d: (d.get("report") or {}).get("result") not in (None, "forgotten"), seconds)["report"]

    def forget(self):
        self.sh("mkdir -p /data/bayplate/update; printf '[update]\\nresult = forgotten\\n' >/data/bayplate/update/report.ini; "
                "chmod 644 /data/bayplate/update/report.ini")

    def refused(self, files, result, words, **more):
        self.forget()
        stick = self.stick(files, **more).plug()
        report = self.report()
        assert report["result"] == result and not report["fine"] and words in report["what"], report
        assert self.other_slot() == self.slot_before, "the spare slot was touched"
        self.rests()
        stick.pull()
        print(f"     {result}: {report['what']}", flush=True)

    def rests(self):
        """The stick's service has ended, and its folder is free."""
        self.wait("systemctl show -P ActiveState bayplate-update@usb", "inactive" if self.quiet() else "failed")
        assert "/run/bayplate-boot/usb" not in self.sh("mount")

    def quiet(self):
        return self.sh("systemctl show -P Result bayplate-update@usb").strip() == "success"

    def other_slot(self):
        """The beginnings of the spare slot's kernel and root."""
        spare = "A" if "rauc.slot=B" in self.sh("cat /proc/cmdline") else "B"
        return self.sh(f"for p in kernel{spare} root{spare}; do head -c 1048576 /dev/disk/by-partlabel/$p | sha256sum; done")

    def proven(self, version_, slot):
        d = self.until(f"{version_} proves itself", lambda d: (d.get("report") or {}).get("result") in ("good", "failed", "fell-back"),
                       3 * BOOT)
        assert d["report"]["result"] == "good" and d["version"] == version_ and d["slot"] == slot, d
        self.guest.connect(BOOT)
        self.slot_before = self.other_slot()

    def done(self, text):
        print(f"ok   {text} ({self.guest.seconds():.0f} s after power-on, load {os.getloadavg()[0]:.1f})", flush=True)


def bundle(folder, compatible, name):
    """A signed bundle of next to nothing: it is refused before its contents count."""
    made = folder / f"small-{name}"
    made.mkdir()
    for file in ("kernel.itb", "rootfs.img"):
        (made / file).write_bytes(os.urandom(300_000))
    (made / "image.ini").write_text(f"[image]\nboard = x\ncompatible = {compatible}\nversion = {name}\n")
    subprocess.run([TOP / "tools/bayplate-bundle", "make", KEYS, "--image", made, "--out", folder / f"small-{name}.raucb"], check=True,
                   stdout=subprocess.DEVNULL)
    return folder / f"small-{name}.raucb"


def starts_without_a_clock(b):
    b.get("/healthz", BOOT)
    b.guest.connect(BOOT)
    b.sign_up()
    b.slot_before = b.other_slot()
    b.sh("test -e /run/bayplate-clock/restored")
    assert int(b.sh("date +%s")) < time.time() - 5, "the guest's clock is not behind"
    assert b.sh(f"{ASK_CLOCK} && echo right || echo guess").strip() == "guess"
    b.done("a board without a battery clock: " + b.sh("date -u").strip())


def stick_with_rubbish(b):
    b.refused({"bayplate-qemu-arm64-9.9.raucb": os.urandom(3 << 20)}, "no-bundle", "this is no update bundle")
    # On all of the stick, without a partition table; cut off where it was copied.
    whole = bundle(b.folder, "bayplate-qemu-arm64", "7.0").read_bytes()
    b.refused({"bayplate-7.0.raucb": whole[:-70_000]}, "truncated", "not whole", table=False)
    b.done("sticks with rubbish and with half a bundle are refused")


def stick_for_another_board(b):
    b.refused({"bayplate-9.8.raucb": bundle(b.folder, "bayplate-rpi4", "9.8")}, "wrong-board", "for bayplate-rpi4")
    b.done("a stick with another board's bundle is refused")


def stick_with_an_old_version(b):
    old = bundle(b.folder, "bayplate-qemu-arm64", "0.0.9")
    b.sh("sed 's/^MINIMUM=.*/MINIMUM=0.1/' /etc/bayplate-release >/run/release && mount --bind /run/release /etc/bayplate-release")
    b.refused({"bayplate-qemu-arm64-0.0.9.raucb": old}, "too-old", "0.0.9, and 0.1 is the oldest")
    b.sh("umount /etc/bayplate-release")
    b.done("a stick with a version older than the oldest is refused")


def stick_pulled_out(b):
    """While it is checked; and put in again, while it is written."""
    big = version(b.folder, "9.0", NEW)
    shutil.rmtree(b.folder / "9.0")
    b.forget()
    b.good = b.stick({"bayplate-qemu-arm64-9.0.raucb": big})
    b.good.plug()
    b.phase("check")
    b.good.pull()
    report = b.report()
    assert report["result"] == "unreadable" and "pulled out" in report["what"], report
    assert b.other_slot() == b.slot_before
    b.rests()
    b.done(f"a stick pulled out while it is checked: {report['what']}")
    b.forget()
    b.good.plug()
    b.phase("write")
    b.good.pull()
    report = b.report()
    assert report["result"] == "failed", report
    b.rests()
    assert "BOOT_ORDER=A" in b.sh("fw_printenv") and "BOOT_B_LEFT=0" in b.sh("fw_printenv"), b.sh("fw_printenv")
    b.get("/healthz", 30)
    b.done(f"a stick pulled out while the spare slot is written: {report['what'][:90]}; that slot is not started")


def stick_is_taken(b):
    """It is still in its socket after the restart, and is left alone then."""
    if not hasattr(b, "good"):
        b.good = b.stick({"bayplate-qemu-arm64-9.0.raucb": version(b.folder, "9.0", NEW)})
    b.forget()
    began = time.monotonic()
    b.good.plug()
    b.phase("restart")
    print(f"     checked and written {time.monotonic() - began:.0f} s after it was plugged in", flush=True)
    b.proven("9.0", "B")
    b.wait("journalctl -b -u bayplate-update@usb --no-pager -o cat", "runs already")
    b.rests()
    assert b.device()["report"]["result"] == "good"
    b.good.pull()
    b.done("a stick with a good bundle is taken, its version proves itself; still plugged in, it is left alone")


def directory_before_the_clock_is_right(b):
    (b.folder / "www").mkdir()
    b.directory = Directory(b.folder / "www", f"IP:{HOST}")
    now = int(b.sh("date +%s"))
    assert now < time.time() - 5, "the guest's clock is not behind the certificate's"
    shutil.move(version(b.folder, "9.1", NEW), b.directory.folder / "bayplate-9.1.raucb")
    (b.directory.folder / "latest.txt").write_text("9.1 bayplate-9.1.raucb\n")
    ca = (b.directory.folder / "ca.pem").read_text()
    b.sh(f"echo '{ca}' >/etc/bayplate/update-ca.pem; printf 'url = {b.directory.url}/\\nca = /etc/bayplate/update-ca.pem\\n' >/etc/bayplate/update.ini; "
         # The day and the quarters of an hour, in seconds.
         "mkdir -p /run/systemd/system/bayplate-update-poll.timer.d /run/systemd/system/bayplate-update@poll.service.d; "
         "printf '[Timer]\\nOnBootSec=\\nOnActiveSec=1\\nRandomizedDelaySec=0\\nAccuracySec=1\\n' >/run/systemd/system/bayplate-update-poll.timer.d/soon.conf; "
         "printf '[Service]\\nRestartSec=4\\nEnvironment=BAYPLATE_FETCH_PAUSE=2\\n' >/run/systemd/system/bayplate-update@poll.service.d/soon.conf; "
         "systemctl daemon-reload && systemctl restart bayplate-update-poll.timer")
    said = b.wait("journalctl -u bayplate-update@poll --no-pager -o cat", "clock is not right yet: asked again", 120)
    assert "not yet valid" in said, said
    b.wait("systemctl show -P NRestarts bayplate-update@poll", "2", 120)  # it asks again, and again
    assert b.directory.asked == [] and (b.device()["report"] or {}).get("result") != "installed"
    b.done("the directory, while the board's clock stands before its certificate: not believed, asked again")


def directory_is_taken(b):
    """The clock becomes right; a download breaks off and goes on."""
    b.forget()
    other = "A" if "rauc.slot=B" in b.sh("cat /proc/cmdline") else "B"
    b.directory.cut = 40 << 20
    server = TimeServer()
    b.sh(f"mkdir -p /etc/bayplate/ntp.d && echo 'server {HOST} port {server.port} iburst' >/etc/bayplate/ntp.d/test.conf && systemctl restart chrony")
    b.wait(f"[ $(date +%s) -ge {int(time.time())} ] && echo set || chronyc sources; journalctl -b -u chrony -o cat | tail -n 4", "set\n")
    assert server.asked and abs(int(b.sh("date +%s")) - time.time()) < 60
    b.wait(f"{ASK_CLOCK} && echo right", "right", 120)
    b.until("a download that broke off", lambda _: any(a[1].endswith("raucb") and a[0] == "GET" for a in b.directory.asked))
    b.wait("journalctl -u bayplate-update@poll --no-pager -o cat", "bytes remaining")
    b.directory.cut = None
    b.phase("restart")
    ranges = [a[2] for a in b.directory.asked if a[0] == "GET" and a[1].endswith("raucb")]
    assert ranges[0] is None and len(ranges) > 1 and all(re.fullmatch(r"bytes=\d+-", r) for r in ranges[1:]), ranges
    b.proven("9.1", other)
    assert b.sh("systemctl is-active bayplate-update-poll.timer").strip() == "active"
    assert "poll." not in (left := b.sh("ls -l /data/bayplate/update")), left
    b.done(f"the directory, once a time server has set the clock: fetched in {len(ranges)} parts, installed, proven")


def reset_stick(b):
    """Another board's does nothing; ours erases once, though it is still in its socket when the board starts again."""
    b.sh("echo planted >/data/bayplate/state/planted; sync")
    stick = b.stick({"bayplate-reset.txt": b"ABCD-EFGH-JKLM-NPQS\r\n"}).plug()
    b.wait("journalctl -b -u bayplate-update@usb --no-pager -o cat", "not this board's claim code")
    b.rests()
    stick.pull()
    assert "planted" in b.sh("cat /data/bayplate/state/planted")
    since = len(b.guest.log)
    stick = b.stick({"bayplate-reset.txt": f"{CLAIM.lower()}\r\n".encode()}).plug()
    b.guest.expect(r"bayplate: slot [AB]", BOOT, since)
    b.get("/healthz", 3 * BOOT)
    b.guest.connect(BOOT)
    b.wait("journalctl -b -u bayplate-update@usb --no-pager -o cat", "take it out")
    b.rests()
    assert SERIAL in b.sh("cat /data/bayplate/device.ini") and b.sh("ls /data/bayplate/state/planted 2>&1", check=False).startswith("ls:")
    b.sign_up()
    # Nor at a start after that.
    b.sh("echo planted >/data/bayplate/state/planted; sync")
    b.guest.cut()
    b.guest.start()
    b.get("/healthz", BOOT)
    b.guest.connect(BOOT)
    b.wait("journalctl -b -u bayplate-update@usb --no-pager -o cat", "take it out")
    b.rests()
    assert "planted" in b.sh("cat /data/bayplate/state/planted")
    stick.pull()
    b.done("the reset stick erases once; the label's password makes the first person again")


CASES = [starts_without_a_clock, stick_with_rubbish, stick_for_another_board, stick_with_an_old_version, stick_pulled_out, stick_is_taken,
         directory_before_the_clock_is_right, directory_is_taken, reset_stick]


def main():
    if "CTEST_INTERACTIVE_DEBUG_MODE" in os.environ and os.environ.get("BAYPLATE_DEVICE") != "all":
        print("skipped: only with BAYPLATE_DEVICE=all")
        return 77
    cases = [c for c in CASES if not sys.argv[1:] or c.__name__ in sys.argv[1:] or c is CASES[0]]
    lost = missing() or ([] if (IMAGE / "work/initramfs").exists() else [str(IMAGE)])
    if lost:
        print(f"skipped: missing {', '.join(lost)}")
        return 77
    with tempfile.TemporaryDirectory(prefix="bayplate-ways-", dir=IMAGE.parents[1]) as folder:
        board = Ways(pathlib.Path(folder))
        with board.guest:
            for case in cases:
                try:
                    case(board)
                except (AssertionError, GuestError, OSError) as e:
                    traceback.print_exc()
                    print(board.guest.sh("journalctl -b --no-pager | grep -vi camera | tail -n 40; ls -l /dev/sd* /dev/bayplate-usb", check=False))
                    print(f"FAIL {case.__name__}: {e}", flush=True)
                    shutil.copy(pathlib.Path(folder) / "board/serial.log", TOP / "build/ways-serial.log")
                    return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
