#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A data partition full of a shop's life that no longer mounts: bayplate-export gives it away, file by file and byte for byte,
and bayplate-rescue makes a checked store of it again. What is damaged, cut off, unreadable or hostile is told."""
import gzip
import hashlib
import io
import json
import os
import pathlib
import shutil
import socket
import sqlite3
import subprocess
import sys
import tarfile
import tempfile
import threading
import time

from bayplate import BINARY, SOURCE, until
from cases import run_cases
from test_reset import LIB, MEMORY, NAMES, RESET, call, claim_hash, live

EXPORT = BINARY / "firmware/export/bayplate-export"
RESCUE = SOURCE / "tools/bayplate-rescue"
SIZE, BLOCK = 48 << 20, 1024  # groups of 8 MiB: three of them hold copies of the superblock
COPIES = (8193, 24577, 40961)


class Partition:
    life = plates = visits = None

    def __init__(self, folder):
        self.folder, self.path = folder, folder / "data.img"
        with self.path.open("wb") as f:
            f.truncate(SIZE)
        call("mkfs.ext4", "-q", "-F", "-L", "data", "-b", BLOCK, "-d", Partition.life, self.path)
        self.trouble, self.device, self.state = folder / "data-trouble", folder / "data-device", folder / "state"
        self.trouble.write_text("the data partition cannot be mounted\n")
        self.device.write_text(f"{self.path}\n{SIZE}\n")

    def kill(self, *blocks):
        """Zeros over these blocks."""
        with self.path.open("r+b") as f:
            for block in blocks:
                f.seek(block * BLOCK)
                f.write(bytes(BLOCK))

    def lose(self):
        """Neither the kernel nor e2fsck by itself finds a superblock: the first one and the copy they look for are gone."""
        self.kill(0, 1, COPIES[0])
        assert call("e2fsck", "-p", self.path, check=False).returncode >= 8

    def sum(self):
        return hashlib.sha256(self.path.read_bytes()).hexdigest()

    def export(self, what, *more, rc=0):
        """The archive's path. The partition stays as it is."""
        before, out = self.sum(), self.folder / f"{what}.tar.gz"
        with out.open("wb") as f:
            done = subprocess.run([EXPORT, what, *more, self.path], stdout=f, stderr=subprocess.PIPE, text=True, check=False)
        assert done.returncode == rc, done.stderr
        assert self.sum() == before, "the partition was written to"
        return out

    def recover(self, archive, rc=0):
        """What it printed, as JSON; and the folder."""
        out = self.folder / f"out-{archive.name}-{time.monotonic_ns()}"
        done = call(RESCUE, "--json", archive, out, check=False)
        assert done.returncode == rc, (done.returncode, done.stdout, done.stderr)
        return json.loads(done.stdout), out

    def is_life(self, found, out):
        """All of the shop's life is there again, and in what a board would take back."""
        assert found["visits"] == Partition.visits and found["customers"] == 1 and found["people"] == 1, found
        assert found["pictures"] > 0, found
        with tarfile.open(out / "bayplate-restore.tar.gz") as tar:
            names = tar.getnames()
            assert names[0] == "state/bayplate.db" and names[-1] == "state/.restore-complete", names
            (out / "again.db").write_bytes(tar.extractfile("state/bayplate.db").read())
        db = sqlite3.connect(out / "again.db")
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        plates = sorted(row[0] for row in db.execute("SELECT plate FROM visit"))
        assert plates == Partition.plates, plates
        assert db.execute("SELECT name, phone FROM customer").fetchall() == [tuple(NAMES[:2])]
        db.close()

    # What systemd does with bayplate-export.socket.
    def serve(self, *more):
        path = self.folder / "export.sock"
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()

        def accept():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    subprocess.Popen([EXPORT, "serve", "--device", self.device, "--trouble", self.trouble, "--state", self.state, *more],
                                     stdin=peer, stdout=peer, stderr=subprocess.DEVNULL)
        threading.Thread(target=accept, daemon=True).start()
        return path

    def ask(self, path, what):
        s = socket.socket(socket.AF_UNIX)
        s.settimeout(60)
        s.connect(str(path))
        s.sendall(what.encode() + b"\n")
        f = s.makefile("rb")
        return s, f, f.readline().decode().strip()

    def phase(self):
        return dict(line.split(" = ", 1) for line in self.state.read_text().splitlines() if " = " in line) if self.state.exists() else {}


def members(archive):
    with tarfile.open(archive) as tar:
        return {m.name.removeprefix("bayplate-export/"): tar.extractfile(m).read() for m in tar}


def all_files_come_from_a_partition_without_its_superblocks(p):
    p.lose()
    got = members(p.export("files"))
    assert got["REPORT.txt"].decode().endswith("complete = yes\n") and list(got)[-1] == "REPORT.txt"
    assert f"superblock = {COPIES[1]}" in got["REPORT.txt"].decode(), got["REPORT.txt"]
    want = {f"files/{f.relative_to(Partition.life)}": f.read_bytes() for f in Partition.life.rglob("*") if f.is_file()}
    assert {n: b for n, b in got.items() if n.startswith("files/")} == want
    # The store comes first, pictures last: a download that breaks off has brought the most important.
    names = [n for n in got if n.startswith("files/")]
    assert names[0].startswith("files/bayplate/state/bayplate.db") and names[-1].endswith(".jpg"), names
    found, out = p.recover(p.folder / "files.tar.gz")
    p.is_life(found, out)


def the_image_is_the_partition(p):
    p.lose()
    got = members(p.export("image"))
    assert got["data.img"] == p.path.read_bytes()
    assert got["SHA256SUMS"].decode().split() == [p.sum(), "data.img"]
    found, out = p.recover(p.folder / "image.tar.gz")
    p.is_life(found, out)
    assert call("e2fsck", "-f", "-n", out / "data.img", check=False).returncode == 0
    raw, again = p.recover(p.path)  # as dd copies it from the card
    p.is_life(raw, again)


def unreadable_blocks_are_zeros_and_told(p):
    archive = p.export("image", "--unreadable", f"{8 << 20},5000")
    got = members(archive)
    want = bytearray(p.path.read_bytes())
    want[8 << 20:(8 << 20) + 8192] = bytes(8192)
    assert got["data.img"] == want
    report = got["REPORT.txt"].decode()
    assert "unreadable = 2 blocks" in report and f"unreadable_at = {8 << 20} 8192" in report, report
    found, out = p.recover(archive, rc=1)
    p.is_life(found, out)
    assert any("unreadable = 2" in w for w in found["wrong"]), found


def a_download_that_was_cut_is_told(p):
    whole = p.export("files").read_bytes()
    cut = p.folder / "cut.tar.gz"
    for n in (len(whole) - 1, len(whole) - 9, len(whole) * 2 // 3):  # in gzip's own end, before it, in the pictures
        cut.write_bytes(whole[:n])
        found, out = p.recover(cut, rc=1)
        assert "not whole" in found["wrong"][0], found
        assert found["visits"] == Partition.visits, "the store came first, and is there all the same"
        shutil.rmtree(out)
    bent = bytearray(whole)
    bent[len(bent) // 2] ^= 4
    cut.write_bytes(bent)
    found, _ = p.recover(cut, rc=1)
    assert "not whole" in found["wrong"][0], found


def a_damaged_store_is_read_as_far_as_it_goes(p):
    """A page of an index: no row is lost. A page of a table with many: those before and behind it are there."""
    state = Partition.life / "bayplate/state/bayplate.db"
    db = sqlite3.connect(state)
    assert db.execute("PRAGMA page_size").fetchone()[0] == 4096
    index = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'visit_plate'").fetchone()[0]
    db.close()
    bent = p.folder / "bent"
    shutil.copytree(Partition.life, bent)
    raw = bytearray(state.read_bytes())
    raw[(index - 1) * 4096:index * 4096] = bytes(4096)
    (bent / "bayplate/state/bayplate.db").write_bytes(raw)
    call("mkfs.ext4", "-q", "-F", "-b", BLOCK, "-d", bent, p.path)
    found, out = p.recover(p.export("files"), rc=1)
    assert "damaged" in found["wrong"][0], found
    p.is_life(found, out)
    many = p.folder / "many"
    shutil.copytree(Partition.life, many)
    db = sqlite3.connect(many / "bayplate/state/bayplate.db")
    db.executemany("INSERT INTO customer(id, name, phone) VALUES(?, ?, '')", ((n, f"顾客{n:05d}") for n in range(2, 5002)))
    db.commit()
    root = db.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'customer'").fetchone()[0]
    db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.close()
    state = many / "bayplate/state/bayplate.db"
    raw = bytearray(state.read_bytes())
    at = raw.index("顾客02500".encode()) // 4096
    assert at != root - 1
    raw[at * 4096:(at + 1) * 4096] = bytes(4096)
    state.write_bytes(raw)
    call("mkfs.ext4", "-q", "-F", "-b", BLOCK, "-d", many, p.path)
    found, _ = p.recover(p.export("files"), rc=1)
    assert 4700 < found["customers"] < 5001 and found["visits"] == Partition.visits, found
    assert any("table customer" in w for w in found["wrong"]), found


def nothing_left_is_said_plainly(p):
    with p.path.open("r+b") as f:
        f.write(os.urandom(1 << 20))
    p.kill(*COPIES)
    done = call(EXPORT, "files", p.path, check=False)
    assert done.returncode == 1 and "take the image" in done.stderr, done
    found, _ = p.recover(p.export("image"), rc=1)
    assert "no file system" in found["wrong"][-1], found


def a_hostile_file_system_does_no_harm(p):
    db = "/bayplate/state/bayplate.db"
    for command in (f"sif {db} size 0x7fffffffffff", "link /bayplate /bayplate/state/again", "sif /bayplate/etc/gateway.token block[0] 0xfffffff0",
                    "write /etc/hostname evil", "ln evil ../../../../tmp/out"):
        call("debugfs", "-w", "-R", command, p.path)
    # A name that would lead out of the archive, in the folder's own block.
    block = int(call("debugfs", "-R", "blocks /", p.path).stdout.split()[0])
    raw = bytearray(p.path.read_bytes()[block * BLOCK:(block + 1) * BLOCK])
    raw = raw.replace(b"evil", b"/../")
    with p.path.open("r+b") as f:
        f.seek(block * BLOCK)
        f.write(raw)
    got = members(p.export("files"))
    report = got["REPORT.txt"].decode()
    assert "makes no sense" in report, report
    assert len(got) < 1000 and not any(".." in n.split("/") or n.startswith("/") for n in got), sorted(got)
    assert "files/_.._" in got, sorted(got)[:20]


def one_at_a_time_and_who_goes_away_ends_it(p):
    p.lose()
    path = p.serve()
    s, f, line = p.ask(path, "image")
    assert line == "ok", line
    until("it runs", lambda: p.phase().get("phase") == "runs")
    other, _, refused = p.ask(path, "files")
    assert refused.startswith("no busy "), refused
    other.close()
    f.close()
    s.close()
    until("the first one ended", lambda: p.phase().get("phase") == "gone")
    s, f, line = p.ask(path, "files")
    assert line == "ok", line
    data = b""
    while n := int.from_bytes(f.read(4), "big"):
        data += f.read(n)
    assert f.read(1) == b""
    s.close()
    until("it is told that all was taken", lambda: p.phase().get("phase") == "done")
    assert p.phase()["sha256"] == hashlib.sha256(data).hexdigest() and gzip.decompress(data)
    for what, word in (("everything", "no failed "), ("", "no failed "), ("files" * 10, "no failed ")):
        s, _, line = p.ask(path, what)
        assert line.startswith(word), (what, line)
        s.close()
    p.device.write_text("")
    assert p.ask(path, "files")[2].startswith("no none "), "without a partition"
    p.trouble.unlink()
    p.device.write_text(f"{p.path}\n{SIZE}\n")
    assert p.ask(path, "files")[2].startswith("no none "), "a partition that works is not given away"


def an_encrypted_one_says_whose_it_is(p):
    p.path.write_bytes(os.urandom(4 << 20))
    said = {"encrypted with a key of this board": "没有加密", "encrypted for another board": "没有那块主板就无法读取"}
    for line, words in said.items():
        (p.folder / "encryption").write_text(line + "\n")
        readme = members(p.export("image", "--encryption", p.folder / "encryption"))["README.txt"].decode()
        assert words in readme and all(w not in readme for w in said.values() if w != words), readme
    with p.path.open("r+b") as f:
        f.write(b"LUKS\xba\xbe")
    found, _ = p.recover(p.export("image"), rc=1)
    assert "only the board that it comes from" in found["wrong"][-1], found


def a_board_takes_it_back_from_a_stick(p):
    """bayplate-restore.tar.gz with the claim code, as the image's scripts take it; cut off at each step of the next start."""
    _, out = p.recover(p.export("files"))
    whole = (out / "bayplate-restore.tar.gz").read_bytes()
    stick, data, ini = p.folder / "stick", p.folder / "data", p.folder / "device.ini"
    ini.write_text("[device]\nserial = BP-1\nclaim_hash = blake2b$" + "00" * 16 + "$" + claim_hash("ABCDEFGHJKLMNPQR") + "\n")
    (p.folder / "release").write_text("BOARD=x\nVERSION=1\n")
    for folder in (stick, data / "state", p.folder / "boot"):
        folder.mkdir(parents=True)
    (data / "state/bayplate.db").write_text("what the board had")
    tar = "busybox tar" if shutil.which("busybox") else "tar"
    env = {**os.environ, "BAYPLATE_DATA": str(data), "BAYPLATE_BOOT": str(p.folder / "boot"), "BAYPLATE_RELEASE": str(p.folder / "release"),
           "BAYPLATE_RESET": str(RESET), "BAYPLATE_DEVICE_INI": str(ini), "BAYPLATE_USB": str(stick), "BAYPLATE_LIB": str(LIB),
           "BAYPLATE_OWNER": f"{os.getuid()}:{os.getgid()}", "BAYPLATE_REBOOT": f"touch {p.folder}/rebooted", "BAYPLATE_TAR": tar}

    def plug(archive, code):
        (p.folder / "rebooted").unlink(missing_ok=True)
        (stick / "bayplate-restore.tar.gz").write_bytes(archive)
        (stick / "bayplate-restore.txt").write_text(code)
        done = call("/bin/dash", LIB / "take-update", "usb", env=env, check=False)
        assert (data / "state/bayplate.db").read_text(errors="replace") == "what the board had", done.stderr
        return (p.folder / "rebooted").exists(), done.stderr

    def start():
        return call("/bin/dash", LIB / "restore", "finish", env=env)

    evil = io.BytesIO()
    with tarfile.open(fileobj=evil, mode="w:gz") as t:
        link = tarfile.TarInfo("state/bayplate.db")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        t.addfile(link)
        t.addfile(tarfile.TarInfo("state/.restore-complete"))
    for archive, code, why in ((whole, "ABCD-EFGH-JKLM-NPQS", "claim code"), (whole[:-40], "ABCD-EFGH-JKLM-NPQR", "nothing was changed"),
                               (b"", "ABCD-EFGH-JKLM-NPQR", "nothing was changed"), (evil.getvalue(), "ABCD-EFGH-JKLM-NPQR", "nothing was changed")):
        taken, said = plug(archive, code)
        assert not taken and why in said and not (data / "restore").exists(), said
        start()
    (p.folder / "boot/data-trouble").touch()
    taken, said = plug(whole, "ABCD-EFGH-JKLM-NPQR")
    assert not taken and "reset to factory state first" in said, said
    (p.folder / "boot/data-trouble").unlink()
    taken, said = plug(whole, "abcd-efgh-jklm-npqr\r\n")
    assert taken, said
    # The next start, cut after each of its steps: as the step before left it, it goes on.
    ready = p.folder / "ready"
    shutil.copytree(data, ready, symlinks=True)
    for steps in range(4):
        shutil.rmtree(data)
        shutil.copytree(ready, data, symlinks=True)
        if steps > 0:
            (data / "state").rename(data / "state.before")
        if steps > 1:
            (data / "restore/state").rename(data / "state")
        if steps > 2:
            (data / "restore/mark").rename(data / "restored")
        start()
        db = sqlite3.connect(data / "state/bayplate.db")
        assert db.execute("SELECT count(*) FROM visit").fetchone()[0] == Partition.visits, steps
        db.close()
        assert (data / "state.before/bayplate.db").read_text() == "what the board had", steps
        assert (data / "restored").exists() and not (data / "restore/mark").exists(), steps
    # The stick is still in.
    (data / "state/bayplate.db").write_text("what the board had")
    assert plug(whole, "ABCD-EFGH-JKLM-NPQR") == (False, "")


CASES = [all_files_come_from_a_partition_without_its_superblocks, the_image_is_the_partition, unreadable_blocks_are_zeros_and_told,
         a_download_that_was_cut_is_told, a_damaged_store_is_read_as_far_as_it_goes, nothing_left_is_said_plainly,
         a_hostile_file_system_does_no_harm, one_at_a_time_and_who_goes_away_ends_it, an_encrypted_one_says_whose_it_is,
         a_board_takes_it_back_from_a_stick]


def main():
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    lost = [t for t in ("mkfs.ext4", "debugfs", "e2fsck") if not shutil.which(t)]
    if lost:
        print(f"skipped: missing {', '.join(lost)}")
        return 77
    with tempfile.TemporaryDirectory(prefix="bayplate-life-") as site:
        Partition.life, _ = live(pathlib.Path(site))
        db = sqlite3.connect(Partition.life / "bayplate/state/bayplate.db")
        Partition.plates = sorted(row[0] for row in db.execute("SELECT plate FROM visit"))
        Partition.visits = len(Partition.plates)
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        db.close()
        return run_cases(CASES, Partition, "bayplate-export-", MEMORY)


if __name__ == "__main__":
    sys.exit(main())
