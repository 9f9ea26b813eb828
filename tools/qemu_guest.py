# SPDX-License-Identifier: Apache-2.0
"""A board in QEMU: starts it from a disk image, hands its serial line and a root shell to the caller. For tools/qemu and
tests; the shell is on a port that only the test board's image looks for."""
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import time
import zlib

UBOOT = "/usr/lib/u-boot/qemu_arm64/u-boot.bin"
NEEDS = ("qemu-system-aarch64", "qemu-img", "dtc")


class GuestError(Exception):
    """What did not happen, with the end of the serial line."""


def missing():
    """Names of what is not installed; empty when a guest can be started."""
    lost = [name for name in NEEDS if not shutil.which(name)]
    return lost + ([] if os.path.exists(UBOOT) else [UBOOT])


def _flash(path):
    """U-Boot's own environment, read-only: the console is closed and only a signed boot script is run. The first word of a
    signed image is looked at before, since `source` would also take an unsigned one of the older kind."""
    command = ("if load virtio 0:1 0x47000000 boot.itb; then if itest.l *0x47000000 == 0xedfe0dd0; then "
               "source 0x47000000:script; fi; fi; echo bayplate: no signed boot script; sleep 1; reset")
    text = b"".join(f"{k}={v}".encode() + b"\0" for k, v in (
        ("bootdelay", "-2"), ("bootcmd", command), ("stdin", "serial"), ("stdout", "serial"), ("stderr", "serial"))) + b"\0"
    text = text.ljust(0x40000 - 4, b"\0")
    with path.open("wb") as f:
        f.write(struct.pack("<I", zlib.crc32(text)) + text)
        f.truncate(64 << 20)


class Guest:
    """One virtual board. `image` is a folder that board/image/build made, or a disk image beside its signing.dtb; it is
    never written: changes go to `work`/disk.qcow2, which later guests of the same `work` go on with. `record`: a folder that
    gets each write and flush of the disk in its order, one file a start of the board (dm-log-writes' form, power/disk.py)."""

    def __init__(self, image, work, clip=None, ports=None, memory=1024, size=None, network=True, record=None, more=()):
        image = pathlib.Path(image)
        if image.is_dir():
            found = sorted(image.glob("bayplate-*.img"))  # not the compressed one
            if len(found) != 1:
                raise GuestError(f"{image} holds no image: board/image/build qemu-arm64 makes one")
            image = found[0]
        self.work = pathlib.Path(work)
        self.work.mkdir(parents=True, exist_ok=True)
        self.disk = self.work / "disk.qcow2"
        self.machine = ["-M", "virt,acpi=off", "-cpu", "cortex-a53", "-smp", "2", "-m", str(memory)]
        if not self.disk.exists():
            self._run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", image.resolve(), self.disk,
                       *([size] if size else [])])
        self._device_tree(image.parent / "signing.dtb")
        if not (self.work / "flash.img").exists():
            _flash(self.work / "flash.img")
        forward = "".join(f",hostfwd=tcp:127.0.0.1:{host}-:{guest}" for guest, host in (ports or {}).items())
        self.arguments = [
            "qemu-system-aarch64", *self.machine, "-nographic", "-nodefaults", "-serial", "stdio", "-bios", UBOOT,
            "-dtb", str(self.work / "board.dtb"),
            "-drive", f"if=pflash,format=raw,index=1,file={self.work}/flash.img,readonly=on",
            *self._drive(record),
            "-device", "virtio-blk-pci,drive=disk,addr=2",
            *(["-netdev", f"user,id=net{forward}", "-device", "virtio-net-pci,netdev=net,romfile=,addr=3"] if network else []),
            "-device", "virtio-serial-pci,addr=4", "-chardev", f"socket,id=shell,path={self.work}/shell,server=on,wait=off",
            "-device", "virtserialport,chardev=shell,name=bayplate.shell",
            "-device", "i6300esb,addr=5", "-action", "watchdog=reset,reboot=shutdown", "-device", "virtio-rng-pci,addr=6",
            "-qmp", f"unix:{self.work}/qmp,server=on,wait=off",
            *(["-drive", f"if=none,id=clip,format=raw,readonly=on,file={clip}",
               "-device", "virtio-blk-pci,drive=clip,serial=clip,addr=7"] if clip else []), *more]
        self.process = self.shell = None
        self.record = pathlib.Path(record) if record else None
        self.log = b""
        self.started = 0.0

    def _drive(self, record):
        if not record:
            return ["-drive", f"if=none,id=disk,format=qcow2,file={self.disk},discard=unmap"]
        return ["-blockdev", f"driver=qcow2,node-name=below,discard=unmap,file.driver=file,file.filename={self.disk}",
                "-blockdev", f"driver=blklogwrites,node-name=disk,file=below,log.driver=file,log.filename={record}/now,"
                "log-sector-size=512"]

    @staticmethod
    def _run(command, **more):
        done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **more)
        if done.returncode != 0:
            raise GuestError(f"{command[0]}: {done.stdout.decode(errors='replace')[-500:]}")
        return done.stdout

    def _device_tree(self, keys):
        """QEMU's own device tree with the public keys that U-Boot is to ask for."""
        if (self.work / "board.dtb").exists():
            return
        if not keys.exists():
            raise GuestError(f"{keys} is missing: board/image/build makes it beside the image")
        tree = self.work / "virt.dtb"
        self._run(["qemu-system-aarch64", "-M", f"virt,acpi=off,dumpdtb={tree}", *self.machine[2:], "-nographic"])
        text = self._run(["dtc", "-q", "-I", "dtb", "-O", "dts", tree]).decode()
        signing = self._run(["dtc", "-q", "-I", "dtb", "-O", "dts", keys]).decode().replace("/dts-v1/;", "")
        self._run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", self.work / "board.dtb"], input=(text + signing).encode())

    def start(self):
        self.log = b""
        self.started = time.monotonic()
        self._spawn()
        return self

    def _spawn(self):
        """One start of the board. QEMU ends when the guest restarts, and the next start is a process of its own: over a reset
        in the same process QEMU 7.2's serial port for the shell does not answer again."""
        self.disconnect()
        (self.work / "shell").unlink(missing_ok=True)
        if self.record:
            self.record.mkdir(exist_ok=True)
            if (self.record / "now").exists():
                (self.record / "now").rename(self.record / f"{len(list(self.record.iterdir())):04d}")
            (self.record / "now").touch()
        # A session of its own: a signal for the test does not reach the board before its disk is flushed.
        self.process = subprocess.Popen(self.arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, start_new_session=True)
        os.set_blocking(self.process.stdout.fileno(), False)
        # Held from the beginning: a shell that finds nobody on its port ends at once.
        while not (self.work / "shell").exists() or not self._take_shell():
            self._read(0.1, restart=False)

    def _take_shell(self):
        self.shell = socket.socket(socket.AF_UNIX)
        try:
            self.shell.connect(str(self.work / "shell"))
        except OSError:
            self.disconnect()
            return False
        self.buffer = b""
        return True

    def seconds(self):
        return time.monotonic() - self.started

    def _read(self, wait, restart=True):
        if select.select([self.process.stdout], [], [], wait)[0]:
            data = self.process.stdout.read(65536)
            if data:
                self.log += data
                with (self.work / "serial.log").open("ab") as f:
                    f.write(data)
            elif data == b"":
                code = self.process.wait()
                self.process.stdout.close()
                if code != 0 or not restart:
                    raise GuestError(f"qemu ended with {code}: {self.tail()}")
                self._spawn()

    def tail(self, size=600):
        return self.log[-size:].decode(errors="replace")

    def expect(self, pattern, timeout=120, since=0):
        """Waits until the serial line has shown the regular expression after byte `since`; where the match ends."""
        end = time.monotonic() + timeout
        expression = re.compile(pattern.encode())
        while True:
            found = expression.search(self.log, since)
            if found:
                return found.end()
            if time.monotonic() > end:
                raise GuestError(f"{pattern!r} did not come in {timeout} s; the line ended with:\n{self.tail()}")
            self._read(0.2)

    def connect(self, timeout=120):
        """Waits for the guest's shell. One that does not answer for a while is left and called again: what was sent to a guest
        that was just restarting is lost in its port."""
        end = time.monotonic() + timeout
        again = time.monotonic() + 12
        while time.monotonic() < end:
            self._read(0)
            try:
                if time.monotonic() > again:
                    self.disconnect()
                    time.sleep(1)
                    again = time.monotonic() + 12
                if self.shell is None and not self._take_shell():
                    time.sleep(0.2)
                    continue
                self.shell.settimeout(3)
                mark = f"here-{time.monotonic_ns()}"
                self.shell.sendall(f"\necho {mark}\n".encode())
                if self._until(mark.encode() + b"\n", 3) is not None:
                    return self
            except OSError:
                self.disconnect()
                time.sleep(0.2)
        raise GuestError(f"the guest's shell did not answer in {timeout} s:\n{self.tail()}")

    def disconnect(self):
        if self.shell is not None:
            self.shell.close()
            self.shell = None

    def _until(self, mark, timeout):
        end = time.monotonic() + timeout
        while mark not in self.buffer:
            self._read(0)
            left = end - time.monotonic()
            if left <= 0:
                return None
            if select.select([self.shell], [], [], min(left, 0.2))[0]:
                data = self.shell.recv(65536)
                if not data:
                    raise OSError("closed")
                self.buffer += data
        out, _, self.buffer = self.buffer.partition(mark)
        return out

    def sh(self, command, timeout=60, check=True):
        """Runs a line in the guest's root shell; what it printed, both streams. GuestError when it ends other than 0."""
        mark = f"end-{time.monotonic_ns()}"
        self.shell.sendall(f"( {command}\n) </dev/null 2>&1; echo {mark} $?\n".encode())
        out = self._until(mark.encode() + b" ", timeout)
        code = self._until(b"\n", 5) if out is not None else None
        if code is None:
            raise GuestError(f"in the guest: {command!r} did not end in {timeout} s")
        text = out.decode(errors="replace")
        if check and code.strip() != b"0":
            raise GuestError(f"in the guest: {command!r} ended with {code.decode()}: {text[-800:]}")
        return text

    def put(self, data, path):
        """Writes bytes to a file of the guest."""
        import base64
        text = base64.b64encode(data).decode()
        self.sh(f": >{path}")
        for i in range(0, len(text), 3000):
            self.sh(f"echo {text[i:i + 3000]} | base64 -d >>{path}")

    def cut(self):
        """The plug is pulled: what the guest has not flushed is lost with its memory."""
        if self.process is not None:
            self.disconnect()
            if self.process.poll() is None:
                self.process.send_signal(signal.SIGKILL)
            self.process.wait()
            self.process.stdout.close()
            self.process = None

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.cut()
