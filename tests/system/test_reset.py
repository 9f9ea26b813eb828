#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Back to factory state: a data partition's image full of a shop's life, erased by the image's own scripts; afterwards a search
of the raw bytes finds nothing of it. Cut off at every step, it begins anew."""
import os
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile

from bayplate import BINARY, SOURCE, Terminal, clip, until
from cases import run_cases

RESET = BINARY / "firmware/reset/bayplate-reset"
LIB = SOURCE / "board/image/common/root/usr/lib/bayplate"
SIZE = 48 << 20
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # the disk is synced at every step
NAMES = ["张三丰测试", "13800138000", "京Q88888"]  # a customer, also in blocks that are free again
MARK = b"bayplate: erase this partition"


def call(*command, check=True, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, check=False, **more)
    if check and done.returncode != 0:
        raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
    return done


class Partition:
    life = None  # what a terminal wrote
    plates = None
    key = None  # a line of the key of HTTPS

    def __init__(self, folder):
        self.folder, self.path = folder, folder / "data.img"
        with self.path.open("wb") as f:
            f.truncate(SIZE)
        call("mkfs.ext4", "-q", "-F", "-L", "data", "-d", Partition.life, self.path)
        # What was deleted long ago still lies in free blocks.
        with self.path.open("r+b") as f:
            for at in (SIZE // 2 + 123_456, SIZE - 9_000, SIZE - 300):
                f.seek(at)
                f.write("，".join(NAMES).encode())

    def found(self):
        raw = self.path.read_bytes()
        words = [w.encode() for w in [*NAMES, *Partition.plates]] + [p.encode()[4:] for p in Partition.plates] + \
                [Partition.key, b"PRIVATE KEY", b"argon2", b"JFIF", b"SQLite format 3", b"INSERT", "张".encode()]
        return sorted({w for w in words if w in raw})

    def reset(self, **env):
        return call("/bin/dash", LIB / "reset-data", self.path, check=False, env={
            **os.environ, "BAYPLATE_RESET": str(RESET), "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin", **env})

    def pending(self):
        return call(RESET, "pending", self.path, check=False).returncode == 0

    def is_new(self):
        fsck = call("e2fsck", "-f", "-n", self.path, check=False)
        assert fsck.returncode == 0, fsck.stdout
        names = call("debugfs", "-R", "ls -p /", self.path).stdout
        assert sorted(line.split("/")[5] for line in names.splitlines() if line) == [".", "..", "lost+found"], names
        assert "new" in call("e2label", self.path).stdout


def live(folder):
    """A terminal's day: cars, people who sign in, a customer who was looked up and erased again."""
    film, truth = clip(36)
    terminal = Terminal(folder, film, extra="fast = yes", http="tls_port = 0")
    terminal.sign_up()
    until("the clip is over", lambda: "ended" in terminal.request("GET", "/healthz")[1].decode(), 300)
    cards = terminal.history()
    terminal.request("POST", "/api/v1/corrections", {"visit": cards[0]["visit"], "plate": "粤A12345"})
    terminal.stop()
    db = sqlite3.connect(folder / "data/bayplate.db")
    db.execute("INSERT INTO customer(id, name, phone) VALUES(1, ?, ?)", NAMES[:2])
    db.execute("INSERT INTO vehicle(plate, customer_id) VALUES(?, 1)", NAMES[2:])
    db.commit()
    db.close()
    tree = folder / "tree/bayplate"
    (tree / "private/bayplate-port").mkdir(parents=True)
    (tree / "etc").mkdir()
    (tree / "etc/gateway.token").write_text("张三丰测试 secret")
    shutil.copytree(folder / "data", tree / "state")
    plates = {card["plate"]["text"] for card in cards if card["plate"]["text"]}
    assert len(plates) >= 3, plates
    assert (tree / "state/golden/labels.csv").exists()
    Partition.key = (tree / "state/tls/identity.pem").read_bytes().splitlines()[1]
    assert len(Partition.key) == 64, Partition.key
    return folder / "tree", sorted(plates)


def nothing_is_left(p):
    before = p.found()
    missing = [w for w in [*NAMES, *Partition.plates, Partition.key.decode()] if w.encode() not in before]
    assert missing == [], f"the search itself is blind: {missing}"
    assert not p.pending()
    assert p.reset().returncode == 0 and p.found() == before  # nobody asked
    assert call(RESET, "erase", p.path, check=False).returncode == 1 and p.found() == before
    call(RESET, "request", p.path)
    assert p.pending() and p.found() == before
    # The wish does not harm what is in use until the restart.
    assert call("e2fsck", "-f", "-n", p.path, check=False).returncode == 0
    done = p.reset()
    assert done.returncode == 0, done.stderr
    assert p.found() == [], p.found()
    assert not p.pending() and MARK not in p.path.read_bytes()
    p.is_new()
    again = p.reset()
    assert again.returncode == 0 and again.stdout == "", again.stdout
    # It grows over the mark's place, as on a new card.
    call("resize2fs", p.path)
    p.is_new()
    assert p.path.stat().st_size == SIZE


def cut_off_anywhere_it_begins_anew(p):
    whole = p.path.read_bytes()
    # The program, killed while it erases; steps of the script, cut off before and after.
    for percent in (1, 20, 45, 60, 90):
        p.path.write_bytes(whole)
        call(RESET, "request", p.path)
        running = subprocess.Popen([RESET, "erase", p.path], stdout=subprocess.PIPE, text=True)
        for line in running.stdout:
            if line.startswith("erased") and int(line.split()[1]) >= percent:
                running.send_signal(signal.SIGKILL)
                break
        running.stdout.close()
        running.wait()
        assert p.pending(), percent
        assert p.reset().returncode == 0 and p.found() == [] and not p.pending(), percent
        p.is_new()
    for dead in ("mkfs.ext4", "finish"):
        p.path.write_bytes(whole)
        call(RESET, "request", p.path)
        tools = p.folder / f"bin-{dead}"
        tools.mkdir()
        if dead == "finish":
            (tools / "bayplate-reset").write_text(f'#!/bin/sh\n[ "$1" != finish ] || exit 1\nexec {RESET} "$@"\n')
        else:  # dies half way
            (tools / "mkfs.ext4").write_text(f"#!/bin/sh\nprintf half | dd of={p.path} bs=1 seek=5000 conv=notrunc status=none\nexit 1\n")
        for tool in tools.iterdir():
            tool.chmod(0o755)
        env = {"BAYPLATE_RESET": str(tools / "bayplate-reset") if dead == "finish" else str(RESET),
               "PATH": f"{tools}:{os.environ['PATH']}:/usr/sbin:/sbin"}
        assert p.reset(**env).returncode == 1 and p.pending(), dead
        assert p.reset().returncode == 0 and p.found() == [] and not p.pending(), dead
        p.is_new()


def an_encrypted_one_loses_its_key_first(p):
    if not shutil.which("cryptsetup"):
        print("   an_encrypted_one: no cryptsetup here, skipped")
        return
    call("cryptsetup", "luksFormat", "-q", "--type", "luks2", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000",
         "--key-file", "/dev/stdin", p.path, input="0123456789abcdef")
    raw = p.path.read_bytes()
    call(RESET, "request", p.path)
    assert p.pending()
    assert p.reset().returncode == 0
    now = p.path.read_bytes()
    # Neither header nor key slots: any 64 bytes of them would do to look for.
    slots = [raw[at:at + 64] for at in range(0, 300_000, 4096) if any(raw[at:at + 64])]
    assert len(slots) > 20 and not any(s in now for s in slots[:40])
    p.is_new()


def the_wish_of_page_and_port(p):
    data = p.folder / "mounted"
    for wish in ("state/reset", "private/bayplate-port/reset"):
        (data / wish).parent.mkdir(parents=True, exist_ok=True)
        (data / wish).write_text("page\n")
    done = call("/bin/dash", LIB / "factory-reset", env={**os.environ, "BAYPLATE_DATA": str(data), "BAYPLATE_RESET": str(RESET),
                "BAYPLATE_DATA_PARTITION": str(p.path), "BAYPLATE_REBOOT": f"touch {p.folder}/rebooted"})
    assert p.pending() and (p.folder / "rebooted").exists() and "everything" in done.stdout
    assert not (data / "state/reset").exists() and not (data / "private/bayplate-port/reset").exists()


def a_stick_with_the_claim_code(p):
    code, ini = p.folder / "bayplate-reset.txt", p.folder / "device.ini"
    ini.write_text("[device]\nserial = BP-1\nclaim_hash = blake2b$" + "00" * 16 + "$" + claim_hash("ABCDEFGHJKLMNPQR") + "\n")
    stick = p.folder / "stick"
    stick.mkdir()
    env = {**os.environ, "BAYPLATE_DATA": str(p.folder / "d"), "BAYPLATE_BOOT": str(p.folder), "BAYPLATE_RELEASE": str(p.folder / "release"),
           "BAYPLATE_RESET": str(RESET), "BAYPLATE_DEVICE_INI": str(ini), "BAYPLATE_USB": str(stick), "BAYPLATE_LIB": str(LIB),
           "BAYPLATE_DATA_PARTITION": str(p.path), "BAYPLATE_REBOOT": "true"}
    (p.folder / "release").write_text("BOARD=x\nVERSION=1\n")
    for text, right in (("ABCD-EFGH-JKLM-NPQS\n", False), ("", False), ("x" * 1000, False), ("abcd-efgh-jklm-npqr\r\n", True)):
        (stick / "bayplate-reset.txt").write_text(text)
        code.write_text(text)
        assert (call(RESET, "claim", code, ini, check=False).returncode == 0) == right, text
        done = call("/bin/dash", LIB / "take-update", "usb", env=env, check=False)
        assert p.pending() == right, (text, done.stdout, done.stderr)
    # The stick is in its socket when the board has been erased, and later: it does not go on for ever.
    (p.folder / "d").mkdir(exist_ok=True)
    (p.folder / "erased").touch()
    for _ in range(2):
        call(RESET, "erase", p.path)
        call(RESET, "finish", p.path)
        done = call("/bin/dash", LIB / "take-update", "usb", env=env, check=False)
        assert not p.pending() and "take it out" in done.stderr and done.returncode == 0, done.stderr
        (p.folder / "erased").unlink(missing_ok=True)
        call(RESET, "request", p.path)
    call(RESET, "erase", p.path)
    call(RESET, "finish", p.path)
    os.utime(stick / "bayplate-reset.txt", (1, 1))  # saved anew
    call("/bin/dash", LIB / "take-update", "usb", env=env)
    assert p.pending()
    ini.write_text("[device]\nserial = BP-1\n")  # a board without a code has none that fits
    assert call(RESET, "claim", code, ini, check=False).returncode == 1


def claim_hash(code):
    import hashlib
    return hashlib.blake2b(code.encode(), digest_size=32, key=bytes(16)).hexdigest()


CASES = [nothing_is_left, cut_off_anywhere_it_begins_anew, an_encrypted_one_loses_its_key_first, the_wish_of_page_and_port,
         a_stick_with_the_claim_code]


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    lost = [t for t in ("mkfs.ext4", "debugfs", "e2fsck", "resize2fs") if not shutil.which(t)]
    if lost:
        print(f"skipped: missing {', '.join(lost)}")
        return 77
    with tempfile.TemporaryDirectory(prefix="bayplate-life-") as site:
        Partition.life, Partition.plates = live(pathlib.Path(site))
        return run_cases(CASES, Partition, "bayplate-reset-", MEMORY)


if __name__ == "__main__":
    sys.exit(main())
