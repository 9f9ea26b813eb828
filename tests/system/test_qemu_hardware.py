#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real drivers in a virtual board: V4L2 with our own frames and controls (vivid), GPIO lines (the machine's PL061, whose
wires end in this program: levels are put on inputs, and outputs are seen to switch, from outside of the guest), watchdog
(softdog), sysfs. First by bayplate-probe, built for the board without shared libraries and put into the image's memory; then
by bayplated itself, under systemd as its own user.

usage: test_qemu_hardware.py
  BAYPLATE_IMAGE: folder of board/image/build (default build/image/qemu-arm64)
  BAYPLATE_PROBE: a bayplate-probe that was built for the board already
exit status: 0 all right, 1 something failed, 77 skipped: no image, no QEMU, or no cross compiler with its sysroot
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(TOP / "tools"))
IMAGE = pathlib.Path(os.environ.get("BAYPLATE_IMAGE", TOP / "build/image/qemu-arm64"))
PATIENCE = float(os.environ.get("BAYPLATE_QEMU_PATIENCE", "240"))  # seconds for one step on a busy machine
SYSROOT = pathlib.Path(os.environ.get("BAYPLATE_SYSROOT", TOP / "build/sysroot-arm64"))
WIDTH, HEIGHT, FRAMES = 1280, 720, 4
# What bayplate-probe is made of: no FFmpeg, so that it can be linked as a whole.
SOURCES = ["tools/bayplate-probe.c", *(f"board/{n}.c" for n in (
    "camera_control camera_option camera_pace camera_sim camera_v4l2 camera_v4l2_control clock err frame frame_range gpio "
    "gpio_gpiod gpio_sim jpeg log metrics trigger watchdog_device wear").split())]


def skip(why):
    print(f"skipped: {why}")
    sys.exit(77)


def build(folder):
    """bayplate-probe for the board, without shared libraries."""
    if os.environ.get("BAYPLATE_PROBE"):
        return pathlib.Path(os.environ["BAYPLATE_PROBE"]).read_bytes()
    out = folder / "bayplate-probe"
    compiler = shutil.which("aarch64-linux-gnu-gcc")
    lib = SYSROOT / "usr/lib/aarch64-linux-gnu"
    if not compiler or not (lib / "libgpiod.a").exists():
        skip("no cross compiler, or no sysroot with libgpiod (tools/cross makes it)")
    subprocess.run([compiler, f"--sysroot={SYSROOT}", "-std=c17", "-O2", "-static", "-s", "-D_GNU_SOURCE",
                    "-DBAYPLATE_BUILD_EPOCH=1767225600", f"-I{TOP}", *[str(TOP / s) for s in SOURCES], "-o", out,
                    "-lgpiod", "-lturbojpeg", "-lpthread", "-lm"], check=True)
    return out.read_bytes()


def frame(i):
    """One picture of ours, YUYV, that no other looks like; and its luma."""
    luma = bytearray()
    for y in range(HEIGHT):
        row = bytes((40 + 30 * i + (x + y) // 16 % 64) & 0xff for x in range(16)) * (WIDTH // 16)
        luma += row
    yuyv = bytearray(2 * len(luma))
    yuyv[0::2] = luma
    yuyv[1::4] = bytes([100 + i]) * (len(luma) // 2)
    yuyv[3::4] = bytes([150 - i]) * (len(luma) // 2)
    return bytes(yuyv), bytes(luma)


def fnv(data):
    h = 0xcbf29ce484222325
    for b in data:
        h = ((h ^ b) * 0x100000001b3) & 0xffffffffffffffff
    return f"{h:016x}"


def lines(text):
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


class Wires:
    """The wires of the board's GPIO chip, by QEMU's qtest port (the guest runs on as ever): `put` sets the level of an input,
    `seen` are the switches of an output since it was asked last, as (line, level)."""

    def __init__(self, board):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30)
            s.connect(str(board / "qmp"))
            with s.makefile("rw") as f:
                f.readline()
                for command in ({"execute": "qmp_capabilities"}, {"execute": "qom-list", "arguments": {"path": "/machine/unattached"}}):
                    f.write(json.dumps(command) + "\n")
                    f.flush()
                    answer = json.loads(f.readline())
        self.chip = next("/machine/unattached/" + d["name"] for d in answer["return"] if "pl061" in d["type"])
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(board / "qtest"))
        self.socket.settimeout(30)
        self.file = self.socket.makefile("rw")
        self.changes = []
        self._ask(f"irq_intercept_out {self.chip}")

    def _ask(self, command):
        self.file.write(command + "\n")
        self.file.flush()
        while True:
            words = self.file.readline().split()
            if words[:1] == ["IRQ"]:
                self.changes.append((int(words[2]), words[1] == "raise"))
            elif words[:1] == ["OK"]:
                return
            else:
                raise AssertionError(f"qtest: {command}: {words}")

    def put(self, line, level):
        self._ask(f"set_irq_in {self.chip} unnamed-gpio-in {line} {int(level)}")

    def seen(self, line):
        self._ask("endianness")  # any question: what was told before its answer has come, too
        got = [level for which, level in self.changes if which == line]
        self.changes = [c for c in self.changes if c[0] != line]
        return got


def until(guest, command, what):
    """Asks the guest until what(answer) is true; the answer."""
    end = time.monotonic() + PATIENCE
    while True:
        text = guest.sh(command, check=False, timeout=PATIENCE)
        if what(text):
            return text
        if time.monotonic() > end:
            raise AssertionError(f"{command!r} said in the end: {text}")
        time.sleep(0.5)


def pictures_taken(guest, count):
    got = lines(guest.sh(f"/run/probe camera v4l2:/dev/video0?format=yuyv --frames {count}", timeout=PATIENCE))
    frames = [f for f in got if "frame" in f]
    assert len(frames) == count and all((f["width"], f["height"]) == (WIDTH, HEIGHT) for f in frames), got
    return [f["hash"] for f in frames]


def camera(guest, hashes):
    """From the first picture that is ours on, each one is ours to the bit; before it the driver shows its own noise."""
    guest.sh("systemctl stop bayplated || true")
    end = time.monotonic() + PATIENCE
    while not hashes & set(pictures_taken(guest, 3)):
        assert time.monotonic() < end, "none of our pictures came through"
    seen = pictures_taken(guest, 24)
    assert all(h in hashes for h in seen) and len(set(seen)) >= 2, (seen, sorted(hashes))
    print(f"V4L2: {len(seen)} of {len(seen)} pictures are ours to the bit, {len(set(seen))} different ones", flush=True)


def controls(guest):
    got = {c["control"]: c for c in lines(guest.sh("/run/probe camera v4l2:/dev/video0 --frames 0"))}
    assert got["gain"]["there"] and got["gain"]["has_auto"], got
    assert not got["focus"]["there"], got
    guest.sh("/run/probe camera v4l2:/dev/video0 --gain 77 --frames 0")
    assert "gain: 77" in guest.sh("v4l2-ctl -d /dev/video0 -C gain")
    assert "gain_automatic: 0" in guest.sh("v4l2-ctl -d /dev/video0 -C gain_automatic")
    got = {c["control"]: c for c in lines(guest.sh("/run/probe camera v4l2:/dev/video0 --gain auto --frames 0"))}
    assert got["gain"]["auto"], got
    assert "gain_automatic: 1" in guest.sh("v4l2-ctl -d /dev/video0 -C gain_automatic")
    refused = guest.sh("/run/probe camera v4l2:/dev/video0 --focus 3 --frames 0", check=False)
    assert "cannot be set" in refused, refused
    print("V4L2 controls: gain set, read back, automatic; a control that is not there is told", flush=True)


def lamp(guest, wires):
    for line, at in (("5", [True, False]), ("6:low", [True, False, True])):  # active low: off is a level that is put on, too
        number = int(line[0])
        wires.seen(number)
        got = lines(guest.sh(f"/run/probe lamp gpiochip0:{line} --seconds 0"))
        assert [g["lamp"] for g in got] == ["on", "off"], got
        seen = wires.seen(number)
        assert seen == at, (line, seen)
    lost = guest.sh("/run/probe lamp gpiochip0:99", check=False)
    assert "no line 99" in lost, lost
    print("GPIO output: the wire switched on and off, active high and low; a line that is not there is told", flush=True)


def trigger(guest, wires):
    """A level that is put on the wire for no time is bouncing; one that stays is told once, and its end once."""
    wires.put(2, True)  # a level that is there from the beginning is told as well: from then on the line is watched
    guest.sh("/run/probe trigger gpiochip0:2 --debounce 100 --seconds 600 >/run/edges 2>&1 & echo $! >/run/probe.pid")
    until(guest, "cat /run/edges", lambda text: '"on"' in text)
    for _ in range(20):  # more edges than the kernel keeps
        wires.put(2, False)
        wires.put(2, True)
    wires.put(2, False)
    until(guest, "cat /run/edges", lambda text: '"off"' in text)
    wires.put(2, True)
    text = until(guest, "cat /run/edges", lambda text: text.count('"on"') > 1)
    assert [g["trigger"] for g in lines(text)] == ["on", "off", "on"], text
    guest.sh("kill $(cat /run/probe.pid)")
    print("GPIO input: edges of the wire came through, 20 bounces were told once", flush=True)


def terminal(guest, wires):
    """bayplated as the image runs it: own user, device rules, configuration."""
    wires.put(4, True)
    guest.sh("printf '[trigger]\\nline = gpiochip0:4\\n[lamp]\\nir = gpiochip0:7\\nir_on_below = 254\\nir_off_above = 255\\n' "
             ">>/etc/bayplate/bayplate.ini && systemctl start bayplated", timeout=PATIENCE)
    metrics = "curl -fsS --max-time 20 http://127.0.0.1:8080/metrics | grep -E 'bayplate_(trigger|camera)'"
    until(guest, metrics, lambda text: "bayplate_triggers_total 1" in text and "bayplate_trigger_active 1" in text)
    wires.put(4, False)
    until(guest, metrics, lambda text: "bayplate_trigger_active 0" in text)
    wires.put(4, True)
    until(guest, metrics, lambda text: "bayplate_triggers_total 2" in text and "bayplate_trigger_active 1" in text)
    seen, end = [], time.monotonic() + PATIENCE
    while True not in seen:
        assert time.monotonic() < end, f"the infrared lamp was not lit: {seen}"
        seen += wires.seen(7)
        guest.sh("true")
        time.sleep(0.5)
    print("bayplated under systemd: the trigger's wire is counted, the infrared lamp's wire is switched on by a dark picture",
          flush=True)
    guest.sh("systemctl stop bayplated")


def watchdog(guest):
    guest.sh("modprobe softdog")
    device = guest.sh("for d in /sys/class/watchdog/watchdog*; do grep -q 'Software Watchdog' $d/identity && echo /dev/${d##*/}; done").split()
    assert device, "no softdog"
    got = lines(guest.sh(f"/run/probe watchdog {device[0]} --timeout 5 --seconds 8", timeout=PATIENCE))
    assert got[0]["watchdog"] == "fed", got
    time.sleep(7)
    guest.sh("true")  # disarmed: it lives
    # Now bayplated feeds it, as where no systemd does: while frames flow, and no longer.
    state = f"cat /sys/class/watchdog/{device[0].rsplit('/', 1)[-1]}/state"
    guest.put(f"""[camera]
source = v4l2:/dev/video0?format=yuyv
[http]
port = 8090
[store]
dir = /run/dog
[watchdog]
device = {device[0]}
timeout_s = 20
frames_s = 15
""".encode(), "/run/dog.ini")
    guest.sh("mkdir /run/dog; env -u NOTIFY_SOCKET bayplated -c /run/dog.ini >/run/dog.log 2>&1 &")
    until(guest, "cat /run/dog.log", lambda text: "is armed" in text)
    since = len(guest.log)
    end = time.monotonic() + 45
    while time.monotonic() < end:  # more than its timeout and frames_s together
        assert guest.sh(state).strip() == "active"
        time.sleep(2)
    assert "not fed" not in guest.sh("cat /run/dog.log") and b"U-Boot" not in guest.log[since:]
    guest.sh("v4l2-ctl -d /dev/video0 -c percentage_of_dropped_buffers=100")
    guest.expect("U-Boot", timeout=PATIENCE, since=since)
    print("watchdog: disarmed the board lives; fed by bayplated it lives while frames flow; when they stop, it restarts the board",
          flush=True)


def main():
    try:
        from qemu_guest import Guest, missing
    except ImportError:
        skip("tools/qemu_guest.py is not there")
    if missing():
        skip(f"missing: {', '.join(missing())}")
    if not IMAGE.is_dir():
        skip("BAYPLATE_IMAGE names no image (board/image/build makes one)")
    with tempfile.TemporaryDirectory(prefix="bayplate-hardware-") as name:
        folder = pathlib.Path(name)
        probe = build(folder)
        pictures = [frame(i) for i in range(FRAMES)]
        clip = folder / "clip.yuyv"
        clip.write_bytes(b"".join(p[0] for p in pictures))
        hashes = {fnv(p[1]) for p in pictures}
        drive = folder / "probe.img"
        drive.write_bytes(probe + b"\0" * (-len(probe) % 4096))
        more = ["-drive", f"if=none,id=probe,format=raw,readonly=on,file={drive}",
                "-device", "virtio-blk-pci,drive=probe,serial=probe,addr=8"]
        board = folder / "board"
        more += ["-qtest", f"unix:{board}/qtest,server=on,wait=off", "-qtest-log", "/dev/null"]
        with Guest(IMAGE, board, clip=clip, more=more) as guest:
            guest.connect(PATIENCE)
            until(guest, "systemctl is-active bayplated", lambda text: text.strip() == "active")  # its data are there, too
            wires = Wires(board)
            guest.sh("for d in /sys/block/vd*; do test \"$(cat $d/serial)\" = probe || continue; "
                     f"head -c {len(probe)} /dev/${{d##*/}} >/run/probe && chmod 755 /run/probe && exit 0; done; exit 1", timeout=120)
            print(f"board up after {guest.seconds():.0f} s; wear: {guest.sh('/run/probe wear /data').strip()}")
            lamp(guest, wires)
            trigger(guest, wires)
            # Until the clip plays nobody else may open the camera: its format could not be set any more.
            until(guest, "systemctl is-active bayplate-clip", lambda text: text.strip() == "active")
            camera(guest, hashes)
            controls(guest)
            terminal(guest, wires)
            watchdog(guest)
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(__doc__, file=sys.stdout if sys.argv[1] in ("-h", "--help") else sys.stderr)
        sys.exit(0 if sys.argv[1] in ("-h", "--help") else 2)
    try:
        sys.exit(main())
    except AssertionError as e:
        print(f"FAILED: {e}")
        raise
