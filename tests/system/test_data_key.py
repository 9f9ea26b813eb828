#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The encrypted data partition in a virtual board whose key store QEMU plays: what the terminal keeps is nowhere on the raw disk,
another board cannot read it and says so, the first one can again. Skipped (77) without an image or QEMU.

usage: test_data_key.py
  BAYPLATE_IMAGE: folder of board/image/build (default build/image/qemu-arm64)"""
import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TOP = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(TOP / "tools"), str(TOP / "tools/power")]
from disk import read_gpt  # noqa: E402
from qemu_guest import Guest, missing  # noqa: E402

IMAGE = pathlib.Path(os.environ.get("BAYPLATE_IMAGE", TOP / "build/image/qemu-arm64"))
PATIENCE = float(os.environ.get("BAYPLATE_QEMU_PATIENCE", "240"))
PLATE = "皖A83K5N"


def start(folder, key):
    name = folder / "key"
    name.write_bytes(key)
    return Guest(IMAGE, folder / "board", size="1G", more=["-fw_cfg", f"name=opt/bayplate.data-key,file={name}"])


def up(guest):
    """The terminal runs. Its camera without a clip gives noise, which takes all the processor: it is told to give less."""
    guest.connect(PATIENCE)
    guest.sh("v4l2-ctl -d /dev/video0 -c percentage_of_dropped_buffers=90", check=False)
    end = time.monotonic() + PATIENCE
    while guest.sh("systemctl is-active bayplated", check=False, timeout=PATIENCE).strip() != "active":
        assert time.monotonic() < end, guest.sh("journalctl -b --no-pager | tail -20", timeout=PATIENCE)
        time.sleep(1)
    return guest.seconds()


def card(folder):
    """The whole card, and its data partition."""
    raw = folder / "card.img"
    subprocess.run(["qemu-img", "convert", "-O", "raw", folder / "board/disk.qcow2", raw], check=True)
    with raw.open("rb") as f:
        def read(at, n):
            f.seek(at)
            return f.read(n)
        parts, _ = read_gpt(read, raw.stat().st_size)
        return raw.read_bytes(), read(*parts["data"])


def opens(folder, data, key):
    """Whether the header takes the key, asked on this machine without the board."""
    path = folder / "data.img"
    path.write_bytes(data)
    words = hashlib.sha256(b"bayplate data 1\n" + key).hexdigest()
    return subprocess.run(["cryptsetup", "open", "--test-passphrase", "--key-file", "-", path], input=words.encode(), check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


def run(folder):
    ours, other = os.urandom(32), os.urandom(32)
    with start(folder, ours) as guest:
        seconds = up(guest)
        assert "/dev/mapper/data on /data type ext4" in guest.sh("mount"), guest.sh("mount")
        assert "with a key of this board" in guest.sh("cat /run/bayplate-boot/data-encryption")
        assert int(guest.sh("df -k /data | tail -1").split()[1]) > 400_000, "the partition was not made as large as the card"
        guest.sh(f"for i in $(seq 500); do echo \"{PLATE} number $i\"; done >/data/bayplate/state/planted; sync")
        # What is not encrypted is found: between partition table and partitions.
        guest.sh(f"echo 'plain {PLATE[1:]}' | dd of=/dev/vda bs=512 seek=1024 count=1 conv=sync,notrunc,nocreat,fsync 2>/dev/null")
        print(f"ok   first start: encrypted with the board's key, as large as the card; the terminal runs after {seconds:.0f} s", flush=True)
    whole, data = card(folder)
    assert f"plain {PLATE[1:]}".encode() in whole
    assert PLATE.encode() not in whole, "the plate stands on the raw disk"
    assert data[:4] == b"LUKS" and opens(folder, data, ours) and not opens(folder, data, other)
    print("ok   the plate is nowhere on the raw disk; the header takes this board's key and no other", flush=True)

    with start(folder, other) as guest:
        up(guest)
        trouble = guest.sh("cat /run/bayplate-boot/data-trouble")
        assert "another board" in trouble and "tmpfs on /data" in guest.sh("mount"), trouble
        guest.sh("sync")
    assert card(folder)[1] == data, "the other board has written to it"
    print("ok   in another board: it says so, works in memory, and leaves the partition as it is", flush=True)

    with start(folder, bytes(32)) as guest:  # fuses that nobody has burnt
        up(guest)
        trouble = guest.sh("cat /run/bayplate-boot/data-trouble")
        assert "shows no key" in trouble, trouble
    assert card(folder)[1] == data
    print("ok   in a board whose fuses are empty: the same", flush=True)

    with start(folder, ours) as guest:
        seconds = up(guest)
        assert guest.sh("tail -n 1 /data/bayplate/state/planted").strip() == f"{PLATE} number 500"
        print(f"ok   back in its own board all is there; the terminal runs after {seconds:.0f} s", flush=True)
        since = len(guest.log)
        guest.sh("/usr/lib/bayplate/factory-reset")
        guest.disconnect()
        guest.expect("bayplate: slot A", PATIENCE, since)
        up(guest)
        assert "/dev/mapper/data on /data type ext4" in guest.sh("mount") and not guest.sh("ls /data/bayplate/state/planted || true").startswith("/data")
        guest.sh("sync")
    after = card(folder)[1]
    assert after[:4] == b"LUKS" and opens(folder, after, ours) and after[4096:1 << 20] != data[4096:1 << 20]
    same = [at for at in range(0, len(data), 4096) if data[at:at + 4096] == after[at:at + 4096] and any(data[at:at + 4096])]
    assert not same, f"{len(same)} blocks are as before, the first at {same[0]}"
    print("ok   reset to factory state: every block that was used is erased, and all is encrypted anew", flush=True)

    # The card's copy on a larger one.
    subprocess.run(["qemu-img", "resize", "-q", folder / "board/disk.qcow2", "1900M"], check=True)
    with start(folder, ours) as guest:
        guest.connect(PATIENCE)
        # The shell is there before the partition is, and the partition grows once the terminal runs.
        guest.sh("until grep -q ' /data ext4 ' /proc/mounts; do sleep 0.1; done; echo 'before it grew' >/data/bayplate/state/planted && sync")
        up(guest)
        end = time.monotonic() + PATIENCE
        while (size := int(guest.sh("df -k /data | tail -1").split()[1])) < 1_200_000:
            assert time.monotonic() < end, guest.sh(f"echo {size}; journalctl -b --no-pager -u bayplate-grow; lsblk -b; cryptsetup status data")
            time.sleep(1)
        guest.sh("cd /data && dd if=/dev/urandom of=fill bs=1M count=700 status=none && sha256sum fill >sum && sync", timeout=PATIENCE)
    with start(folder, ours) as guest:
        up(guest)
        guest.sh("cd /data && sha256sum -c sum", timeout=PATIENCE)
        assert guest.sh("cat /data/bayplate/state/planted").strip() == "before it grew"
        assert guest.sh("cat /run/bayplate-boot/data-repaired 2>&1", check=False).startswith("cat:")
    print(f"ok   on a larger card it grows while it is in use: {size >> 10} MiB, filled past its old end and read again", flush=True)


def main():
    lost = missing() + [n for n in ("cryptsetup",) if not any((pathlib.Path(p) / n).exists() for p in ("/usr/sbin", "/sbin"))]
    if not (IMAGE / "signing.dtb").exists():
        lost.append(f"{IMAGE} (board/image/build qemu-arm64)")
    if lost:
        print(f"skipped: missing {', '.join(lost)}")
        return 77
    with tempfile.TemporaryDirectory(prefix="bayplate-key-") as folder:
        run(pathlib.Path(folder))
    return 0


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(__doc__, file=sys.stdout if sys.argv[1] in ("-h", "--help") else sys.stderr)
        sys.exit(0 if sys.argv[1] in ("-h", "--help") else 2)
    sys.exit(main())
