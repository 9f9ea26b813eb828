# SPDX-License-Identifier: Apache-2.0
"""What a board's disk must hold after a cut: a partition table, a boot script, an environment that leads to a whole slot, a data
partition whose journal puts it right, all that was promised."""
import os
import pathlib
import random
import shutil
import sqlite3
import struct
import subprocess
import time
import zlib

import device
import sealed
from disk import Disk, read_gpt, read_log
from promises import Looker, Promises

ENV_SIZE, ENV_OTHER = 0x4000, 0x10000  # board/image/parts/disk.py
SHOWN = 10
KEPT = ("kernel.itb", "rootfs.img", "boot.itb")  # of the image, with --keep-log
DECIDING = {"table", "end", "boot", "env", "header"}  # where it is decided whether and what the board starts


def environment(raw):
    """U-Boot's variables as common/boot.cmd.in takes them: of two good copies the newer; None when none is good."""
    copies = []
    for at in (0, ENV_OTHER):
        crc, counter = struct.unpack_from("<IB", raw, at)
        body = raw[at + 5:at + ENV_SIZE]
        if zlib.crc32(body) == crc:
            copies.append((counter, dict(p.decode().split("=", 1) for p in body.split(b"\0\0")[0].split(b"\0") if b"=" in p)))
    if not copies:
        return None
    if len(copies) == 2 and 0 < (copies[1][0] - copies[0][0]) % 256 < 128:
        return copies[1][1]
    return copies[0][1]


def starts(env, whole):
    """How many starts until a whole slot runs, and which; common/boot.cmd.in, played. whole(slot) -> bool"""
    order = (env or {}).get("BOOT_ORDER", "A B").split() or ["A", "B"]
    left = {s: int((env or {}).get(f"BOOT_{s}_LEFT", "3"), 16) for s in "AB"}
    for n in range(1, 20):
        slot = next((s for s in order if left.get(s, 0) > 0), None)
        if slot is None:
            left = {"A": 3, "B": 3}
            slot = next((s for s in order if s in left), "A")
        left[slot] -= 1
        if whole(slot):
            return n, slot
    return None, None


class Checker:
    def __init__(self, image, folder, program, visits, key=None):
        self.folder, self.looker, self.key = folder, Looker(program, visits), key  # key: of an encrypted data partition
        self.expected = {"kernel": (image / "kernel.itb").read_bytes(), "root": (image / "rootfs.img").read_bytes()}
        self.script = (image / "boot.itb").read_bytes()
        self.known, self.most_starts, self.repaired, self.mended = {}, 0, 0, 0
        self.unsealed = 0

    def once(self, picture, what, names, call):
        """Regions that are as before are not looked at again."""
        key = (what, *[picture.key(n) for n in names])
        if key not in self.known:
            self.known = {k: v for k, v in self.known.items() if k[0] != what or len(self.known) < 64}
            self.known[key] = call()
        return self.known[key]

    def whole(self, picture, slot):
        def look():
            return all(picture.read(part + slot, 0, len(body)) == body for part, body in self.expected.items())
        return self.once(picture, "slot" + slot, ["kernel" + slot, "root" + slot], look)

    def boot(self, picture):
        def look():
            path = self.folder / "boot.vfat"
            path.unlink(missing_ok=True)
            picture.write("boot", path)
            out = [subprocess.run(["mtype", "-i", path, f"::{n}"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False,
                                  env={"MTOOLS_SKIP_CHECK": "1", "PATH": "/usr/bin:/bin"}).stdout
                   for n in ("boot.itb", "bayplate-device.ini")]
            return out[0] == self.script, out[1].decode(errors="replace") == device.IDENTITY
        return self.once(picture, "boot", ["boot"], look)

    def data(self, picture):
        """(what is wrong in itself, what is found)"""
        def look():
            return self.data_of(self.fresh(picture, "data", "data.ext4"))

        if self.key:
            state = self.once(picture, "header", ["header"], lambda: sealed.state(self.fresh(picture, "header", "data.luks"), self.key))
            if state == "new":  # this start encrypts it: nothing may have been promised yet
                self.unsealed += 1
                return [], {"identity": ""}
            if state != "open":
                return [f"the data partition: {state}"], {"identity": ""}
        return self.once(picture, "data", ["data"], look)

    def fresh(self, picture, region, name):
        path = self.folder / name
        path.unlink(missing_ok=True)
        picture.write(region, path)
        return path

    def data_of(self, path):
        wrong, found = [], {}
        # As usr/lib/bayplate/data does; what goes on after -p is told on the page.
        for more in (["-p"], ["-y"], ["-f", "-y"]):
            done = subprocess.run(["e2fsck", *more, path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            if done.returncode < 4:
                break
        if more != ["-p"]:
            self.mended += 1
            done = subprocess.run(["e2fsck", "-f", "-n", path], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        if done.returncode >= 4:
            said = [line for line in done.stdout.decode(errors="replace").splitlines() if line.strip()]
            wrong.append(f"the data partition is damaged: {'; '.join(said[-3:])}")
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        subprocess.run(["debugfs", "-f", "/dev/stdin", path], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
                       input=f"rdump /power {out}\nrdump /bayplate {out}\ndump /last {out}/last\n".encode())
        if (out / "power").is_dir():
            answer = self.looker.look(out / "power")
            found.update(answer["found"])
            if not answer["ok"]:
                wrong.append(answer["why"])
        self.page(out / "bayplate/state/bayplate.db", wrong, found)
        if (out / "last").exists() and (out / "last").read_text() == "1\n":
            found["file/last"] = "1"
        ini = out / "bayplate/device.ini"
        found["identity"] = "data" if ini.exists() and ini.read_text() == device.IDENTITY else ""
        return wrong, found

    @staticmethod
    def page(path, wrong, found):
        if not path.exists() or path.stat().st_size == 0:
            return
        try:
            db = sqlite3.connect(path)
            if db.execute("PRAGMA quick_check").fetchone()[0] != "ok":
                wrong.append("the terminal's database is damaged")
            if db.execute("SELECT 1 FROM sqlite_master WHERE name = 'user'").fetchone():
                found.update({f"page/{name}": "there" for (name,) in db.execute("SELECT name FROM user")})
            db.close()
        except sqlite3.DatabaseError as error:
            wrong.append(f"the terminal's database: {error}")

    def judge(self, picture, promises):
        wrong = []
        parts, first = self.once(picture, "table", ["table", picture.disk.regions[-1].name], picture.table)
        if parts is None or len(parts) != 7:
            return ["no partition table is whole"]
        self.repaired += not first
        env = environment(picture.read("env", 0, 2 * ENV_OTHER))
        if env is None:
            wrong.append("neither copy of the environment is whole")
        count, slot = starts(env, lambda s: self.whole(picture, s))
        if count is None:
            wrong.append(f"no slot starts with {env}")
        else:
            self.most_starts = max(self.most_starts, count)
        script, on_boot = self.boot(picture)
        if not script:
            wrong.append("the boot script is gone")
        bad, found = self.data(picture)
        wrong += bad
        found = dict(found)
        if not found.pop("identity") and not on_boot:
            wrong.append("the board's identity is gone")
        return wrong + promises.wrong({**found, **self.of_environment(env, promises)})

    @staticmethod
    def of_environment(env, promises):
        """Only what was promised of it: it changes at each start."""
        out = {}
        asked = {*promises.done, *promises.begun}
        if env and "env/first" in asked and env.get("BOOT_ORDER", "").startswith("B"):
            out["env/first"] = "B"
        if env and "env/left" in asked:
            out["env/left"] = env.get("BOOT_A_LEFT", "")
        return out


def to_boot(disk, log, count):
    """{cut: which picture} for real starts, which take long: half of them where the board's start is decided."""
    deciding, n = [], 0
    for kind, at, data in read_log(log):
        n += kind != "mark"
        if any(r.name in DECIDING and at < r.at + r.size and at + len(data) > r.at for r in disk.regions) and kind in ("write", "sure"):
            deciding.append(n)
    half = count // 2 if deciding else 0
    chosen = [deciding[i * len(deciding) // half] for i in range(half)] + [(2 * i + 1) * n // (2 * (count - half)) for i in range(count - half)]
    return {cut: ("all", "chance")[i % 2] for i, cut in enumerate(sorted(set(chosen)))}


def boot(checker, picture, promises, folder, name, patience):
    """A real start with the picture, and what is on the card afterwards."""
    key_file = folder / "key" if checker.key else None
    bad, seconds, after = device.boots(picture, folder / name, patience, key_file)
    with after.open("rb") as f:
        def read(at, size):
            f.seek(at)
            return f.read(size)
        parts, _ = read_gpt(read, device.SIZE)
        data = read(*parts["data"])
    if checker.key:
        (folder / "after.luks").write_bytes(data[:sealed.HEADER])
        state = sealed.state(folder / "after.luks", checker.key)
        if state != "open":
            return [*bad, f"the data partition: {state}"], seconds
        cipher = sealed.Cipher(sealed.volume_key(folder / "after.luks", checker.key))
        data = cipher.plain(0, data[sealed.HEADER:])
    (folder / "after.ext4").write_bytes(data)
    worse, found = checker.data_of(folder / "after.ext4")
    found.pop("identity")
    of_environment = {k: v for k, v in promises.done.items() if k.startswith("env/")}  # each start changes it
    shutil.rmtree(folder / name)
    return bad + worse + promises.wrong({**found, **of_environment}), seconds


def look_ahead(base, log, folder, key):
    """The encrypted partition as it is at the end of the run: for Disk's `sealed`."""
    last, head = bytearray(device.MIB), bytearray(sealed.HEADER)
    with base.open("rb") as f:
        def read(at, n):
            f.seek(at)
            return f.read(n)
        begin = read_gpt(read, base.stat().st_size)[0]["data"][0]
    for kind, at, data in read_log(log):
        for place, kept in ((device.SIZE - len(last), last), (begin, head)):
            if kind in ("write", "sure") and at < place + len(kept) and at + len(data) > place:
                from_, to = max(at, place), min(at + len(data), place + len(kept))
                kept[from_ - place:to - place] = data[from_ - at:to - at]

    def at_end(at, n):
        return bytes(last[at - device.SIZE + len(last):][:n]) if at >= device.SIZE - len(last) else bytes(n)
    begin, size = read_gpt(at_end, device.SIZE)[0]["data"]
    (folder / "last.luks").write_bytes(head)
    return begin + size, sealed.HEADER, sealed.Cipher(sealed.volume_key(folder / "last.luks", key))


def play(a, image, base, log, folder):
    """Cuts the power after each write and each flush; what was seen, as a dict."""
    key = (folder / "key").read_bytes() if (folder / "key").exists() else None
    disk = Disk(base, device.SIZE, folder, look_ahead(base, log, folder, key) if key else None)
    checker = Checker(image, folder, a.program, a.visits, key)
    promises, rng = Promises(), random.Random(a.seed)
    seen = {"writes": 0, "flushes": 0, "megabytes": 0, "cuts": 0, "pictures": 0, "bad": 0, "promises": 0}
    by_region, begun, shown, booted = {}, time.monotonic(), 0, 0
    samples = to_boot(disk, log, a.boots)
    n = 0
    for kind, at, data in read_log(log):
        if kind == "mark":
            done, what, value = data.decode().split("\t")
            promises.mark(done == "done", what, value)
            continue
        touched = disk.play(kind, at, data) if not (a.lying and kind == "flush") else []
        n += 1
        seen["flushes" if kind == "flush" else "writes"] += 1
        seen["megabytes"] += len(data)
        for name in touched:
            by_region[name] = by_region.get(name, 0) + 1
        # Where the board's start is decided each write counts; elsewhere every N-th.
        if n % a.every and not DECIDING & set(touched) and n not in samples:
            continue
        seen["cuts"] += 1
        for how in ("strict", "all", *["chance"] * max(a.chances, n in samples)):
            picture = disk.picture(how, rng)
            seen["pictures"] += 1
            wrong = checker.judge(picture, promises)
            if wrong:
                seen["bad"] += 1
                shown += 1
                if shown <= SHOWN:
                    print(f"cut after write or flush {n} ({kind} {'+'.join(touched)}), {how}: {'; '.join(wrong[:4])}", flush=True)
            if samples.get(n) == how:
                del samples[n]
                begin = time.monotonic()
                bad, seconds = boot(checker, picture, promises, folder, f"boot-{n}", a.patience)
                booted += 1
                seen["bad"] += bool(bad)
                device.tell(f"booted with the picture {how} of cut {n}: {'; '.join(bad) or 'all there'}; up in {seconds:.0f} s")
                begun += time.monotonic() - begin
    checker.looker.end()
    return {**seen, "megabytes": round(seen["megabytes"] / device.MIB), "by_partition": by_region, "promises": len(promises.done),
            "starts": checker.most_starts, "second_table": checker.repaired, "mended": checker.mended, "encrypted": bool(key),
            "unsealed": checker.unsealed, "boots": booted,
            "seconds": round(time.monotonic() - begun)}


def run(a):
    """power-cut --device"""
    image = pathlib.Path(a.image)
    folder = device.temporary()
    try:
        key = folder / "key"
        if a.log:
            log = pathlib.Path(a.log)
            base, image, key = log.parent / "bayplate-board.img", log.parent, log.parent / "key"
        else:
            if a.key:
                key.write_bytes(os.urandom(32))
            log = device.Life(image, a.guest_program, folder, a.visits, not a.no_update, a.patience, key if a.key else None).run()
            base = folder / "bayplate-board.img"
        if a.keep_log:
            keep = pathlib.Path(a.keep_log)
            keep.mkdir(parents=True, exist_ok=True)
            shutil.copytree(log, keep / "log", dirs_exist_ok=True)
            for name in (base, base.parent / "signing.dtb", *[image / n for n in KEPT], *([key] if key.exists() else [])):
                subprocess.run(["cp", "--sparse=always", name, keep], check=True)
        elif not a.log:
            (folder / "carried.img").unlink()
        play_in = folder / "play"
        play_in.mkdir()
        shutil.copy(base.parent / "signing.dtb", play_in)
        if key.exists():
            shutil.copy(key, play_in)
        return play(a, image, base, log, play_in)
    finally:
        shutil.rmtree(folder)
