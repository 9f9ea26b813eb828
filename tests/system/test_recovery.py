#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A board in QEMU whose two systems are both lost, with a shop's days on its data partition: U-Boot asks for a recovery system on
the service port's interface alone, refuses what is not signed for it, starts what is; an update is installed from there, and the
board runs from its own slot again with all its data.

usage: test_recovery.py [all | CASE...]
  without a case: LEAN, served by QEMU's own TFTP, what every change has to pass; with BAYPLATE_DEVICE=all or "all": ALL. Cases go
  on where the one before stopped, so CASE is the last one of a row
  The cases of CABLE are served by a real bayplate-port and by tools/bayplate-recover over a virtual cable (as root)
  BAYPLATE_IMAGE: folder of board/image/build (default build/image/qemu-arm64; the keys are beside it)
exit status: 0 all right, 1 something failed, 77 skipped: image or QEMU are missing
"""
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tools/power"), str(TOP / "tools"), str(TOP / "board/image")]
from disk import read_gpt  # noqa: E402
from bayplate import BINARY  # noqa: E402
from test_device import BOOT, IMAGE, KEYS, Board, Guest, GuestError, free_port, missing  # noqa: E402
from test_device_life import CLAIM, MAC, SERIAL, flashed  # noqa: E402
from test_reset import live  # noqa: E402

NAME = "bayplate-qemu-arm64-recovery.itb"
RIGHT = IMAGE / NAME
ASKS = r"neither slot starts, asking for a recovery system, {} of 3"
REFUSED = "the recovery system was refused"
BRIDGE, TAP, LAPTOP = "bprec0", "bprect", "bprecl"  # of the virtual cable: QEMU's end and the laptop's


def call(*command, **more):
    done = subprocess.run([str(c) for c in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **more)
    if done.returncode != 0:
        raise GuestError(f"{command[0]}: {done.returncode}\n{done.stdout[-2000:]}")
    return done.stdout


def lost_disk(folder, **env):
    """A flashed card with a terminal's days on it, whose kernels and roots are overwritten; the visits' plates; when its image was
    built."""
    site = folder / "site"
    site.mkdir()
    try:
        tree, plates = live(site)
    finally:  # a terminal of this machine that did not get to its end
        subprocess.run(["pkill", "-P", str(os.getpid()), "bayplated"], check=False)
    disk = flashed(folder)
    with disk.open("r+b") as card:
        def read(at, n):
            card.seek(at)
            return card.read(n)
        parts, _ = read_gpt(read, disk.stat().st_size)
        for name in ("kernelA", "kernelB", "rootA", "rootB"):
            card.seek(parts[name][0])
            card.write(os.urandom(1 << 20) * 4)
        at, size = parts["data"]
    data = folder / "data.ext4"
    with data.open("wb") as f:
        f.truncate(size)
    call("mkfs.ext4", "-q", "-F", "-L", "data", "-d", tree, data)
    # The board's user, whoever runs this test.
    names = [p.relative_to(tree) for p in sorted((tree / "bayplate/state").rglob("*"))] + [pathlib.Path("bayplate/state")]
    lines = "".join(f"sif /{name} {field} 900\n" for name in names for field in ("uid", "gid"))
    call("debugfs", "-w", "-f", "-", data, input=lines)
    # As the last good slot left it.
    from parts import disk as layout
    built = int(re.search(r"^BUILT=(\d+)", (IMAGE / "work/root/etc/bayplate-release").read_text(), re.M)[1])
    with disk.open("r+b") as card:
        card.seek(at)
        card.write(data.read_bytes())
        card.seek(parts["env"][0])
        card.write(layout.environment({"BOOT_ORDER": "A B", "BOOT_A_LEFT": "3", "BOOT_B_LEFT": "3", "BOOT_LOST": "0",
                                       "RECOVERY_BUILT": f"{built:#x}", **env}))
    return disk, plates, built


def small_fit(folder, out, keys, conf="recovery-qemu-arm64", built=1 << 31):
    """A recovery system that nobody could start: what it is refused for is seen before that."""
    from parts import kernel
    work = folder / "fit"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir()
    for name in ("Image", "initrd"):
        (work / name).write_bytes(os.urandom(50_000))
    kernel.fit(out, work, "small", work / "Image", work / "initrd", "0x40400000", keys, built, conf)


class Lost(Board):
    """`cable`: its service port is at the virtual cable, else at a TFTP server of QEMU's."""

    def __init__(self, folder, cable=False):
        self.folder, self.port, self.at, self.cookie = folder, free_port(), 0, None
        disk, self.plates, self.built = lost_disk(folder, **({"RECOVERY_BUILT": "0"} if cable else {}))
        clip = folder / "clip.yuyv"
        frame = b"\x60\x80" * (1280 * 720)
        clip.write_bytes(frame + b"\x68" + frame[1:])
        self.served = folder / "served"
        self.served.mkdir()
        self.bundle = folder / "whole.raucb"
        call(TOP / "tools/bayplate-bundle", "make", KEYS, "--image", IMAGE, "--out", self.bundle)
        carried = folder / "carried.img"
        with self.bundle.open("rb") as f, carried.open("wb") as out:
            shutil.copyfileobj(f, out)
            out.truncate(-(-out.tell() // (1 << 20)) << 20)
        net = f"tap,id=service,ifname={TAP},script=no,downscript=no" if cable else f"user,id=service,tftp={self.served}"
        self.shop = folder / "shop.pcap"
        self.guest = Guest(disk, folder / "board", clip=clip, ports={8080: self.port}, size="1200M", more=[
            "-netdev", net, "-device", f"virtio-net-pci,netdev=service,romfile=,addr=8,mac={MAC}",
            "-object", f"filter-dump,id=dump,netdev=net,file={self.shop}",
            "-drive", f"if=none,id=more,format=raw,readonly=on,file={carried}", "-device",
            "virtio-blk-pci,drive=more,serial=more,addr=9"])

    def done(self, text):
        print(f"ok   {text} ({self.guest.seconds():.0f} s after power-on, load {os.getloadavg()[0]:.1f})", flush=True)

    def expect(self, pattern, seconds=BOOT):
        """What the serial line says next; all of it up to there."""
        before = self.at
        self.at = self.guest.expect(pattern, seconds, before)
        return self.guest.log[before:self.at].decode(errors="replace")

    def shop_frames(self):
        """Bytes of what went through the shop's interface since this start of the board: QEMU begins the file anew, with a head."""
        return max(self.shop.stat().st_size - 24, 0) if self.shop.exists() else 0

    def serve(self, source):
        new = self.served / "new"
        shutil.copy(source, new)
        new.rename(self.served / NAME)

    def ask(self, method, path, body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        c.request(method, path, json.dumps(body) if body else None, {"Cookie": self.cookie or "", "Content-Type": "application/json"})
        r = c.getresponse()
        data = r.read()
        if r.getheader("Set-Cookie"):
            self.cookie = r.getheader("Set-Cookie").split(";")[0]
        c.close()
        return r.status, json.loads(data)

    def visits(self):
        """The plates of the days before, asked as the person who signed in then."""
        self.cookie = None
        status, answer = self.ask("POST", "/api/v1/session", {"name": "测试员", "pin": "739154"})
        assert status == 200, answer
        status, answer = self.ask("GET", "/api/v1/visits?limit=200")
        assert status == 200, answer
        return sorted({card["plate"]["text"] for card in answer["cards"] if card["plate"]["text"]})

    def has_its_data(self):
        """All plates of the days before, the first one as the person corrected it then (test_reset, live)."""
        kept = self.visits()
        lost = set(self.plates) - set(kept)
        assert len(kept) == len(self.plates) and len(lost) <= 1 and (not lost or "粤A12345" in kept), (kept, self.plates)

    def is_recovery(self):
        """The recovery system runs, says so on its page, and has the data."""
        self.get("/", BOOT)  # /healthz is 503 while a starved camera is late
        self.guest.connect(BOOT)
        words = self.sh("cat /proc/cmdline").split()
        assert "bayplate.recovery" in words and not any(w.startswith("rauc.slot=") for w in words), words
        assert "verity 1 7:0 7:0" in self.sh("dmsetup table root"), self.sh("dmsetup table root")
        self.has_its_data()
        status, told = self.ask("GET", "/api/v1/status")
        assert status == 200 and told["recovery"] is True and not told["data_trouble"], told
        failed = self.sh("systemctl --failed --no-legend --plain")
        assert failed == "", failed
        assert self.shop_frames() > 0  # so it is seen when there is something
        assert "inactive" in self.sh("systemctl is-active bayplate-verdict", check=False)
        self.wait("df -k /data | tail -1 | awk '$2 > 600000 {print \"grown\"}'", "grown")

    def is_whole(self):
        """It runs from a slot again, marked good, with its data; nobody is asked any more."""
        said = self.expect("bayplate: slot [AB], order [AB ]+, tries left")
        self.slot_now = slot = re.search("slot ([AB]), order [AB ]+, tries left$", said)[1]
        self.get("/", BOOT)  # /healthz is 503 while a starved camera is late
        self.guest.connect(BOOT)
        assert f"rauc.slot={slot}" in self.sh("cat /proc/cmdline")
        self.wait("cat /data/bayplate/update/good", f"{slot} ")
        said += self.guest.log[self.at:].decode(errors="replace")
        assert "asking" not in said and "BOOTP" not in said and "DHCP client" not in said, said[-3000:]
        env = self.sh("fw_printenv")
        assert "BOOT_LOST=0" in env and f"RECOVERY_BUILT={self.built:#x}" in env and f"BOOT_{slot}_LEFT=3" in env, env
        self.has_its_data()
        status, told = self.ask("GET", "/api/v1/status")
        assert status == 200 and told["recovery"] is False, told

    # --- cases

    def nobody_answers(self):
        """It asks three times, then tries its slots again, and so on."""
        for _ in range(2):
            said = self.expect(ASKS.format(1))
            assert "slot A does not start" in said and "slot B does not start" in said, said
            self.expect(ASKS.format(2))
            self.expect(ASKS.format(3))
            self.expect("File not found")
            assert self.shop_frames() == 0, f"{self.shop_frames()} bytes in the shop's network"
            self.expect("U-Boot 20")
        self.expect("bayplate: slot [AB], order")
        self.done("both systems lost, nobody answers: asked 3 times on the service port alone, slots again, asked again")

    def refuses(self):
        strangers = self.folder / "keys"
        call(TOP / "tools/bayplate-bundle", "keys", strangers)
        files = {}
        for name in ("stranger", "slot", "other-board", "old", "cut", "unsigned", "older"):
            files[name] = self.folder / f"{name}.itb"
        small_fit(self.folder, files["stranger"], strangers)
        small_fit(self.folder, files["slot"], KEYS, "conf")
        small_fit(self.folder, files["other-board"], KEYS, "recovery-rpi4")
        small_fit(self.folder, files["old"], KEYS, built=self.built - 1)
        small_fit(self.folder, files["cut"], KEYS)
        files["cut"].write_bytes(files["cut"].read_bytes()[:60_000])
        its = (self.folder / "fit/kernel.its").read_text()
        (self.folder / "fit/bare.its").write_text(re.sub(r"signature-1 \{.*\};", "", its))
        call("mkimage", "-f", self.folder / "fit/bare.its", files["unsigned"])
        # U-Boot's older kind of image, which it starts without asking for a signature.
        call("mkimage", "-A", "arm64", "-O", "linux", "-T", "kernel", "-C", "none", "-a", "0x40400000", "-e", "0x40400000",
             "-n", "old", "-d", self.folder / "fit/Image", files["older"])
        for name, file in files.items():
            self.serve(file)
            said = self.expect(rf"Bytes transferred = {file.stat().st_size} \([0-9a-f]+ hex\)(?s:.*?)(bayplate: {REFUSED}|Starting kernel)")
            assert "Starting kernel" not in said, (name, said[-1500:])
            # (a board that knows of no age asks for the configuration by its name alone: from_a_port)
            older = "no recovery system of this board, or older than the last good slot"
            why = {"old": older, "slot": older, "other-board": older, "stranger": "Failed to verify required signature", "unsigned": "Failed to verify required signature"}
            assert why.get(name, "") in said, (name, said[-1500:])
            said = [line for line in said.splitlines() if "Could not" in line or "Failed" in line or "Bad" in line or "rror" in line or "older" in line]
            print(f"     refused: {name} ({said[-1].strip() if said else 'not looked at'})", flush=True)
            (self.served / NAME).unlink()
        self.expect(ASKS.format(1))
        self.done("refused, and it goes on asking: " + ", ".join(files))

    def comes_up(self):
        self.serve(RIGHT)
        began = time.monotonic()
        said = self.expect("Starting kernel", 2 * BOOT)
        assert f"Bytes transferred = {RIGHT.stat().st_size}" in said and "sha256,rsa2048:fit+ OK" in said, said[-2000:]
        speed = re.findall(r"[\d.]+ [MK]iB/s", said)
        loaded = time.monotonic() - began
        self.is_recovery()
        print(f"     {RIGHT.stat().st_size >> 20} MiB asked for, loaded ({speed[-1]}) and checked in {loaded:.0f} s, page "
              f"{time.monotonic() - began - loaded:.0f} s later; of memory free: {self.sh('free -m | sed -n 2p').split()[-1]} MiB", flush=True)
        self.done("the recovery system runs, says so, has the visits of before")

    def install(self, more=""):
        self.wait("systemctl show -P ActiveState dbus | grep -x active", "active")  # systemd has the service port's and the page's way wait for it, too
        return self.sh(f"dd if=/dev/disk/by-id/virtio-more of=/data/test.raucb bs=1M 2>&1 && truncate -s {self.bundle.stat().st_size} "
                       f"/data/test.raucb && mkdir -p /data/bayplate/update && {{ bayplate-update --restart --announce 1 --json /data/test.raucb {more}; }}", timeout=400)

    def power_cut(self):
        """The plug is pulled in the middle of the installation."""
        # Until 30 of its 109 MiB stand in the root of a slot.
        self.install("& until sync /data; sync; awk '{n += $7} END {exit n < 60000}' /sys/class/block/vda[56]/stat; do sleep 0.1; done")
        state = self.sh("cat /run/bayplate-boot/update.ini; fw_printenv; grep . /sys/class/block/vda[3-6]/stat")
        assert "phase = write" in state, state
        print("     " + re.sub(r"\s*\n", "; ", state), flush=True)
        self.guest.cut()
        self.guest.start()
        self.at = 0
        said = self.expect("Starting kernel(?s:.*)Starting kernel|asking for a recovery system(?s:.*?)Starting kernel", 3 * BOOT)
        starts = said.count("U-Boot 20")
        self.is_recovery()
        self.done(f"power cut in the installation: the recovery system again, at start {starts}")

    def gets_well(self):
        began = time.monotonic()
        said = self.install()
        assert '"result":"installed"' in said, said
        print(f"     {self.bundle.stat().st_size >> 20} MiB installed in {time.monotonic() - began:.0f} s with its copy", flush=True)
        self.is_whole()
        self.done(f"an update installed, slot {self.slot_now} runs and is good, with all visits")

    def roots_lost(self):
        """The kernels are whole, so each start is a try: that none comes to anything is counted."""
        self.sh(f"dd if=/dev/urandom of=/dev/disk/by-partlabel/root{self.slot_now} bs=1M count=4 conv=notrunc 2>&1; sync; echo b >/proc/sysrq-trigger &")
        said = self.expect("asking for a recovery system", 3 * BOOT)
        starts = said.count(f"bayplate: slot {self.slot_now}, order")
        assert starts >= 6, said[-3000:]
        self.expect("Starting kernel", 2 * BOOT)
        self.is_recovery()
        self.done(f"a whole kernel without its root: asked after {starts} starts that came to nothing")
        self.gets_well()

    # --- with a virtual cable

    def from_a_port(self):
        """Another board's service port serves it, with every fourth frame lost each way for the small file."""
        small = self.folder / "small.itb"
        small_fit(self.folder, small, KEYS, "conf")
        self.serve(small)
        with port(self.folder, self.served, "--faults", "25,0,0,7") as log:
            began = time.monotonic()
            self.expect(rf"Bytes transferred = {small.stat().st_size} \(", 3 * BOOT)
            self.expect("Could not find configuration node")
            print(f"     {small.stat().st_size} bytes through 25 % loss each way: {time.monotonic() - began:.0f} s", flush=True)
        self.serve(RIGHT)
        with port(self.folder, self.served) as log:
            said = self.expect("Starting kernel", 4 * BOOT)
            assert f"Bytes transferred = {RIGHT.stat().st_size}" in said, said[-2000:]
            speed = re.findall(r"[\d.]+ [MK]iB/s", said)[-1]
        self.is_recovery()
        self.done(f"a real bayplate-port served it, {speed}")
        del log

    def from_the_laptop(self):
        """tools/bayplate-recover; then an update through the recovery system's own service port."""
        self.guest.cut()
        self.guest.start()
        self.at = 0
        with (self.folder / "recover.log").open("wb") as log:
            tool = subprocess.Popen([TOP / "tools/bayplate-recover", "--interface", LAPTOP, RIGHT], stdout=log, stderr=log)
            try:
                self.expect("Starting kernel", 4 * BOOT)
                assert tool.wait(30) == 0
            finally:
                if tool.poll() is None:
                    tool.terminate()
                    tool.wait(30)
                print("     " + (self.folder / "recover.log").read_text().strip().replace("\n", "\n     "), flush=True)
        self.is_recovery()
        self.done("tools/bayplate-recover served it")
        mac = bytes.fromhex(MAC.replace(":", ""))
        suffix = bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
        self.cable = "fe80::" + ":".join(suffix[i:i + 2].hex() for i in range(0, 8, 2)) + f"%25{LAPTOP}"
        curl = ["curl", "-sS", "-g", "--max-time", "300", "--interface", LAPTOP, "-H", f"X-Bayplate-Claim: {CLAIM}"]
        end = time.monotonic() + BOOT
        while (done := subprocess.run([*curl, f"http://[{self.cable}]/v1/identity"], capture_output=True, text=True, check=False)).returncode:
            assert time.monotonic() < end, done.stderr
            self.guest._read(1)
        who = json.loads(done.stdout)
        assert who["serial"] == SERIAL and who["slot"] == "recovery", who
        began = time.monotonic()
        total = call("sha256sum", self.bundle).split()[0]
        sent = subprocess.Popen([*curl, "-T", str(self.bundle), f"http://[{self.cable}]/v1/upload?sha256={total}", "-w", " %{http_code}"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while sent.poll() is None:
            self.guest._read(0.2)
        answer = sent.communicate()[0]
        assert answer.endswith((" 201", " 202")), answer
        print(f"     {self.bundle.stat().st_size >> 20} MiB uploaded by the cable in {time.monotonic() - began:.0f} s", flush=True)
        self.is_whole()
        self.done(f"an update through the recovery system's service port, slot {self.slot_now} runs and is good, with all visits")


class port:
    """A bayplate-port of this machine at the laptop's end of the virtual cable, in a namespace without any address."""

    def __init__(self, folder, served, *more):
        self.folder, self.arguments, self.space = folder, ["--recovery", served, *more], f"bprec{os.getpid()}"

    def __enter__(self):
        claim = self.folder / "claim"
        claim.write_text(CLAIM + "\n")
        claim.chmod(0o600)
        inside = ["ip", "netns", "exec", self.space]
        call("ip", "netns", "add", self.space)
        call(*inside, "sysctl", "-qw", "net.ipv6.conf.all.disable_ipv6=1", "net.ipv6.conf.default.disable_ipv6=1")
        call("ip", "link", "set", LAPTOP, "netns", self.space)
        call("ip", "-n", self.space, "link", "set", LAPTOP, "up")
        self.log = (self.folder / "port.log").open("ab")
        self.process = subprocess.Popen([*inside, BINARY / "firmware/port/bayplate-port", "--interface", LAPTOP, "--serial", "HELPER-1",
                                         "--claim-file", claim, "--spool", self.folder / "spool", *self.arguments],
                                        stdout=self.log, stderr=self.log)
        return self.folder / "port.log"

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()
        call("ip", "-n", self.space, "link", "set", LAPTOP, "netns", str(os.getpid()))
        call("ip", "netns", "del", self.space)
        call("ip", "link", "set", LAPTOP, "up")


class cable:
    """QEMU's TAP and the laptop's veth on a bridge. why: None, or what it could not be laid for."""

    def __enter__(self):
        self.why = None
        for command in (f"ip link add {BRIDGE} type bridge", f"ip tuntap add {TAP} mode tap",
                        f"ip link add {LAPTOP} type veth peer name {LAPTOP}b", f"ip link set {TAP} master {BRIDGE}",
                        f"ip link set {LAPTOP}b master {BRIDGE}", *(f"ip link set {n} up" for n in (BRIDGE, TAP, LAPTOP, f"{LAPTOP}b"))):
            done = subprocess.run(command.split(), capture_output=True, text=True, check=False)
            if done.returncode:
                self.why = f"{command}: {done.stderr.strip()}"
                break
        return self

    def __exit__(self, *_):
        for name in (BRIDGE, TAP, LAPTOP):
            subprocess.run(["ip", "link", "del", name], capture_output=True, check=False)


LEAN = ["nobody_answers", "refuses", "comes_up", "gets_well"]
ALL = ["nobody_answers", "refuses", "comes_up", "power_cut", "gets_well", "roots_lost"]
CABLE = ["from_a_port", "from_the_laptop"]


def run(folder, cases, **more):
    board = Lost(folder, **more)
    try:
        with board.guest:
            for case in cases:
                getattr(board, case)()
    except BaseException:
        if (folder / "board/serial.log").exists():
            shutil.copy(folder / "board/serial.log", TOP / "build/recovery-serial.log")
            print(f"the serial line is in {TOP}/build/recovery-serial.log", flush=True)
        raise


def main():
    wanted = sys.argv[1:] or (["all"] if os.environ.get("BAYPLATE_DEVICE") == "all" else [])
    first, second = (ALL, CABLE) if wanted == ["all"] else (LEAN, [])
    if wanted and wanted != ["all"]:
        first, second = [c for c in ALL if c in wanted], [c for c in CABLE if c in wanted]
    lost = missing() + [n for n in ("mkimage", "debugfs") if not shutil.which(n)]
    why = IMAGE.parent / "missing"  # of tools/test
    if why.exists():
        print(f"skipped: no image: {why.read_text().strip()}")
        return 77
    if not RIGHT.exists():
        lost.append(f"{RIGHT} (board/image/build qemu-arm64)")
    if lost:
        print(f"skipped: missing {', '.join(lost)}")
        return 77
    begun = time.monotonic()
    try:
        if first:
            with tempfile.TemporaryDirectory(prefix="bayplate-recovery-", dir=IMAGE.parents[1]) as folder:
                run(pathlib.Path(folder), first)
        if second:
            with cable() as laid, tempfile.TemporaryDirectory(prefix="bayplate-recovery-", dir=IMAGE.parents[1]) as folder:
                if laid.why or not shutil.which("dnsmasq"):
                    print(f"left out: {' '.join(second)}: {laid.why or 'dnsmasq is missing'}")
                    second = []
                else:
                    run(pathlib.Path(folder), second, cable=True)
    except (GuestError, AssertionError, OSError) as error:
        traceback.print_exc()
        print(f"FAIL {error}")
        return 1
    print(f"{len(first) + len(second)} of {len(ALL) + len(CABLE)} cases, {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
