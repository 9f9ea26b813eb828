# SPDX-License-Identifier: Apache-2.0
"""One whole life of a virtual board with each write of its disk written down: first start, people signed up on its page, the
work of power-run (work.c), a signed update into the spare slot, the restart into it, more work. Used by power-cut --device."""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import time

from qemu_guest import Guest, GuestError

TOP = pathlib.Path(__file__).resolve().parents[2]
SIZE = 896 << 20  # of the board's card
MIB = 1 << 20
IDENTITY = "[device]\nserial = BP-7K3MQ2ZD\nmodel = bayplate-virt\nboard = qemu-arm64\nmac = 0e:12:34:56:78:9a\n"

# Run in the guest. Marks go onto the disk itself, among its other writes (tools/power/record.h), past the page cache.
SHELL = r"""
mark() {
  printf 'bayplate-mark %s\t%s\t%s\n' "$1" "$2" "$3" |
    dd of=/dev/vda bs=512 seek=1024 count=1 conv=sync,notrunc,nocreat oflag=direct 2>/dev/null
}
page() { curl -fsS --max-time 60 -b /run/jar -c /run/jar -H 'Content-Type: application/json' -H 'Origin: http://127.0.0.1:8080' "$@"; }
"""


def tell(text):
    print(f"     {text}", flush=True)


def prepare(image, folder):
    """The image as bayplate-flash leaves it on a card: with an identity on its boot partition."""
    base = folder / "bayplate-board.img"
    found = sorted(image.glob("bayplate-*.img"))
    if len(found) != 1:
        raise GuestError(f"{image} holds no image: board/image/build qemu-arm64 makes one")
    subprocess.run(["cp", "--sparse=always", found[0], base], check=True)
    shutil.copy(image / "signing.dtb", folder / "signing.dtb")
    ini = folder / "bayplate-device.ini"
    ini.write_text(IDENTITY)
    subprocess.run(["mcopy", "-i", f"{base}@@{MIB}", ini, "::bayplate-device.ini"], check=True,
                   env={"MTOOLS_SKIP_CHECK": "1", "PATH": "/usr/bin:/bin"})
    return base


class Life:
    """The run. `update`: whether it has an update and the restart into it. `key`: a file of what is in the board's key store, with
    which it encrypts its data partition; None: a board without one."""

    def __init__(self, image, program, folder, visits, update, patience, key=None):
        self.key = key
        self.folder, self.visits, self.update, self.patience = folder, visits, update, patience
        self.base = prepare(image, folder)
        carried = folder / "carried.img"  # the program, then the bundle, on a drive of their own
        binary = pathlib.Path(program).read_bytes()
        self.program_size, self.bundle_at = len(binary), -(-len(binary) // MIB)
        with carried.open("wb") as out:
            out.write(binary)
            out.truncate(self.bundle_at * MIB)
        self.bundle_size = 0
        if update:
            bundle = folder / "update.raucb"
            subprocess.run([TOP / "tools/bayplate-bundle", "make", image.parent / "keys", "--image", image, "--out", bundle],
                           check=True, stdout=subprocess.DEVNULL)
            self.bundle_size = bundle.stat().st_size
            with carried.open("ab") as out, bundle.open("rb") as f:
                shutil.copyfileobj(f, out, MIB)
            bundle.unlink()
        with carried.open("ab") as out:
            out.truncate(-(-carried.stat().st_size // MIB) * MIB)
        # An empty bay: one point differs, so that the camera is not taken for a frozen one and nothing moves.
        clip, frame = folder / "clip.yuyv", b"\x60\x80" * (1280 * 720)
        clip.write_bytes(frame + b"\x68" + frame[1:])
        self.guest = Guest(self.base, folder / "board", clip=clip, size=str(SIZE), record=folder / "log", network=False,
                           more=["-drive", f"if=none,id=carried,format=raw,readonly=on,file={carried}",
                                 "-device", "virtio-blk-pci,drive=carried,serial=carried,addr=8", *key_store(key)])

    def encrypted(self):
        said = self.sh("cat /run/bayplate-boot/data-encryption")
        if ("with a key of this board" in said) != bool(self.key):
            raise GuestError(f"the data partition: {said}")

    def sh(self, text, **more):
        return self.guest.sh(SHELL + text, timeout=self.patience, **more)

    def wait(self, command, want):
        end = time.monotonic() + self.patience
        while True:
            got = self.sh(command, check=False)
            if want in got:
                return got
            if time.monotonic() > end:
                log = self.sh("journalctl -b --no-pager | tail -40", check=False)
                raise GuestError(f"{command!r} said {got!r}, wanted {want!r}\n{log}\n{self.guest.tail()}")
            time.sleep(1)

    def up(self, slot):
        self.guest.connect(self.patience)
        self.wait("cat /data/bayplate/update/good 2>/dev/null", f"{slot} ")
        self.wait("curl -fsS --max-time 20 http://127.0.0.1:8080/ | grep -c app.js", "1")
        self.sh("b=$(grep -l carried /sys/block/vd*/serial); b=${b%/serial}; echo /dev/${b##*/} >/run/carried; "
                f"head -c {self.program_size} $(cat /run/carried) >/run/power-run; chmod 755 /run/power-run")
        tell(f"slot {slot} up after {self.guest.seconds():.0f} s")

    def person(self, path, body, name):
        """Somebody is signed up on the page: promised once it has said so."""
        self.sh(f"mark begun page/{name} there; page -o /run/answer {path} -d '{json.dumps(body)}' && "
                f"mark done page/{name} there")

    def people(self):
        code = self.wait("journalctl -u bayplated --no-pager | grep set-up", "set-up code")
        code = re.search(r"set-up code[^:]*: ([A-Z0-9-]+)", code)[1]
        self.person("http://127.0.0.1:8080/api/v1/setup",
                    {"code": code, "name": "manager", "role": "manager", "pin": "739154"}, "manager")
        token = json.loads(self.sh("cat /run/answer"))["csrf"]
        for name in ("anna", "bert"):
            self.person(f"-H 'X-CSRF-Token: {token}' http://127.0.0.1:8080/api/v1/people",
                        {"name": name, "role": "advisor", "pin": "739154"}, name)

    def run(self):
        with self.guest:
            self.up("A")
            self.encrypted()
            self.people()
            self.sh(f"mkdir /data/power && sync /data && /run/power-run --marks /data/power /dev/vda {self.visits}")
            tell(f"{self.visits} visits' work done after {self.guest.seconds():.0f} s")
            if self.update:
                # In memory, as it were on a stick: what is in it would be most of what is written, and nothing is promised of it.
                self.sh("mkdir /run/stick && mount -t tmpfs -o size=200M tmpfs /run/stick && "
                        f"dd if=$(cat /run/carried) of=/run/stick/update.raucb bs=1M skip={self.bundle_at} "
                        f"count={-(-self.bundle_size // MIB)} 2>/dev/null && truncate -s {self.bundle_size} /run/stick/update.raucb")
                out = self.sh("mark begun env/first B; bayplate-update --json /run/stick/update.raucb && mark done env/first B; "
                              "umount /run/stick")
                if '"result":"installed"' not in out:
                    raise GuestError(f"the update said {out}")
                tell(f"updated after {self.guest.seconds():.0f} s")
                self.sh("systemctl --no-block --job-mode=replace-irreversibly start reboot.target")  # asks no logind
                self.guest.disconnect()
                at = self.guest.expect("bayplate: slot B", self.patience)
                self.guest.log = self.guest.log[at:]
                self.up("B")
            else:
                self.sh("mark begun env/left 3; rauc status mark-good >/dev/null && mark done env/left 3")
            self.sh("mark begun file/last 1; echo 1 >/data/last.new && sync /data/last.new && mv /data/last.new /data/last && "
                    "sync /data && mark done file/last 1")
        return self.folder / "log"


def key_store(key):
    """Arguments of QEMU for a board whose key store holds the bytes of a file."""
    return ["-fw_cfg", f"name=opt/bayplate.data-key,file={key}"] if key else []


def boots(picture, folder, patience, key=None):
    """Starts a board with the picture on its card and waits for its page; what is wrong, and the card afterwards."""
    folder.mkdir()
    picture.whole(folder / "bayplate-cut.img")
    shutil.copy(folder.parent / "signing.dtb", folder / "signing.dtb")
    wrong = []
    with Guest(folder / "bayplate-cut.img", folder / "board", network=False, more=key_store(key)) as guest:
        try:
            guest.connect(patience)
            end = time.monotonic() + patience
            while "1" not in guest.sh("curl -fsS --max-time 20 http://127.0.0.1:8080/ 2>/dev/null | grep -c app.js", check=False,
                                      timeout=patience):
                if time.monotonic() > end:
                    raise GuestError("its page does not answer")
                time.sleep(1)
            trouble = guest.sh("cat /run/bayplate-boot/data-trouble 2>/dev/null || true")
            if trouble:
                wrong.append(f"booted: {trouble.strip()}")
            guest.sh("sync")
            seconds = guest.seconds()
        except GuestError as error:
            wrong.append(f"does not boot: {error}")
            seconds = -1
    subprocess.run(["qemu-img", "convert", "-O", "raw", folder / "board/disk.qcow2", folder / "after.img"], check=True)
    (folder / "bayplate-cut.img").unlink()
    return wrong, seconds, folder / "after.img"


def temporary():
    """Memory where there is enough of it: the pictures are written and read some thousand times."""
    memory = pathlib.Path("/dev/shm")
    where = memory if memory.is_dir() and shutil.disk_usage(memory).free > (6 << 30) else TOP / "build"
    return pathlib.Path(tempfile.mkdtemp(prefix="bayplate-power-", dir=where))
