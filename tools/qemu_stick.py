# SPDX-License-Identifier: Apache-2.0
"""A USB stick for a board in QEMU (qemu_guest.py): made of files, plugged in and pulled out while the board runs, and still in
its socket when the board restarts."""
import json
import os
import pathlib
import socket
import struct
import subprocess

MIB = 1 << 20
BUS = ["-device", "qemu-xhci,id=usb,addr=0xa"]  # more= of a Guest that is to have USB


class Monitor:
    """QEMU's own control port."""

    def __init__(self, guest):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.settimeout(30)
        self.s.connect(str(guest.work / "qmp"))
        self.f = self.s.makefile("r")
        self.f.readline()
        self.call("qmp_capabilities")

    def call(self, command, **arguments):
        self.s.sendall((json.dumps({"execute": command, "arguments": arguments}) + "\n").encode())
        return self._next(lambda a: "return" in a or "error" in a, command)

    def event(self, name):
        return self._next(lambda a: a.get("event") == name, name)

    def _next(self, wanted, what):
        while line := self.f.readline():
            answer = json.loads(line)
            if "error" in answer:
                raise OSError(f"qemu: {what}: {answer['error']['desc']}")
            if wanted(answer):
                return answer
        raise OSError(f"qemu: {what}: it has hung up")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.f.close()
        self.s.close()


class Stick:
    """FAT, in a partition or (`table` = False) on the whole stick, as some are sold. files: name -> bytes or a path here."""

    made = 0

    def __init__(self, guest, folder, files, table=True):
        Stick.made += 1
        self.guest, self.name, self.path = guest, f"stick{Stick.made}", pathlib.Path(folder) / f"stick{Stick.made}.img"
        size = sum(len(f) if isinstance(f, bytes) else os.path.getsize(f) for f in files.values())
        size = (size // MIB + 40) * MIB
        first = MIB if table else 0
        env = {**os.environ, "MTOOLS_SKIP_CHECK": "1", "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
        with self.path.open("wb") as f:
            f.truncate(first + size)
            if table:
                f.seek(446)
                f.write(struct.pack("<B3sB3sII", 0, b"\xfe\xff\xff", 0x0c, b"\xfe\xff\xff", first // 512, size // 512))
                f.seek(510)
                f.write(b"\x55\xaa")
        subprocess.run(["mkfs.vfat", "-n", "STICK", *(["--offset", str(first // 512)] if table else ["-I"]), self.path, str(size // 1024)],
                       check=True, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for name, what in files.items():
            source = what
            if isinstance(what, bytes):
                source = pathlib.Path(folder) / "stick.file"
                source.write_bytes(what)
            subprocess.run(["mcopy", "-i", f"{self.path}@@{first}", source, f"::{name}"], check=True, env=env)

    def plug(self):
        drive = {"driver": "raw", "node-name": self.name, "read-only": True, "file": {"driver": "file", "filename": str(self.path)}}
        device = {"driver": "usb-storage", "id": f"{self.name}-plug", "drive": self.name, "bus": "usb.0"}
        with Monitor(self.guest) as m:
            m.call("blockdev-add", **drive)
            m.call("device_add", **device)
        # A board that restarts (a process of its own) finds it in its socket.
        self.arguments = ["-blockdev", json.dumps(drive), "-device", ",".join([device.pop("driver"), *(f"{k}={v}" for k, v in device.items())])]
        self.guest.arguments += self.arguments
        return self

    def pull(self):
        with Monitor(self.guest) as m:
            m.call("device_del", id=f"{self.name}-plug")
            m.event("DEVICE_DELETED")
            m.call("blockdev-del", **{"node-name": self.name})
        at = self.guest.arguments.index(self.arguments[1]) - 1
        del self.guest.arguments[at:at + len(self.arguments)]
