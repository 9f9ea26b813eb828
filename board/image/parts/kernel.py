# SPDX-License-Identifier: Apache-2.0
"""Kernel, its modules, the initramfs and the signed FIT that holds them."""
import os
import shutil
import stat

from parts.tell import Trouble, run


def release(root):
    found = sorted(p.name for p in (root / "usr/lib/modules").iterdir())
    if len(found) != 1:
        raise Trouble(f"one kernel is expected in the root, found {found}")
    return found[0]


def read_modules(*paths):
    return [line.strip() for path in paths for line in path.read_text().splitlines()
            if line.strip() and not line.startswith("#")]


def prune(root, wanted):
    """Keeps the modules `wanted` names (a folder or a module below kernel/) and what they need."""
    base = root / "usr/lib/modules" / release(root)
    run(["depmod", "-b", root, release(root)], "depmod")
    needs = {}
    for line in (base / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        needs[name] = rest.split()
    keep, unused = set(), []
    for want in wanted:
        hits = [n for n in needs if n == f"kernel/{want}.ko" or n.startswith(f"kernel/{want}/")]
        if not hits and not _built_in(base, want):
            unused.append(want)
        for hit in hits:
            keep.update([hit, *needs[hit]])
    for path in base.rglob("*.ko"):
        if str(path.relative_to(base)) not in keep:
            path.unlink()
    for path in sorted((p for p in base.rglob("*") if p.is_dir()), reverse=True):
        if not any(path.iterdir()):
            path.rmdir()
    run(["depmod", "-b", root, release(root)], "depmod")
    return len(keep), unused


def _built_in(base, want):
    """Whether modules.builtin names it: then there is nothing to keep."""
    text = (base / "modules.builtin").read_text()
    return f"kernel/{want}.ko" in text or f"kernel/{want}/" in text


def _library(root, name):
    for folder in ("usr/lib/aarch64-linux-gnu", "usr/lib"):
        if (root / folder / name).exists():
            return root / folder / name
    raise Trouble(f"the initramfs needs {name}, which is not in the image")


def _copy_program(root, tree, path, needed_of):
    """A program with all libraries it asks for."""
    todo = [(root / path, tree / path)]
    while todo:
        source, target = todo.pop()
        if target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(os.path.realpath(source), target)
        for name in needed_of(target) or []:
            library = _library(root, name)
            todo.append((library, tree / library.relative_to(root)))
    loader = "ld-linux-aarch64.so.1"
    target = tree / "usr/lib" / loader
    if not target.exists():
        shutil.copy(os.path.realpath(_library(root, loader)), target)


def initramfs(root, tree, init, modules, table, needed_of):
    """Fills `tree`: busybox, dmsetup, the modules that find the root partition, our init and the root's hash."""
    for name in ("usr/bin", "usr/sbin", "usr/lib", "dev", "proc", "sys", "run", "sysroot", "etc"):
        (tree / name).mkdir(parents=True)
    for name in ("bin", "lib", "sbin"):
        (tree / name).symlink_to(f"usr/{name}")
    shutil.copy(root / "usr/bin/busybox", tree / "usr/bin/busybox")
    _copy_program(root, tree, "usr/sbin/dmsetup", needed_of)
    version = release(root)
    base = root / "usr/lib/modules" / version
    needs = {}
    for line in (base / "modules.dep").read_text().splitlines():
        name, _, rest = line.partition(":")
        needs[name.rsplit("/", 1)[-1].removesuffix(".ko")] = [name, *rest.split()]
    order = []
    for module in modules:
        if module not in needs:
            if _built_in_name(base, module):
                continue
            raise Trouble(f"the initramfs needs the kernel module {module}: name it in modules.txt")
        for path in reversed(needs[module]):
            if path not in order:
                order.append(path)
    for path in order:
        target = tree / "modules" / os.path.basename(path)
        target.parent.mkdir(exist_ok=True)
        shutil.copy(base / path, target)
    (tree / "modules.order").write_text("".join(f"/modules/{os.path.basename(p)}\n" for p in order))
    (tree / "verity.table").write_text(table + "\n")
    shutil.copy(init, tree / "init")
    (tree / "init").chmod(0o755)


def recovery_ramdisk(root, work, initrd, image, epoch):
    """The initramfs with the root's `image` behind it, which its init takes in place of a partition; the kernel unpacks one
    archive after the other. The image is packed already. Returns the path."""
    tree = work / "recovery"
    tree.mkdir()
    loop = list((root / "usr/lib/modules" / release(root)).rglob("loop.ko"))
    if len(loop) != 1:
        raise Trouble("the recovery system needs the kernel module loop: name it in modules.txt")
    shutil.copy(loop[0], tree / "loop.ko")
    os.link(image, tree / "root.img")
    first = initrd.read_bytes()
    path = work / "recovery.initrd"
    path.write_bytes(first + b"\0" * (-len(first) % 512) + cpio(tree, epoch))
    shutil.rmtree(tree)
    return path


def _built_in_name(base, module):
    name = module.replace("-", "_")
    return any(line.rsplit("/", 1)[-1].removesuffix(".ko").replace("-", "_") == name
               for line in (base / "modules.builtin").read_text().splitlines())


def cpio(tree, epoch):
    """The tree as a newc archive, the same to the byte each time: sorted, numbered, owned by root, one time."""
    out = bytearray()
    number = 0

    def entry(name, mode, data, links=1):
        nonlocal number
        number += 1
        fields = [number, mode, 0, 0, links, epoch, len(data), 0, 0, 0, 0, len(name) + 1, 0]
        out.extend(b"070701" + b"".join(b"%08x" % f for f in fields) + name + b"\0")
        out.extend(b"\0" * (-len(out) % 4))
        out.extend(data)
        out.extend(b"\0" * (-len(out) % 4))

    for path in sorted(tree.rglob("*")):
        name = str(path.relative_to(tree)).encode()
        info = path.lstat()
        if stat.S_ISLNK(info.st_mode):
            entry(name, 0o120777, os.readlink(path).encode())
        elif stat.S_ISDIR(info.st_mode):
            entry(name, 0o40755, b"", 2)
        else:
            entry(name, 0o100755 if info.st_mode & 0o100 else 0o100644, path.read_bytes())
    entry(b"TRAILER!!!", 0, b"")
    return bytes(out)


FIT = """/dts-v1/;
/ {{
  description = "{name}";
  #address-cells = <1>;
  images {{
{images}
  }};
  configurations {{
    default = "{conf}";
    {conf} {{
      description = "{name}"; built = <{epoch}>;
      {parts}
      hash-1 {{ algo = "sha256"; }};
      signature-1 {{ algo = "sha256,rsa2048"; key-name-hint = "fit"; sign-images = {signed}; }};
    }};
  }};
}};
"""
IMAGE = """    {node} {{
      description = "{node}"; data = /incbin/("{path}"); type = "{kind}"; arch = "arm64"; os = "linux";
      compression = "{compression}"; {more}
      hash-1 {{ algo = "sha256"; }};
      signature-1 {{ algo = "sha256,rsa2048"; key-name-hint = "image"; }};
    }};"""


def fit(out, work, name, kernel, ramdisk, load, keys, epoch, conf="conf"):
    """A FIT with kernel and initramfs; the device tree is the one that the board's firmware made. The configuration is signed with keys/fit.key, so that
    no parts of two releases can be joined; each part with keys/image.key as well, as U-Boot asks that of every image once it
    asks it of the boot script. U-Boot is told which configuration to start: one that is `conf` passes for no other."""
    nodes = [("kernel", kernel, "kernel", "none", f"load = <{load}>; entry = <{load}>;"),
             ("ramdisk", ramdisk, "ramdisk", "none", "")]
    images = "\n".join(IMAGE.format(node=n, path=p, kind=k, compression=c, more=m) for n, p, k, c, m in nodes)
    parts = " ".join(f'{n} = "{n}";' for n, *_ in nodes)
    signed = ", ".join(f'"{n}"' for n, *_ in nodes)
    its = work / "kernel.its"
    its.write_text(FIT.format(name=name, conf=conf, epoch=epoch, images=images, parts=parts, signed=signed))
    _mkimage(its, out, work, keys, epoch)


SCRIPT = """/dts-v1/;
/ {{
  description = "{name} boot script";
  #address-cells = <1>;
  images {{
    default = "script";
    script {{
      description = "boot script"; data = /incbin/("{path}"); type = "script"; arch = "arm64"; os = "linux";
      compression = "none";
      hash-1 {{ algo = "sha256"; }};
      signature-1 {{ algo = "sha256,rsa2048"; key-name-hint = "image"; }};
    }};
  }};
  configurations {{
    default = "conf";
    conf {{ description = "{name}"; script = "script"; hash-1 {{ algo = "sha256"; }}; }};
  }};
}};
"""


def script(out, work, name, text, keys, epoch):
    """The boot script in a signed FIT."""
    source = work / "boot.cmd"
    source.write_text(text)
    its = work / "boot.its"
    its.write_text(SCRIPT.format(name=name, path=source))
    _mkimage(its, out, work, keys, epoch)


def _mkimage(its, out, work, keys, epoch):
    """Signs; the public keys go into work/signing.dtb, for the board's U-Boot."""
    out.unlink(missing_ok=True)
    public = work / "signing.dtb"
    if not public.exists():
        run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", public], "dtc", input="/dts-v1/; / { };")
    run(["mkimage", "-f", its, "-k", keys, "-K", public, "-r", out], f"mkimage for {out.name}",
        env={**os.environ, "SOURCE_DATE_EPOCH": str(epoch)})



def with_keys(dtb, public, out):
    """The device tree that a board's firmware hands to U-Boot, with the public keys that U-Boot is to ask for."""
    text = "".join(run(["dtc", "-q", "-I", "dtb", "-O", "dts", path], "dtc").replace("/dts-v1/;", "/dts-v1/;" if i == 0 else "")
                   for i, path in enumerate((dtb, public)))
    run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", out], "dtc", input=text)
