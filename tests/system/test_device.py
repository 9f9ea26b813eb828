#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The system image in QEMU: it starts, its page answers, it takes a signed update, keeps a version that proves itself and
falls back from versions that do not. Needs build/image/qemu-arm64 of board/image/build; emulation is slow, so all cases share
one board and go on where the one before stopped. Skipped where image or QEMU are missing."""
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tools"), str(TOP / "board/image")]
from qemu_guest import Guest, GuestError, missing  # noqa: E402

IMAGE = TOP / "build/image/qemu-arm64"
KEYS = TOP / "build/image/keys"
BOOT = float(os.environ.get("BAYPLATE_QEMU_PATIENCE", "240"))  # seconds for one start on a busy machine

# What the initramfs of a version does after the root is mounted (init.sh, /test.sh).
NEW = """bb mount -t tmpfs tmpfs /sysroot/mnt
bb sed 's/^VERSION=.*/VERSION={version}/' /sysroot/etc/bayplate-release >/sysroot/mnt/release
bb mount --bind /sysroot/mnt/release /sysroot/etc/bayplate-release
"""
BAD_APP = NEW + """printf '#!/bin/sh\\nexit 1\\n' >/sysroot/mnt/bayplated
bb chmod 755 /sysroot/mnt/bayplated
bb mount --bind /sysroot/mnt/bayplated /sysroot/usr/bin/bayplated
"""
PANIC = "echo c >/proc/sysrq-trigger\n"


def free_port():
    import socket
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def version(folder, name, hook):
    """A bundle of the image whose initramfs does `hook`."""
    from parts import kernel
    made = folder / name
    shutil.copytree(IMAGE / "work/initramfs", made / "initramfs", symlinks=True)
    (made / "initramfs/test.sh").write_text(hook.format(version=name))
    (made / "initrd.gz").write_bytes(gzip.compress(kernel.cpio(made / "initramfs", 1), 1, mtime=0))
    kernel.fit(made / "kernel.itb", made, name, IMAGE / "work/Image", made / "initrd.gz", None, "0x40400000", KEYS, 1)
    os.link(IMAGE / "rootfs.img", made / "rootfs.img")
    (made / "image.ini").write_text(re.sub("version = .*", f"version = {name}", (IMAGE / "image.ini").read_text()))
    subprocess.run([TOP / "tools/bayplate-bundle", "make", KEYS, "--image", made, "--out", folder / f"{name}.raucb"], check=True,
                   stdout=subprocess.DEVNULL)
    return folder / f"{name}.raucb"


class Board:
    def __init__(self, folder):
        self.folder = folder
        clip = folder / "clip.yuyv"
        # An empty bay: one point differs, so that the camera is not taken for a frozen one and nothing moves.
        frame = b"\x60\x80" * (1280 * 720)
        clip.write_bytes(frame + b"\x68" + frame[1:])
        self.port = free_port()
        self.guest = Guest(IMAGE, folder / "board", clip=clip, ports={8080: self.port}, size="2G")
        self.at = 0  # how much of the serial line has been looked at

    def get(self, path, seconds):
        """The page's answer; asked again until it comes."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.guest._read(0.05)
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5) as answer:
                    return answer.read().decode()
            except OSError:
                time.sleep(0.2)
        raise GuestError(f"{path} did not answer in {seconds:.0f} s:\n{self.guest.tail()}")

    def sh(self, command, **more):
        return self.guest.sh(command, **more)

    def slot(self, seconds=None):
        """Waits for the next start; the slot that U-Boot chose."""
        end = self.guest.expect(r"bayplate: slot [AB], order [AB ]+, tries left A \d B \d", seconds or BOOT, self.at)
        line = self.guest.log[self.at:end].decode(errors="replace").splitlines()[-1]
        self.at = end
        return re.search("slot ([AB])", line)[1], line

    def wait(self, command, want, seconds=None):
        """Asks the guest until the answer holds `want`."""
        end = time.monotonic() + (seconds or BOOT)
        while True:
            got = self.sh(command, check=False)
            if want in got:
                return got
            if time.monotonic() > end:
                raise GuestError(f"{command!r} said {got!r}, wanted {want!r}\n{self.sh('journalctl -b --no-pager | tail -30', check=False)}")
            time.sleep(1)


def run(folder):
    good, bad, panics = version(folder, "9.0", NEW), version(folder, "9.1", BAD_APP), version(folder, "9.2", PANIC)
    board = Board(folder)
    g = board.guest
    # All three bundles on one more disk, each at a place of its own.
    carried, places = folder / "bundles.img", {}
    with carried.open("wb") as out:
        for bundle in (good, bad, panics):
            places[bundle] = out.tell()
            out.write(bundle.read_bytes())
            out.truncate(-(-out.tell() // (1 << 20)) << 20)
            out.seek(0, 2)
    g.arguments += ["-drive", f"if=none,id=more,format=raw,readonly=on,file={carried}", "-device",
                    "virtio-blk-pci,drive=more,serial=more,addr=8"]

    def done(text):
        print(f"ok   {text} ({g.seconds():.0f} s)", flush=True)

    def install(bundle):
        size = bundle.stat().st_size
        at = time.monotonic()
        board.sh(f"cd /data && dd if=/dev/vdc of=/data/test.raucb bs=1M skip={places[bundle] >> 20} "
                 f"count={-(-size // (1 << 20))} 2>&1 && truncate -s {size} /data/test.raucb", timeout=300)
        out = board.sh("bayplate-update --json /data/test.raucb; rm /data/test.raucb", timeout=400)
        assert '"result":"installed"' in out, out
        print(f"     {size >> 20} MiB installed in {time.monotonic() - at:.0f} s with its copy", flush=True)

    with g:
        slot, line = board.slot()
        assert slot == "A" and "A 2 B 0" in line, line
        assert "/assets/app.js" in board.get("/", BOOT)
        done(f"first start: the page answers after {g.seconds():.0f} s")
        g.connect(BOOT)
        board.wait("cat /data/bayplate/update/good", "A ")
        assert "BOOT_A_LEFT=3" in board.sh("fw_printenv")
        who = board.sh("ps -o user= -C bayplated; systemctl show -P MemoryMax -P CapabilityBoundingSet -P WatchdogUSec bayplated")
        assert who.split()[0] == "bayplate" and "314572800" in who and "30s" in who, who
        done("bayplated runs as its own user, bounded, watched; the slot is marked good")
        # Everything that listens, and nothing else: DHCP's client, the page.
        ports = sorted(set(re.findall(r"^(tcp|udp)\s+\S+\s+\S+\s+\S+\s+\S*?:(\d+)\s", board.sh("ss -H -lntu"), re.M)))
        assert set(ports) <= {("tcp", "8080"), ("udp", "68"), ("udp", "546")} and ("tcp", "8080") in ports, ports
        done(f"listening: {' '.join('/'.join(p) for p in ports)}")
        assert "verity" in board.sh("dmsetup table root") and board.sh("mount | grep ' / '").startswith("/dev/dm-0 on / type squashfs (ro")
        assert board.sh("find / -xdev -perm /6000 -type f") == ""
        assert "2097152" not in board.sh("cat /sys/class/block/vda7/size")
        assert int(board.sh("df -k /data | tail -1").split()[1]) > 1_400_000
        done("root read-only under dm-verity, nothing set-uid, data grown to the disk")

        install(good)
        board.sh("systemctl --no-block reboot")
        slot, line = board.slot()
        assert slot == "B", line
        g.connect(BOOT)
        board.wait("cat /data/bayplate/update/good", "B 9.0")
        assert "BOOT_ORDER=B A" in board.sh("fw_printenv")
        done("update to 9.0 in slot B proved itself")

        for bundle, name, why in ((panics, "9.2", "did not start"), (bad, "9.1", "dies again and again")):
            install(bundle)
            board.sh("systemctl --no-block reboot")
            tries = []
            while True:
                slot, line = board.slot()
                tries.append(slot)
                if slot == "B":
                    break
                assert len(tries) <= 3, tries
            assert tries == ["A", "A", "A", "B"], tries
            g.connect(BOOT)
            report = board.wait("cat /data/bayplate/update/report.ini", "fell-back")
            assert name in report and why in report, report
            board.wait("fw_printenv BOOT_ORDER", "BOOT_ORDER=B")
            assert "version = 9.0" in report and "/assets/app.js" in board.get("/", BOOT)
            done(f"{name} fell back to 9.0 after three tries: {why}")

        # Flaky power has used up all tries, and one copy of the environment is damaged.
        board.sh("fw_setenv BOOT_A_LEFT 0; fw_setenv BOOT_B_LEFT 0; sync")
        g.cut()
    with g:
        board.at = 0
        g.expect("all tries are used up, counting anew", BOOT)
        slot, line = board.slot()
        assert slot == "B", line
        g.connect(BOOT)
        board.wait("cat /proc/cmdline", "rauc.slot=B")
        board.wait("fw_printenv BOOT_B_LEFT", "=3")
        done("all tries used up: counted anew, the board starts")
        board.sh("dd if=/dev/urandom of=/dev/disk/by-partlabel/env bs=1k count=2 conv=notrunc; sync")
        g.cut()
    with g:
        board.at = 0
        slot, line = board.slot()
        assert slot == "B" and "defaults" not in g.log.decode(errors="replace"), g.tail()
        done("one copy of the environment destroyed: the other holds")


def main():
    lost = missing()
    if not (IMAGE / "work/initramfs").exists() or not (IMAGE / "image.ini").exists():
        lost.append(f"{IMAGE} (board/image/build qemu-arm64)")
    if lost:
        print(f"skipped: missing {', '.join(lost)}")
        return 77
    with tempfile.TemporaryDirectory(prefix="bayplate-device-", dir=TOP / "build") as folder:
        try:
            run(pathlib.Path(folder))
        except (GuestError, AssertionError) as error:
            import traceback
            traceback.print_exc()
            print(f"FAIL {error}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
