# SPDX-License-Identifier: Apache-2.0
"""Hash tree of the root, partitions, and the disk image made of them."""
import os
import re
import struct
import uuid
import zlib

from parts.tell import Trouble, run

MIB = 1 << 20
ENV_SIZE = 0x4000  # of one copy of U-Boot's environment
ENV_OTHER = 0x10000  # where the second copy begins
TYPES = {"boot": "EBD0A0A2-B9E5-4433-87C0-68B6B72699C7", "env": "3DE21764-95BD-54BD-A5C3-4ABE786F38A8",
         "kernel": "0C3D9CE8-6E4A-4C4A-9C8A-9D6B0F4B7A11", "root": "7D9C8A7E-2B43-4B93-8E6D-1E7D0B6A5C22",
         "data": "5A4C2F0E-8D31-4F6B-9A57-3C1B2E9D8F33"}
# Marks of this product's image, the same on every board: they are no secret and no name of a device.
NAMES = uuid.UUID("b1f8c0de-6261-5970-8c61-7465206f7321")


def add_verity(image):
    """Appends the hash tree to `image`; the table that opens it, with DEVICE in place of the partition."""
    size = image.stat().st_size
    padded = -(-size // 4096) * 4096
    with image.open("r+b") as f:
        f.truncate(padded)
    tree = image.with_suffix(".verity")
    tree.unlink(missing_ok=True)
    salt = "00" * 32  # a salt hinders nothing here and would make each build another one
    text = run(["veritysetup", "format", "--no-superblock", "--salt", salt, image, tree], "veritysetup format")
    digest = re.search(r"^Root hash:\s*([0-9a-f]{64})$", text, re.M)
    if not digest:
        raise Trouble("veritysetup printed no root hash")
    with image.open("ab") as f:
        f.write(tree.read_bytes())
    tree.unlink()
    blocks = padded // 4096
    return (f"0 {padded // 512} verity 1 DEVICE DEVICE 4096 4096 {blocks} {blocks} sha256 {digest[1]} {salt} "
            "1 restart_on_corruption")


def environment(values):
    """Both copies of U-Boot's environment (libubootenv's redundant form): CRC, counter, NAME=VALUE..."""
    body = b"".join(f"{k}={v}".encode() + b"\0" for k, v in values.items()) + b"\0"
    body = body.ljust(ENV_SIZE - 5, b"\0")
    one = struct.pack("<I", zlib.crc32(body)) + b"\1" + body
    old = struct.pack("<I", zlib.crc32(body)) + b"\0" + body
    return one.ljust(ENV_OTHER, b"\xff") + old.ljust(ENV_OTHER, b"\xff")


def vfat(out, megabytes, files, epoch, wide=False):
    """files: name on the partition -> path here. `wide`: FAT32, also where it is small."""
    out.unlink(missing_ok=True)
    env = {**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "MTOOLS_SKIP_CHECK": "1", "TZ": "UTC"}
    run(["mkfs.vfat", "--invariant", *(["-F", "32", "-s", "1"] if wide else []), "-i", "b0070001", "-n", "BOOT", "-C", out, megabytes * 1024], "mkfs.vfat", env=env)
    made = set()
    for name, path in sorted(files.items()):
        folder = name.rpartition("/")[0]
        if folder and folder not in made:
            run(["mmd", "-i", out, f"::{folder}"], "mmd", env=env)
            made.add(folder)
        os.utime(path, (epoch, epoch))
        run(["mcopy", "-m", "-i", out, path, f"::{name}"], "mcopy", env=env)


def ext4(out, megabytes, label, epoch):
    out.unlink(missing_ok=True)
    with out.open("wb") as f:
        f.truncate(megabytes * MIB)
    mark = str(uuid.uuid5(NAMES, label))
    # Blocks and inodes as for the card that it will grow to, not as for the size of the image.
    # The journal is small so that an empty partition stays so; it is enough for what the terminal writes.
    run(["mkfs.ext4", "-q", "-F", "-L", label, "-U", mark, "-E", f"hash_seed={mark},lazy_itable_init=0,root_owner=0:0",
         "-O", "metadata_csum,^has_journal", "-m", "1", "-b", "4096", "-i", "16384", out], "mkfs.ext4",
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch), "E2FSPROGS_FAKE_TIME": str(epoch)})
    run(["tune2fs", "-O", "has_journal", "-J", "size=4", out], "tune2fs",
        env={**os.environ, "E2FSPROGS_FAKE_TIME": str(epoch)})


def layout(sizes):
    """[(name, type, first MiB, MiB)] in the disk's order. A slot is a kernel and a root partition."""
    rows, at = [], 1
    for name, kind in (("boot", "boot"), ("env", "env"), ("kernelA", "kernel"), ("kernelB", "kernel"), ("rootA", "root"),
                       ("rootB", "root"), ("data", "data")):
        rows.append((name, kind, at, sizes[kind]))
        at += sizes[kind]
    return rows


def assemble(out, rows, contents, model, hybrid=False):
    """Writes the disk image; `contents` names a file or bytes for some of the partitions. `hybrid`: the boot partition stands in
    the old partition table as well, for a ROM that reads no GPT."""
    total = rows[-1][2] + rows[-1][3] + 1
    out.unlink(missing_ok=True)
    with out.open("wb") as f:
        f.truncate(total * MIB)
    table = f"label: gpt\nlabel-id: {uuid.uuid5(NAMES, model)}\nfirst-lba: 2048\n" + "".join(
        f"start={at * 2048}, size={size * 2048}, type={TYPES[kind]}, name={name}, uuid={uuid.uuid5(NAMES, model + name)}"
        + (", attrs=LegacyBIOSBootable" if kind == "boot" else "") + "\n" for name, kind, at, size in rows)
    run(["sfdisk", "-q", out], "sfdisk", input=table)
    with out.open("r+b") as disk:
        if hybrid:
            _, _, at, size = rows[0]
            # The one that is to be found comes first, then the mark of a GPT, over what lies before.
            disk.seek(446)
            disk.write(b"".join(struct.pack("<B3sB3sII", flag, b"\xfe\xff\xff", kind, b"\xfe\xff\xff", first, sectors)
                                for flag, kind, first, sectors in ((0x80, 0x0C, at * 2048, size * 2048), (0, 0xEE, 1, at * 2048 - 1)))
                       + bytes(32))
        for name, _, at, size in rows:
            if name not in contents:
                continue
            data = contents[name] if isinstance(contents[name], bytes) else contents[name].read_bytes()
            if len(data) > size * MIB:
                raise Trouble(f"{name} needs {len(data) / MIB:.1f} MiB, its partition has {size}: see board.ini")
            _write_sparse(disk, at * MIB, data)


def _write_sparse(disk, at, data):
    for i in range(0, len(data), MIB):
        piece = data[i:i + MIB]
        if piece.count(0) != len(piece):
            disk.seek(at + i)
            disk.write(piece)
