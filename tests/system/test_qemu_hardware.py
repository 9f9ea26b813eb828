#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The real drivers in a virtual board: V4L2 with our own frames and controls (vivid), GPIO lines (the machine's PL061),
watchdog (softdog), sysfs. bayplate-probe, built for the board without shared libraries, is put into the image's memory.

usage: test_qemu_hardware.py
  BAYPLATE_IMAGE: folder of board/image/build; without it the test is skipped: lamp and controls have been seen to pass on a
  machine that was busy, what follows them (own frames, edge, watchdog) has not been seen to its end yet
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
IMAGE = pathlib.Path(os.environ.get("BAYPLATE_IMAGE", "/nonexistent"))
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


def power_button(work):
    """QEMU's power button: a rising and a falling edge on line 3 of the PL061."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(10)
        s.connect(str(work / "qmp"))
        s.recv(4096)
        for command in ("qmp_capabilities", "system_powerdown"):
            s.sendall(json.dumps({"execute": command}).encode() + b"\n")
            s.recv(4096)


def camera(guest, hashes):
    guest.sh("systemctl stop bayplated || true")
    got = lines(guest.sh("/run/probe camera v4l2:/dev/video0?format=yuyv --frames 12", timeout=240))
    frames = [f for f in got if "frame" in f]
    assert len(frames) == 12, got
    assert all((f["width"], f["height"]) == (WIDTH, HEIGHT) for f in frames), frames
    seen = [f["hash"] for f in frames]
    own = [h for h in seen if h in hashes]
    # The first may still be the picture of before; every other is one of ours to the bit.
    assert len(own) >= 10 and len(set(own)) >= 2, (seen, sorted(hashes))
    print(f"V4L2: {len(own)} of {len(frames)} pictures are ours to the bit, {len(set(own))} different ones")


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
    print("V4L2 controls: gain set, read back, automatic; a control that is not there is told")


def lamp(guest):
    got = lines(guest.sh("/run/probe lamp gpiochip0:5 --seconds 0"))
    assert [g["lamp"] for g in got] == ["on", "off"], got
    got = lines(guest.sh("/run/probe lamp gpiochip0:6:low --seconds 0"))
    assert [g["lamp"] for g in got] == ["on", "off"], got
    lost = guest.sh("/run/probe lamp gpiochip0:99", check=False)
    assert "no line 99" in lost, lost
    print("GPIO output: on and off, active high and low, as the line itself says")


def trigger(guest, work):
    guest.sh("rm -f /run/edges; (/run/probe trigger gpiochip0:3 --debounce 0 --seconds 15 >/run/edges 2>&1; echo $? >>/run/edges) &")
    time.sleep(4)
    power_button(work)
    text = ""
    for _ in range(120):
        text = guest.sh("cat /run/edges")
        if text.rstrip().endswith(("0", "1")) and "trigger" in text or text.strip() == "1":
            break
        time.sleep(0.5)
    got = [g["trigger"] for g in lines(text)]
    assert got[:1] == ["on"], text
    print(f"GPIO input: the edge on line 3 came through: {got}")


def watchdog(guest):
    guest.sh("modprobe softdog")
    device = guest.sh("for d in /sys/class/watchdog/watchdog*; do grep -q 'Software Watchdog' $d/identity && echo /dev/${d##*/}; done").split()
    assert device, "no softdog"
    got = lines(guest.sh(f"/run/probe watchdog {device[0]} --timeout 5 --seconds 8", timeout=60))
    assert got[0]["watchdog"] == "fed", got
    time.sleep(7)
    guest.sh("true")  # disarmed: it lives
    since = len(guest.log)
    guest.sh(f"/run/probe watchdog {device[0]} --timeout 5 --seconds 1 --hang", timeout=60)
    guest.expect("U-Boot", timeout=60, since=since)
    print("watchdog: fed it lives, disarmed it lives, left alone it restarts the board")


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
        with Guest(IMAGE, folder / "work", clip=clip, more=more) as guest:
            guest.connect(300)
            guest.sh("for d in /sys/block/vd*; do test \"$(cat $d/serial)\" = probe || continue; "
                     f"head -c {len(probe)} /dev/${{d##*/}} >/run/probe && chmod 755 /run/probe && exit 0; done; exit 1", timeout=120)
            print(f"board up after {guest.seconds():.0f} s; wear: {guest.sh('/run/probe wear /data').strip()}")
            lamp(guest)
            # Until the clip plays nobody else may open the camera: its format could not be set any more.
            end = time.monotonic() + 400
            while guest.sh("systemctl is-active bayplate-clip", check=False).strip() != "active":
                assert time.monotonic() < end, guest.sh("systemctl status bayplate-clip", check=False)
                time.sleep(2)
            camera(guest, hashes)
            controls(guest)
            trigger(guest, folder / "work")
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
