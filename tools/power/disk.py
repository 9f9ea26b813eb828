# SPDX-License-Identifier: Apache-2.0
"""The disk of a virtual board: reads what QEMU's blklogwrites wrote down (the form of Linux' dm-log-writes: a super block, then
one entry a write, discard or flush), and makes the disk as it may look when the power goes after any of them."""
import os
import struct
import uuid
import zlib

MAGIC, SECTOR = 0x6A736677736872, 512
FLUSH, FUA, DISCARD = 1, 2, 4
MARK_AT, MARK = 1024, b"bayplate-mark "  # tools/power/record.h
HEAD = struct.Struct("<QQQQ")


def read_log(folder):
    """(kind, offset, bytes): "write", "sure" (a write that is durable itself), "flush", "mark". A discard is a write of zeros."""
    files = sorted(p for p in folder.iterdir() if p.name != "now") + [folder / "now"]
    for path in files:
        with path.open("rb") as f:
            head = f.read(SECTOR)
            if len(head) < SECTOR:
                continue  # this start wrote nothing
            magic, version, _, size = struct.unpack_from("<QQQL", head)
            if magic != MAGIC or version != 1 or size != SECTOR:
                raise ValueError(f"{path} is no log of block writes")
            while True:
                entry = f.read(SECTOR)
                if len(entry) < SECTOR:
                    break  # QEMU was killed: the count in the super block may be behind
                at, sectors, flags, _ = HEAD.unpack_from(entry)
                if not (sectors or flags & FLUSH) or flags & ~15:
                    break
                body = bytes(sectors * SECTOR) if flags & DISCARD else f.read(sectors * SECTOR)
                if len(body) < sectors * SECTOR:
                    break
                if at == MARK_AT and body.startswith(MARK):
                    yield "mark", 0, body.split(b"\n")[0][len(MARK):]
                elif sectors:
                    yield "sure" if flags & FUA else "write", at * SECTOR, body
                if flags & FLUSH:
                    yield "flush", 0, b""


def read_gpt(read, size):
    """{name: (offset, length)} of a partition table as Linux takes it with `gpt` among its arguments, and U-Boot: the first
    one, or that in the last sector when the first is damaged. None when both are. read(offset, length) -> bytes"""
    for lba in (1, size // SECTOR - 1):
        head = read(lba * SECTOR, SECTOR)
        length, crc = struct.unpack_from("<II", head, 12)
        if head[:8] != b"EFI PART" or not 92 <= length <= SECTOR:
            continue
        if zlib.crc32(head[:16] + bytes(4) + head[20:length]) != crc or struct.unpack_from("<Q", head, 24)[0] != lba:
            continue
        first, count, each, entries_crc = struct.unpack_from("<QIII", head, 72)
        entries = read(first * SECTOR, count * each)
        if zlib.crc32(entries) != entries_crc:
            continue
        parts = {}
        for i in range(0, count * each, each):
            kind = uuid.UUID(bytes_le=entries[i:i + 16])
            begin, end = struct.unpack_from("<QQ", entries, i + 32)
            if kind.int:
                parts[entries[i + 56:i + each].decode("utf-16-le").rstrip("\0")] = (begin * SECTOR, (end + 1 - begin) * SECTOR)
        return parts, lba == 1
    return None, False


class Region:
    """A stretch of the disk in a file of its own: what is durable. `pending`: (number, offset, bytes, sure) since the flush."""

    def __init__(self, name, at, size, path, cipher=None):
        self.name, self.at, self.size, self.path, self.version, self.pending = name, at, size, path, 0, []
        self.cipher = cipher  # what is kept here is plain text

    def settle(self):
        if self.pending:
            with open(self.path, "r+b") as f:
                for _, at, data, _ in self.pending:
                    f.seek(at)
                    f.write(data)
            self.pending, self.version = [], self.version + 1


class Disk:
    """The virtual board's disk while the log is played. The partitions stay where they are but for the last, which grows: its
    region reaches to the end of the disk. `sealed`: (end, header, cipher) of that one where it is encrypted (sealed.py): where it
    ends at last, and how much of it is header; then header, contents and what is behind it are regions of their own."""

    def __init__(self, image, size, folder, sealed=None):
        with open(image, "rb") as f:
            def read(at, n):
                f.seek(at)
                return f.read(n)
            parts, _ = read_gpt(read, os.path.getsize(image))
            names = sorted(parts, key=lambda n: parts[n][0])
            begins = [parts[n][0] for n in names]
            rows = [("table", 0, begins[0]), *zip(names, begins, begins[1:] + [size])]
            if sealed:
                end, header, cipher = sealed
                rows[-1:] = [("header", begins[-1], begins[-1] + header), ("data", begins[-1] + header, end), ("end", end, size)]
            self.regions, self.number, self.size, self.flushes = [], 0, size, 0
            for name, begin, end in rows:
                path = folder / name
                inside = cipher if sealed and name == "data" else None
                with open(path, "wb") as out:
                    out.truncate(end - begin)
                    if inside:  # nothing that the image has there is of any use then
                        begin = end
                    f.seek(begin)
                    for at in range(0, end - begin, 1 << 20):
                        piece = f.read(min(1 << 20, end - begin - at))
                        if piece.count(0) != len(piece):
                            out.seek(at)
                            out.write(piece)
                begin = end - path.stat().st_size
                self.regions.append(Region(name, begin, end - begin, path, inside))
        self.by_name = {r.name: r for r in self.regions}

    def play(self, kind, at, data):
        """Names of the regions it changed."""
        if kind == "flush":
            self.flushes += 1
            for r in self.regions:
                r.settle()
            return []
        self.number += 1
        touched = []
        for r in self.regions:
            begin, end = max(at, r.at), min(at + len(data), r.at + r.size)
            if begin < end:
                body = data[begin - at:end - at]
                r.pending.append((self.number, begin - r.at, r.cipher.plain(begin - r.at, body) if r.cipher else body, kind == "sure"))
                touched.append(r.name)
        return touched

    def picture(self, how, rng=None):
        """What is on the disk after a cut now. "strict": what was flushed; "all": all; "chance": of what was not flushed any
        part, the last of it torn at a sector."""
        chosen = {}
        for r in self.regions:
            if how == "chance":
                some = [w for w in r.pending if w[3] or rng.random() < 0.5]
                if some and not some[-1][3] and rng.random() < 0.5:
                    number, at, data, sure = some[-1]
                    some[-1] = (number, at, data[:rng.randrange(0, len(data) + 1) // SECTOR * SECTOR], sure)
            else:
                some = [w for w in r.pending if how == "all" or w[3]]
            chosen[r.name] = some
        return Picture(self, chosen)


class Picture:
    def __init__(self, disk, chosen):
        self.disk, self.chosen = disk, chosen

    def key(self, name):
        """Two pictures with the same key have the same bytes there."""
        return self.disk.by_name[name].version, tuple((w[0], len(w[2])) for w in self.chosen[name])

    def read(self, name, at, n):
        with open(self.disk.by_name[name].path, "rb") as f:
            f.seek(at)
            out = bytearray(f.read(n))
        for _, where, data, _ in self.chosen[name]:
            begin, end = max(where, at), min(where + len(data), at + len(out))
            if begin < end:
                out[begin - at:end - at] = data[begin - where:end - where]
        return bytes(out)

    def write(self, name, path, at=0):
        """That region into a file, at `at` of it; holes stay holes."""
        r = self.disk.by_name[name]
        with open(path, "r+b" if os.path.exists(path) else "w+b") as out, open(r.path, "rb") as f:
            if os.fstat(out.fileno()).st_size < at + r.size:
                out.truncate(at + r.size)
            begin = 0
            while begin < r.size:
                try:
                    begin = os.lseek(f.fileno(), begin, os.SEEK_DATA)
                except OSError:
                    break
                end = os.lseek(f.fileno(), begin, os.SEEK_HOLE)
                while begin < end:
                    done = os.copy_file_range(f.fileno(), out.fileno(), end - begin, begin, at + begin)
                    if not done:
                        break
                    begin += done
            for _, where, data, _ in self.chosen[name]:
                out.seek(at + where)
                out.write(data)

    def whole(self, path):
        for r in self.disk.regions:
            self.write(r.name, path, r.at)
            if r.cipher:
                with open(path, "r+b") as f:
                    for at in range(0, r.size, 1 << 20):
                        f.seek(r.at + at)
                        plain = f.read(min(1 << 20, r.size - at))
                        if any(plain):
                            f.seek(r.at + at)
                            f.write(r.cipher.sealed(at, plain))

    def table(self):
        last = self.disk.regions[-1]

        def read(at, n):
            if at < last.at:
                return self.read("table", at, n)
            return self.read(last.name, at - last.at, n)
        return read_gpt(read, self.disk.size)
