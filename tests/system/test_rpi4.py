#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The Raspberry Pi 4's system image in QEMU, as far as QEMU goes: Debian 12's own has a Raspberry Pi 3 (raspi3b), whose U-Boot,
card reader and processors the image starts on as well; one from 9.0 on has the board itself (raspi4b). The image is the one that
a technician writes, but for the initramfs of slot A (signed with the same keys), which adds a shell on the second serial port;
the device tree is the image's with what this QEMU has not got switched off. No firmware of the Raspberry Pi's runs in QEMU.

usage: test_rpi4.py [CASE...]
  BAYPLATE_RPI4_IMAGE: folder of board/image/build rpi4 (default build/image/rpi4; the keys are beside it)
  BAYPLATE_PI_QEMU: qemu-system-aarch64 to take; BAYPLATE_PI_MACHINE: raspi3b (default) or raspi4b
  BAYPLATE_PI_KEEP: a folder that keeps the serial lines
exit status: 0 all right, 1 something failed, 77 skipped: image or QEMU are missing, or not asked for (BAYPLATE_DEVICE=all)
"""
import gzip
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "board/image")]
from cases import run_cases  # noqa: E402

IMAGE = pathlib.Path(os.environ.get("BAYPLATE_RPI4_IMAGE", TOP / "build/image/rpi4"))
KEYS = IMAGE.parent / "keys"
QEMU = os.environ.get("BAYPLATE_PI_QEMU", "qemu-system-aarch64")
MACHINE = os.environ.get("BAYPLATE_PI_MACHINE", "raspi3b")
BOOT = float(os.environ.get("BAYPLATE_QEMU_PATIENCE", "400"))  # seconds for one start on a busy machine
MIB = 1 << 20
TREES = {"raspi3b": "bcm2837-rpi-3-b.dtb", "raspi4b": "bcm2711-rpi-4-b.dtb"}

# A root shell on the PL011, from before the first unit on; what systemd finds in /run it takes for units of its own.
SHELL = r"""bb mount -t tmpfs tmpfs /sysroot/run
bb mkdir -p /sysroot/run/systemd/system/sysinit.target.wants
printf '[Unit]\nDefaultDependencies=no\n[Service]\nExecStart=/bin/sh\nStandardInput=tty\nStandardOutput=tty\nStandardError=tty\n' \
  >/sysroot/run/systemd/system/test-shell.service
printf 'TTYPath=/dev/ttyAMA0\nRestart=always\nEnvironment=HOME=/root PATH=/usr/sbin:/usr/bin:/sbin:/bin PS1= PS2=\n' \
  >>/sysroot/run/systemd/system/test-shell.service
bb ln -s ../test-shell.service /sysroot/run/systemd/system/sysinit.target.wants/
"""


def tree(out, keys=True):
    """The device tree as the firmware would hand it to U-Boot, less what this QEMU has not got."""
    from parts import kernel
    base = sorted((IMAGE / "work/dtb").glob(f"usr/lib/linux-image-*/broadcom/{TREES[MACHINE]}"))[0]
    kernel.with_keys(base, IMAGE / "signing.dtb", out)

    def put(*words):
        subprocess.run(["fdtput", *words[:-3], out, *words[-3:]], check=True)

    # QEMU's watchdog bites at once, whatever time it is given (hw/misc/bcm2835_powermgt.c: any write that arms it is a reset).
    put("-t", "s", "/soc/watchdog@7e100000", "status", "disabled")
    put("-t", "s", "/soc/serial@7e201000/bluetooth", "status", "disabled")  # so that Linux shows the port as ttyAMA0
    if MACHINE == "raspi4b":
        nodes = subprocess.run(["fdtget", "-l", out, "/soc"], check=True, capture_output=True, text=True).stdout.split()
        for node in nodes:
            if "@7ec" in node or "@7ef" in node:  # the screens' part: touching it is a bus error
                put("-t", "s", f"/soc/{node}", "status", "disabled")
        # The card is on the controller that the board has its WLAN on.
        for name in ("mmc-pwrseq", "non-removable"):
            subprocess.run(["fdtput", "-d", out, "/soc/mmc@7e300000", name], check=True)
        # Interrupts of the small serial port never end there: it is left to U-Boot, and Linux knows it by another name.
        subprocess.run(["fdtput", "-d", out, "/aliases", "serial1"], check=True)
        put("-t", "s", "/chosen", "stdout-path", "/soc/serial@7e215040:115200n8")
    if not keys:
        subprocess.run(["fdtput", "-r", out, "/signature"], check=True)


class Card:
    """A card of 1 GiB with the image on it (QEMU wants a power of two)."""

    def __init__(self, folder):
        self.path = folder / "card.img"
        subprocess.run(["cp", "--sparse=always", IMAGE / "bayplate-rpi4.img", self.path], check=True)
        os.truncate(self.path, 1 << 30)

    def place(self, name):
        """First byte of a partition."""
        import json
        text = subprocess.run(["sfdisk", "-J", self.path], check=True, capture_output=True, text=True).stdout
        return next(p["start"] * 512 for p in json.loads(text)["partitiontable"]["partitions"] if p["name"] == name)

    def write(self, name, data, at=0):
        with self.path.open("r+b") as f:
            f.seek(self.place(name) + at)
            f.write(data)

    def put(self, path, name):
        subprocess.run(["mcopy", "-o", "-i", f"{self.path}@@{self.place('boot')}", path, f"::{name}"], check=True)

    def get(self, name, path):
        subprocess.run(["mcopy", "-o", "-i", f"{self.path}@@{self.place('boot')}", f"::{name}", path], check=True)


class Pi:
    def __init__(self, folder, keys=True):
        self.folder, self.card, self.dtb = folder, Card(folder), folder / "board.dtb"
        tree(self.dtb, keys)
        self.process = self.shell = None

    def add_shell(self):
        from parts import kernel
        shutil.copytree(IMAGE / "work/initramfs", self.folder / "initramfs", symlinks=True)
        (self.folder / "initramfs/test.sh").write_text(SHELL)
        (self.folder / "initrd.gz").write_bytes(gzip.compress(kernel.cpio(self.folder / "initramfs", 1), 1, mtime=0))
        kernel.fit(self.folder / "kernel.itb", self.folder, "test", IMAGE / "work/Image", self.folder / "initrd.gz", "0x00400000",
                   KEYS, 1)
        self.card.write("kernelA", (self.folder / "kernel.itb").read_bytes())

    def start(self):
        uboot = self.folder / "u-boot.bin"
        self.card.get("u-boot.bin", uboot)  # as the firmware would
        self.process = subprocess.Popen(
            [QEMU, "-M", MACHINE, "-kernel", uboot, "-dtb", self.dtb, "-drive", f"if=sd,format=raw,file={self.card.path}",
             "-nographic", "-nodefaults", "-monitor", f"unix:{self.folder}/monitor,server=on,wait=off", "-no-reboot",
             "-netdev", "user,id=net", "-device", "usb-net,netdev=net",
             "-serial", f"unix:{self.folder}/shell,server=on,wait=off", "-serial", f"file:{self.folder}/serial"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=(self.folder / "qemu").open("wb"), start_new_session=True)
        self.began = time.monotonic()
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.shell:
            self.shell.close()
        if self.process:
            self.process.kill()
            self.process.wait()
        keep = os.environ.get("BAYPLATE_PI_KEEP")
        if keep:
            for name in ("serial", "qemu"):
                shutil.copy(self.folder / name, pathlib.Path(keep) / f"{self.folder.name}.{name}")

    def serial(self):
        path = self.folder / "serial"
        return path.read_bytes().decode(errors="replace") if path.exists() else ""

    def expect(self, words, seconds=BOOT):
        """Waits until the serial line has shown one of `words`; which."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            text, over = self.serial(), self.process.poll() is not None
            for word in words:
                if word in text:
                    return word
            if over:
                break
            time.sleep(0.1)
        raise AssertionError(f"none of {words} on the serial line, which ends with:\n{self.serial()[-1500:]}"
                             f"\n{(self.folder / 'qemu').read_text()[-500:]}")

    def ends(self, seconds=BOOT):
        """Waits for the restart, with which QEMU ends."""
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"no restart in {seconds:.0f} s; the serial line ends with:\n{self.serial()[-1500:]}") from None

    def connect(self):
        while not (self.folder / "shell").exists():
            time.sleep(0.1)
        self.shell = socket.socket(socket.AF_UNIX)
        self.shell.connect(str(self.folder / "shell"))
        self.shell.settimeout(5)
        self.buffer = b""

    def ask(self, command, seconds):
        """What a command in the guest printed; None when nobody answered in time. The port echoes, so that the
        marks are put together by the shell."""
        mark = f"{time.monotonic_ns()}"
        self.shell.sendall(f"( {command} ) </dev/null 2>&1 | cat; echo end''-{mark}\n".encode())
        end, want = time.monotonic() + seconds, f"end-{mark}".encode()
        while want not in self.buffer:
            if time.monotonic() > end:
                return None
            try:
                self.buffer += self.shell.recv(65536)
            except TimeoutError:
                pass
        text, _, self.buffer = self.buffer.partition(want)
        return text.decode(errors="replace").replace("\r", "").partition(mark)[2].partition("\n")[2]

    def sh(self, command, seconds=120):
        text = self.ask(command, seconds)
        assert text is not None, f"{command!r} did not end in {seconds} s"
        return text

    def until(self, command, want, seconds=BOOT):
        end = time.monotonic() + seconds
        text = None
        while time.monotonic() < end:
            text = self.ask(command, 20)
            if text is not None and want in text:
                return text
            time.sleep(0.5)
        raise AssertionError(f"{command!r} said {text!r}, wanted {want!r}; the serial line ends with:\n{self.serial()[-1500:]}")


def to_the_page(folder):
    """From U-Boot through two signatures, dm-verity and systemd to the terminal's page."""
    with Pi(folder) as pi:
        pi.add_shell()
        pi.start()
        pi.connect()
        pi.expect(["Starting kernel"])
        text = pi.serial()
        assert "rsa2048:image+ sha256+ OK" in text and "rsa2048:fit+ OK" in text, text[-3000:]
        assert "bayplate: slot A, order A B, tries left A 2 B 0" in text, text
        began = time.monotonic() - pi.began
        pi.until("curl -s http://127.0.0.1:8080/ | grep -c assets/app.js", "1\n")
        print(f"     kernel after {began:.0f} s, the page after {time.monotonic() - pi.began:.0f} s on {MACHINE}", flush=True)
        release = pi.sh("cat /etc/bayplate-release; tr -d '\\0' </proc/device-tree/model")
        assert "BOARD=rpi4" in release, release
        pi.until("systemctl is-system-running", "running", 300)
        mounts = pi.sh("cat /proc/mounts")
        assert "/dev/dm-0 / squashfs ro" in mounts and " /data ext4 " in mounts, mounts
        assert "none" not in pi.sh("cat /run/bayplate-boot/data-trouble 2>/dev/null || echo fine")
        size = int(pi.sh("df -k --output=size /data | tail -1"))
        assert size > 400000, f"the data partition has {size} KiB of a card of 1 GiB"
        # A USB Ethernet adapter is the service port's: the kernel gives it no address.
        pi.until("cat /sys/class/net/service0/uevent", "INTERFACE=service0")
        assert not pi.sh("ip -br address show dev service0 scope global").split()[2:], "service0 has an address"
        # The lines that docs/rpi4.md names: the processor's chip comes before the one of the board's own switches.
        assert "gpio@7e200000" in pi.sh("readlink /sys/bus/gpio/devices/gpiochip0/of_node"), "gpiochip0 is another chip"
        # The board's watchdog counts 16 s at most, and what is longer becomes shorter.
        for name in ("RuntimeWatchdogUSec", "RebootWatchdogUSec"):
            assert pi.sh(f"systemctl show -p {name} --value").strip() == "14s", name
        pi.until("fw_printenv BOOT_A_LEFT", "BOOT_A_LEFT=3")  # U-Boot counted down; RAUC has marked the slot good
        print("     " + release.splitlines()[-1] + ", " + pi.sh("uname -r").strip() + f", {size >> 10} MiB of data", flush=True)


def changed_kernel(folder):
    with Pi(folder) as pi:
        place, data = 20 * MIB, (IMAGE / "kernel.itb").read_bytes()
        pi.card.write("kernelA", bytes([data[place] ^ 1]), place)
        pi.start()
        pi.expect(["Bad Data Hash"])
        pi.expect(["bayplate: slot A does not start"])
        pi.ends()
        assert "Starting kernel" not in pi.serial(), pi.serial()[-1500:]


def other_keys(folder):
    """A kernel that is whole, signed by somebody else."""
    from parts import kernel
    with Pi(folder) as pi:
        keys = folder / "keys"
        keys.mkdir()
        for name in ("fit", "image"):
            subprocess.run(["openssl", "req", "-batch", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=other", "-keyout",
                            keys / f"{name}.key", "-out", keys / f"{name}.crt"], check=True, stderr=subprocess.DEVNULL)
        kernel.fit(folder / "kernel.itb", folder, "other", IMAGE / "work/Image", IMAGE / "work/initrd.gz", "0x00400000", keys, 1)
        pi.card.write("kernelA", (folder / "kernel.itb").read_bytes())
        pi.start()
        pi.expect(["Failed to verify required signature"])
        pi.expect(["bayplate: slot A does not start"])
        pi.ends()
        assert "Starting kernel" not in pi.serial(), pi.serial()[-1500:]


def changed_script(folder):
    with Pi(folder) as pi:
        data = bytearray((IMAGE / "boot.itb").read_bytes())
        at = data.index(b"bayplate: slot ")
        data[at] ^= 1
        (folder / "boot.itb").write_bytes(data)
        pi.card.put(folder / "boot.itb", "boot.itb")
        pi.start()
        pi.expect(["bayplate: no signed boot script"])
        pi.ends()
        assert "tries left" not in pi.serial(), pi.serial()


def unsigned_script(folder):
    """Images of U-Boot's older kind bear no signature: none is taken."""
    with Pi(folder) as pi:
        (folder / "script").write_text("echo taken\n")
        subprocess.run(["mkimage", "-A", "arm64", "-T", "script", "-C", "none", "-d", folder / "script", folder / "boot.itb"], check=True,
                       stdout=subprocess.DEVNULL)
        pi.card.put(folder / "boot.itb", "boot.itb")
        pi.start()
        pi.expect(["bayplate: no signed boot script"])
        pi.ends()
        assert "taken" not in pi.serial(), pi.serial()


def no_keys(folder):
    """A device tree without keys: U-Boot would take anything, so it takes nothing."""
    with Pi(folder, keys=False) as pi:
        pi.start()
        pi.expect(["bayplate: no signed boot script"])
        pi.ends()
        assert "tries left" not in pi.serial(), pi.serial()


CASES = (changed_kernel, other_keys, changed_script, unsigned_script, no_keys, to_the_page)


def main():
    if not sys.argv[1:] and os.environ.get("BAYPLATE_DEVICE") != "all":
        print("skipped: not asked for (tools/test --device)")
        return 77
    lost = [name for name in (QEMU, "fdtput", "mkimage", "mcopy", "sfdisk") if not shutil.which(name)]
    if lost or not (IMAGE / "bayplate-rpi4.img").exists():
        print(f"skipped: missing: {', '.join(lost) or f'{IMAGE}, which board/image/build rpi4 makes'}")
        return 77
    named = {case.__name__: case for case in CASES}
    unknown = [name for name in sys.argv[1:] if name not in named]
    if unknown:
        print(f"test_rpi4: no case {', '.join(unknown)}; there are {', '.join(named)}", file=sys.stderr)
        return 2
    return run_cases([named[name] for name in sys.argv[1:]] or CASES, lambda folder: folder, "bayplate-pi-")


if __name__ == "__main__":
    sys.exit(main())
