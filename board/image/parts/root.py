# SPDX-License-Identifier: Apache-2.0
"""Makes a tree of unpacked packages into the device's read-only root."""
import os
import pathlib
import re
import shutil
import struct
import subprocess

from parts.tell import Trouble, run

# What nobody reads on a device without a shell for people. Tesseract's own languages are not here: bayplate has its model.
USELESS = ["usr/share/doc", "usr/share/man", "usr/share/locale", "usr/share/info", "usr/share/lintian", "usr/share/bug",
           "usr/share/zsh", "usr/share/bash-completion", "usr/share/pkgconfig", "usr/share/polkit-1", "usr/share/X11",
           "usr/share/icons", "usr/share/applications", "usr/share/fonts", "usr/share/perl5", "usr/share/doc-base",
           "usr/share/zoneinfo/right", "usr/share/zoneinfo/posix", "usr/lib/aarch64-linux-gnu/gconv", "usr/lib/cryptsetup",
           "usr/lib/linux-image-*", "usr/share/initramfs-tools", "usr/share/gdb", "usr/share/sensible-utils",
           "usr/share/common-licenses", "var/cache", "var/lib", "var/log", "etc/init.d", "etc/rc*.d", "etc/cron*",
           "etc/dhcp", "etc/network", "etc/ppp", "etc/apt", "etc/update-motd.d", "etc/logrotate.d", "etc/kernel",
           "usr/lib/udev/hwdb.d", "usr/lib/valgrind", "usr/lib/modules-load.d/cups*", "etc/motd", "usr/share/lsb"]


def lay_out(root):
    for name in ("bin", "sbin", "lib"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    for name in ("dev", "proc", "sys", "run", "tmp", "var", "data", "mnt", "boot", "srv"):
        (root / name).mkdir()
    # The data partition's configuration is mounted here; the package itself holds no file in it.
    (root / "etc/bayplate").mkdir(parents=True)


def alternatives(root):
    """Links that packages' scripts would set."""
    lib = root / "usr/lib/aarch64-linux-gnu"
    for name in ("blas", "lapack"):
        if (lib / name / f"lib{name}.so.3").exists():
            (lib / f"lib{name}.so.3").symlink_to(f"{name}/lib{name}.so.3")
    links = {"usr/sbin/init": "../lib/systemd/systemd", "etc/resolv.conf": "../run/systemd/resolve/resolv.conf",
             "etc/mtab": "../proc/self/mounts", "usr/bin/awk": "mawk"}
    for name, target in links.items():
        path = root / name
        path.unlink(missing_ok=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)


def users(root, lines):
    """lines: 'name:number:home', all without a shell and without a password."""
    base = root / "usr/share/base-passwd"
    passwd = (base / "passwd.master").read_text()
    group = (base / "group.master").read_text()
    passwd = re.sub(r"^root:.*$", "root:*:0:0:root:/root:/bin/sh", passwd, flags=re.M)
    for line in lines:
        if line.startswith("group:"):
            _, name, number = line.split(":")
            group += f"{name}:x:{number}:\n"
            continue
        name, number, home = line.split(":")
        passwd += f"{name}:*:{number}:{number}::{home}:/usr/sbin/nologin\n"
        group += f"{name}:x:{number}:\n"
    (root / "etc/passwd").write_text(passwd)
    (root / "etc/group").write_text(group)
    (root / "etc/shells").write_text("/bin/sh\n")
    (root / "root").mkdir(exist_ok=True)


def certificates(root):
    """What update-ca-certificates would write."""
    folder = root / "usr/share/ca-certificates/mozilla"
    bundle = b"".join(path.read_bytes().rstrip() + b"\n" for path in sorted(folder.glob("*.crt")))
    (root / "etc/ssl/certs").mkdir(parents=True, exist_ok=True)
    (root / "etc/ssl/certs/ca-certificates.crt").write_bytes(bundle)


def overlay(root, folder, values):
    """Copies `folder` over the root. Files that end in .in have @NAME@ replaced."""
    for source in sorted(folder.rglob("*")):
        target = root / source.relative_to(folder)
        if source.is_dir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.unlink(missing_ok=True)
            target.symlink_to(os.readlink(source))
        elif source.suffix == ".in":
            text = source.read_text()
            for key, value in values.items():
                text = text.replace(f"@{key}@", value)
            left = re.search(r"@[A-Z_]+@", text)
            if left:
                raise Trouble(f"{source}: {left[0]} has no value")
            target = target.with_suffix("")
            target.write_text(text)
            target.chmod(source.stat().st_mode & 0o777)
        else:
            shutil.copy(source, target)


def enable(root, units):
    """'unit' or 'unit target': what `systemctl enable` would link. '-unit' goes, with what wants it."""
    base = root / "etc/systemd/system"
    shipped = root / "usr/lib/systemd/system"
    for line in units:
        words = line.split()
        if words[0].startswith("-"):
            for path in [shipped / words[0][1:], *shipped.glob(f"*/{words[0][1:]}")]:
                path.unlink(missing_ok=True)
            continue
        wants = base / f"{words[1] if len(words) > 1 else 'multi-user.target'}.wants"
        wants.mkdir(parents=True, exist_ok=True)
        if not any((root / where / words[0]).exists() for where in ("usr/lib/systemd/system", "etc/systemd/system")):
            raise Trouble(f"units: there is no unit {words[0]} in the image")
        link = wants / words[0]
        link.unlink(missing_ok=True)
        link.symlink_to(f"/usr/lib/systemd/system/{words[0]}")


def check_units(root):
    """systemd breaks a ring of units that wait for each other by leaving one of them out, another one each time."""
    text = run(["systemd-analyze", "verify", f"--root={root}", "--man=no", "multi-user.target"], "systemd-analyze verify",
               stderr=subprocess.STDOUT)
    ring = [line for line in text.splitlines() if "ordering cycle" in line or "Found dependency" in line]
    if ring:
        raise Trouble("units wait for each other in a ring:\n" + "\n".join(ring))


def slim(root):
    for pattern in USELESS:
        for path in root.glob(pattern):
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink()
    for name in ("var/lib", "var/log", "var/cache"):
        (root / name).mkdir(parents=True, exist_ok=True)


def slim_systemd(root):
    """Each of systemd's generators is a program that runs before the first unit, and each of udev's rules is asked for each
    device: what this device has no use for goes."""
    shutil.rmtree(root / "usr/lib/systemd/system-generators")
    keep = {"50-firmware.rules", "50-udev-default.rules", "60-block.rules", "60-persistent-storage.rules",
            "60-persistent-v4l.rules", "60-serial.rules", "75-net-description.rules", "80-drivers.rules",
            "80-net-setup-link.rules", "99-systemd.rules"}
    for path in (root / "usr/lib/udev/rules.d").iterdir():
        if path.name not in keep and "bayplate" not in path.name and "test" not in path.name:
            path.unlink()
    (root / "etc/systemd/system/default.target").symlink_to("/usr/lib/systemd/system/multi-user.target")


def no_setuid(root):
    """Nothing in the image becomes another user by being started; who needs rights gets them from its unit."""
    for path in root.rglob("*"):
        if not path.is_symlink() and path.is_file() and path.stat().st_mode & 0o6000:
            path.chmod(path.stat().st_mode & 0o777)


def _needed(path):
    """Names of the libraries an arm64 ELF file asks for; None for anything else. Only section-less reading: PT_DYNAMIC."""
    with path.open("rb") as f:
        head = f.read(64)
        if head[:6] != b"\x7fELF\x02\x01" or struct.unpack_from("<H", head, 18)[0] != 183:
            return None
        data = head + f.read()
    offset, = struct.unpack_from("<Q", data, 32)
    size, count = struct.unpack_from("<HH", data, 54)
    loads, dynamic = [], None
    for i in range(count):
        kind, _, place, address, _, length = struct.unpack_from("<IIQQQQ", data, offset + i * size)
        if kind == 1:
            loads.append((address, place, length))
        elif kind == 2:
            dynamic = (place, length)
    if dynamic is None:
        return []
    entries = [struct.unpack_from("<qQ", data, dynamic[0] + i) for i in range(0, dynamic[1], 16)]
    table = next((value for tag, value in entries if tag == 5), None)
    base = next((place + table - address for address, place, length in loads if address <= table < address + length), None)
    names = []
    for tag, value in entries:
        if tag == 1 and base is not None:
            end = data.index(b"\0", base + value)
            names.append(data[base + value:end].decode())
    return names


def check_libraries(root):
    """Every program and library finds what it asks for: dropped packages must not leave a hole."""
    have = {path.name for path in (root / "usr/lib").rglob("*.so*")}
    holes = {}
    for path in sorted((root / "usr").rglob("*")):
        if path.is_symlink() or not path.is_file() or path.suffix == ".ko":
            continue
        for name in _needed(path) or []:
            if name not in have:
                holes.setdefault(name, []).append(str(path.relative_to(root)))
    return holes


def prune_libraries(root, holes_allowed):
    """Removes libraries that ask for something the image left out, when nothing else asks for them; else Trouble."""
    for _ in range(8):
        holes = check_libraries(root)
        if not holes:
            return
        for name, users_ in sorted(holes.items()):
            for user in users_:
                if not any(pathlib.PurePath(user).match(pattern) for pattern in holes_allowed):
                    raise Trouble(f"{user} asks for {name}, which is not in the image: see 'drop' in packages.txt")
                (root / user).unlink()
    raise Trouble("libraries with holes do not end")


def settle(root, epoch):
    """One time for every file, so that two builds are the same to the byte."""
    for path in sorted(root.rglob("*"), reverse=True):
        os.utime(path, (epoch, epoch), follow_symlinks=False)
    os.utime(root, (epoch, epoch))


def size(path):
    """Bytes of all regular files under `path`."""
    return sum(p.stat().st_size for p in pathlib.Path(path).rglob("*") if p.is_file() and not p.is_symlink())


def pack(root, image, epoch):
    image.unlink(missing_ok=True)
    run(["mksquashfs", root, image, "-noappend", "-all-root", "-comp", "zstd", "-Xcompression-level", "15", "-b", "131072",
         "-no-xattrs", "-all-time", str(epoch), "-mkfs-time", str(epoch), "-no-progress", "-reproducible",
         "-no-exports"], "mksquashfs", env={k: v for k, v in os.environ.items() if k != "SOURCE_DATE_EPOCH"})
