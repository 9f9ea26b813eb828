#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The system image in QEMU: it starts, its page answers, it takes a signed update, keeps a version that proves itself and
falls back from versions that do not. Emulation is slow, so all cases share one board and go on where the one before stopped.

usage: test_device.py [all | CASE...]
  without a case: LEAN, what every change has to pass; with BAYPLATE_DEVICE=all or "all": ALL
  BAYPLATE_IMAGE: folder of board/image/build (default build/image/qemu-arm64; the keys are beside it)
exit status: 0 all right, 1 something failed, 77 skipped: image or QEMU are missing
"""
import gzip
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.request

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tools"), str(TOP / "board/image")]
from qemu_guest import Guest, GuestError, missing  # noqa: E402

IMAGE = pathlib.Path(os.environ.get("BAYPLATE_IMAGE", TOP / "build/image/qemu-arm64"))
KEYS = IMAGE.parent / "keys"
BUDGET = float(os.environ.get("BAYPLATE_DEVICE_SECONDS", "540"))  # no case begins after that, unless all are asked for
BOOT = float(os.environ.get("BAYPLATE_QEMU_PATIENCE", "240"))  # seconds for one start on a busy machine

# As `systemctl reboot`, which would ask for logind first.
RESTART = "systemctl --no-block --job-mode=replace-irreversibly start reboot.target"

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
INIT_DIES = NEW + """printf '#!/bin/sh\\nexit 1\\n' >/sysroot/mnt/init
bb chmod 755 /sysroot/mnt/init
bb mount --bind /sysroot/mnt/init /sysroot/usr/lib/systemd/systemd
"""
VERSIONS = {"9.0": NEW, "9.1": BAD_APP, "9.2": PANIC, "9.3": INIT_DIES}


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
    kernel.fit(made / "kernel.itb", made, name, IMAGE / "work/Image", made / "initrd.gz", "0x40400000", KEYS, 1)
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
        self.port, self.tls_port = free_port(), free_port()
        self.guest = Guest(IMAGE, folder / "board", clip=clip, ports={8080: self.port, 8443: self.tls_port}, size="2G")
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

    def get_secure(self, certificate, name="bayplate.local"):
        """The page over HTTPS by whoever trusts this one certificate."""
        return subprocess.run(["curl", "-sS", "--max-time", "60", "--cacert", certificate, "--resolve",
                               f"{name}:{self.tls_port}:127.0.0.1", f"https://{name}:{self.tls_port}/"],
                              capture_output=True, text=True, check=False)

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
            try:
                got = self.sh(command, check=False)
            except OSError:
                # On a starved machine the guest's shell loses its port now and then, and another one comes.
                self.guest.disconnect()
                self.guest.connect(BOOT)
                got = ""
            if want in got:
                return got
            if time.monotonic() > end:
                raise GuestError(f"{command!r} said {got!r}, wanted {want!r}\n{self.sh('journalctl -b --no-pager | tail -30', check=False)}")
            time.sleep(1)


class Run(Board):
    """The cases in their order; each starts where the one before stopped."""

    def __init__(self, folder, names):
        super().__init__(folder)
        self.names = names
        self.certificate = None  # of the page over HTTPS, once it was seen
        # All bundles on one more disk, each at a place of its own.
        carried, self.places = folder / "bundles.img", {}
        with carried.open("wb") as out:
            for name, hook in VERSIONS.items():
                if name not in names:
                    continue
                bundle = version(folder, name, hook)
                self.places[name] = (out.tell() >> 20, bundle.stat().st_size)
                out.write(bundle.read_bytes())
                out.truncate(-(-out.tell() // (1 << 20)) << 20)
                out.seek(0, 2)
                shutil.rmtree(folder / name)
                bundle.unlink()
        self.guest.arguments += ["-drive", f"if=none,id=more,format=raw,readonly=on,file={carried}", "-device",
                                 "virtio-blk-pci,drive=more,serial=more,addr=8"]

    def done(self, text):
        load = os.getloadavg()[0]
        print(f"ok   {text} ({self.guest.seconds():.0f} s after power-on, load {load:.1f})", flush=True)

    def install(self, name):
        place, size = self.places[name]
        at = time.monotonic()
        self.sh(f"cd /data && dd if=/dev/vdc of=/data/test.raucb bs=1M skip={place} "
                f"count={-(-size // (1 << 20))} 2>&1 && truncate -s {size} /data/test.raucb", timeout=300)
        out = self.sh("bayplate-update --json /data/test.raucb; rm /data/test.raucb", timeout=400)
        assert '"result":"installed"' in out, out
        print(f"     {size >> 20} MiB installed in {time.monotonic() - at:.0f} s with its copy", flush=True)

    def reboot(self):
        self.sh(RESTART)

    def power(self):
        """The plug is pulled and put in again."""
        self.guest.cut()
        self.guest.start()
        self.at = 0

    def shell(self):
        self.guest.connect(BOOT)

    def serial(self):
        return self.guest.log.decode(errors="replace")

    def first_start(self):
        slot, line = self.slot()
        assert slot == "A" and "A 2 B 0" in line, line
        assert "/assets/app.js" in self.get("/", BOOT)
        self.done("first start: the page answers")
        self.shell()
        self.wait("cat /data/bayplate/update/good", "A ")
        assert "BOOT_A_LEFT=3" in self.sh("fw_printenv")
        who = self.sh("ps -o user= -C bayplated; systemctl show -P MemoryMax -P CapabilityBoundingSet -P WatchdogUSec bayplated")
        assert who.split()[0] == "bayplate" and "314572800" in who and "30s" in who, who
        self.done("bayplated runs as its own user, bounded, watched; the slot is marked good")

    def nothing_else_listens(self):
        """DHCP's client and the page, in the clear and over HTTPS with the key that the board made at this start."""
        ports = sorted(set(re.findall(r"^(tcp|udp)\s+\S+\s+\S+\s+\S+\s+\S*?:(\d+)\s", self.sh("ss -H -lntu"), re.M)))
        assert set(ports) <= {("tcp", "8080"), ("tcp", "8443"), ("udp", "68"), ("udp", "546")}, ports
        assert {("tcp", "8080"), ("tcp", "8443")} <= set(ports), ports
        self.done(f"listening: {' '.join('/'.join(p) for p in ports)}")
        file = "/data/bayplate/state/tls/identity.pem"
        assert self.sh(f"stat -c '%a %U' {file}").strip() == "600 bayplate"
        self.certificate = self.folder / "page.pem"
        self.certificate.write_text(self.sh(f"sed -n '/BEGIN CERTIFICATE/,$p' {file}"))
        page = self.get_secure(self.certificate)
        assert page.returncode == 0 and "/assets/app.js" in page.stdout, page
        other = self.get_secure(self.certificate, "bayplate.example")
        assert other.returncode == 60, other  # as curl says that the name does not fit
        print(f"     bayplated: {self.sh('grep VmRSS /proc/$(systemctl show -P MainPID bayplated)/status').strip()}", flush=True)
        self.done("HTTPS with the certificate that the board made at its first start")

    def root_is_checked(self):
        assert "verity" in self.sh("dmsetup table root") and self.sh("mount | grep ' / '").startswith("/dev/dm-0 on / type squashfs (ro")
        assert self.sh("find / -xdev -perm /6000 -type f") == ""
        self.wait("cat /sys/class/block/vda7/size; df -k /data | tail -1 | awk '$2 > 1400000 {print \"grown\"}'", "grown")
        failed = self.sh("systemctl --failed --no-legend --plain")
        assert failed == "", failed
        assert "ordering cycle" not in self.sh("journalctl -b --no-pager")
        self.done("root read-only under dm-verity, nothing set-uid, data grown to the disk, no unit failed")

    def environment_lost(self):
        self.sh("dd if=/dev/urandom of=/dev/disk/by-partlabel/env bs=1k count=192 conv=notrunc 2>&1; sync")
        self.power()
        self.guest.expect("both copies of the environment are damaged", BOOT)
        slot, line = self.slot()
        assert slot == "A" and "A 2 B 3" in line, line
        self.shell()
        self.wait("fw_printenv BOOT_A_LEFT", "=3")
        self.done("both copies of the environment destroyed: defaults, slot A, a new environment is written")

    def update_proves_itself(self):
        self.install("9.0")
        self.reboot()
        slot, line = self.slot()
        assert slot == "B", line
        self.shell()
        self.wait("cat /data/bayplate/update/good", "B 9.0")
        assert "BOOT_ORDER=B A" in self.sh("fw_printenv")
        self.get("/healthz", BOOT)
        if self.certificate:
            page = self.get_secure(self.certificate)
            assert page.returncode == 0, page  # the same key in the other slot
        assert "login1" not in self.serial()[-20000:], self.guest.tail(3000)
        self.done("update to 9.0 in slot B proved itself")

    def tries_used_up(self):
        """Flaky power has used up all tries, and the older copy of the environment is damaged: the numbers are in one copy."""
        self.sh("printf 'BOOT_A_LEFT=0\\nBOOT_B_LEFT=0\\n' >/tmp/none; fw_setenv -s /tmp/none; fw_setenv -s /tmp/none")
        first, second = (self.sh(f"dd if=/dev/disk/by-partlabel/env bs=1 skip={at} count=1 2>/dev/null | od -An -tu1").strip()
                         for at in (4, 0x10004))
        older = 0 if (int(first) - int(second)) % 256 > 128 else 64
        self.sh(f"dd if=/dev/urandom of=/dev/disk/by-partlabel/env bs=1k count=2 seek={older} conv=notrunc 2>&1; sync")
        self.power()
        self.guest.expect("all tries are used up, counting anew", BOOT)
        slot, line = self.slot()
        assert slot == "B" and "defaults" not in self.serial(), line
        self.shell()
        self.wait("cat /proc/cmdline", "rauc.slot=B")
        self.wait("fw_printenv BOOT_B_LEFT", "=3")
        self.done("one copy of the environment destroyed and all tries used up: the other copy holds, counted anew")

    def changed_block_and_full_data(self):
        """One changed byte in the root of slot A, which is to run; and /data is full."""
        self.sh("printf '#' | dd of=/dev/disk/by-partlabel/rootA bs=1 count=1 conv=notrunc 2>&1; fw_setenv BOOT_ORDER 'A B'; "
                "fw_setenv BOOT_A_LEFT 1; dd if=/dev/zero of=/data/fill bs=1M 2>&1; sync", timeout=300)
        self.power()
        slot, line = self.slot()
        assert slot == "A", line
        slot, line = self.slot()
        assert slot == "B", line
        assert "corrupted" in self.serial(), self.guest.tail(3000)
        self.done("a changed block in slot A: dm-verity restarts the board, slot B runs")
        assert "/assets/app.js" in self.get("/", BOOT)
        self.shell()
        assert " 100% " in self.sh("df /data | tail -1")
        self.wait("systemctl is-active bayplated", "active")
        self.sh("rm /data/fill; fw_setenv BOOT_ORDER 'B A'; sync")
        self.done("with a full data partition the page answers")

    def init_dies(self):
        self.install("9.3")
        self.sh("fw_setenv BOOT_A_LEFT 1")
        self.reboot()
        slot, line = self.slot()
        assert slot == "A", line
        slot, line = self.slot()
        assert slot == "B" and "Attempted to kill init" in self.serial(), line
        self.shell()
        report = self.wait("cat /data/bayplate/update/report.ini", "fell-back")
        assert "version = 9.3" in report and "it did not start" in report, report
        self.done("an init that dies: a panic, a restart, the old slot")

    def falls_back(self, name, why):
        self.install(name)
        self.reboot()
        tries = []
        while tries[-1:] != ["B"]:
            slot, line = self.slot()
            tries.append(slot)
            assert len(tries) <= 4, tries
        assert tries == ["A", "A", "A", "B"], tries
        self.shell()
        report = self.wait("cat /data/bayplate/update/report.ini", f"result = fell-back\nslot = B\nversion = {name}\n")
        assert why in report, report
        self.wait("fw_printenv BOOT_ORDER", "BOOT_ORDER=B")
        assert "/assets/app.js" in self.get("/", BOOT)
        self.done(f"{name} fell back to 9.0 after three tries: {why}")

    def panics(self):
        self.falls_back("9.2", "did not start")

    def terminal_dies(self):
        self.falls_back("9.1", "dies again and again")

    def superblock_torn(self):
        """Power went while the data partition's superblock was written: its second sector is not that of its first."""
        # As large as the image it is one group of blocks, without a copy of its superblock.
        self.sh("until [ $(stat -f -c %b /data) -gt 100000 ]; do sleep 0.5; done; echo kept >/data/kept && sync")
        at = int(self.sh("cat /sys/class/block/vda7/start")) * 512 + 1024 + 512
        self.guest.cut()
        subprocess.run(["qemu-io", "-f", "qcow2", "-c", f"write -q -P 0xff {at} 512", self.guest.disk], check=True)
        self.guest.start()
        self.at = 0
        self.slot()
        assert "/assets/app.js" in self.get("/", BOOT)
        self.shell()
        assert self.sh("cat /data/kept").strip() == "kept" and "FILE SYSTEM WAS MODIFIED" in self.sh("cat /run/bayplate-boot/fsck")
        self.sh("cat /run/bayplate-boot/data-repaired && mkdir /data/many && cd /data/many && for i in $(seq 200); do echo $i >$i; done && sync && "
                "rm -r /data/many")
        assert "EXT4-fs error" not in self.sh("dmesg"), self.sh("dmesg | grep EXT4")
        self.done("a torn superblock: repaired as a whole, everything is there")

    def data_lost(self):
        # As far as the second copy of its superblock; from that one alone e2fsck makes an empty file system again.
        self.sh("dd if=/dev/zero of=/dev/disk/by-partlabel/data bs=1M count=200 conv=notrunc 2>&1; sync", timeout=200)
        self.power()
        self.slot()
        assert "/assets/app.js" in self.get("/", BOOT)
        self.shell()
        assert "cannot be mounted" in self.sh("cat /run/bayplate-boot/data-trouble")
        assert " tmpfs " in self.sh("mount | grep ' /data '")
        self.done("a data partition that does not mount: the terminal runs in memory and says so")


LEAN = ["first_start", "nothing_else_listens", "root_is_checked", "update_proves_itself", "panics"]
ALL = ["first_start", "nothing_else_listens", "root_is_checked", "environment_lost", "update_proves_itself", "tries_used_up",
       "changed_block_and_full_data", "init_dies", "panics", "terminal_dies", "superblock_torn", "data_lost"]


def run(folder, cases):
    wants = {"9.0": "update_proves_itself", "9.1": "terminal_dies", "9.2": "panics", "9.3": "init_dies"}
    board = Run(folder, [name for name, case in wants.items() if case in cases])
    begun, done = time.monotonic(), 0
    with board.guest:
        for case in cases:
            # A machine that is too slow for all is told from one where something does not work.
            if cases == LEAN and time.monotonic() - begun > BUDGET:
                print(f"left out, since {BUDGET:.0f} s are over: {' '.join(cases[done:])}")
                break
            getattr(board, case)()
            done += 1
    print(f"{done} of {len(ALL)} cases")


def main():
    cases = sys.argv[1:] or (ALL if os.environ.get("BAYPLATE_DEVICE") == "all" else LEAN)
    if cases == ["all"]:
        cases = ALL
    lost = missing()
    why = IMAGE.parent / "missing"  # of tools/test
    if why.exists():
        print(f"skipped: no image: {why.read_text().strip()}")
        return 77
    if not (IMAGE / "work/initramfs").exists() or not (IMAGE / "image.ini").exists():
        lost.append(f"{IMAGE} (board/image/build qemu-arm64)")
    if lost:
        print(f"skipped: missing {', '.join(lost)}")
        return 77
    with tempfile.TemporaryDirectory(prefix="bayplate-device-", dir=TOP / "build") as folder:
        try:
            run(pathlib.Path(folder), cases)
        except (GuestError, AssertionError, OSError) as error:
            traceback.print_exc()
            kept = TOP / "build/device-serial.log"
            if (pathlib.Path(folder) / "board/serial.log").exists():
                shutil.copy(pathlib.Path(folder) / "board/serial.log", kept)
            print(f"FAIL {error}\nthe serial line is in {kept}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
