# SPDX-License-Identifier: Apache-2.0
"""U-Boot for a board whose package in Debian checks no signatures: built from Debian's source package."""
import hashlib
import os
import re
import shutil

from parts import packages
from parts.tell import Trouble, run, step

CROSS = "aarch64-linux-gnu-"


def _make(folder, *words):
    compiler = f"{CROSS}gcc"
    if shutil.which("ccache"):
        compiler = f"ccache {compiler}"
    # The time in U-Boot's version is its source's, so that one build of it does for all images.
    stamp = run(["dpkg-parsechangelog", "-l", folder / "debian/changelog", "-S", "Timestamp"], "dpkg-parsechangelog").strip()
    run(["make", "-s", f"-j{os.cpu_count()}", f"CROSS_COMPILE={CROSS}", f"CC={compiler}", *words], "make of U-Boot", cwd=folder,
        env={**os.environ, "SOURCE_DATE_EPOCH": stamp, "KBUILD_BUILD_USER": "bayplate", "KBUILD_BUILD_HOST": "bayplate", "LC_ALL": "C"})


def _configure(folder, config, fragment):
    """`config` of U-Boot's own with the lines of `fragment`, each of which has to be in the result: U-Boot leaves out without a
    word what it does not know or what something else rules out."""
    _make(folder, config)
    run(["scripts/kconfig/merge_config.sh", "-m", ".config", fragment], "merge_config.sh", cwd=folder)
    _make(folder, "olddefconfig")
    have = (folder / ".config").read_text().splitlines()
    for line in fragment.read_text().splitlines():
        unset = re.fullmatch(r"# (CONFIG_\w+) is not set", line)
        if unset and any(other.startswith(f"{unset[1]}=") for other in have):
            raise Trouble(f"{fragment}: U-Boot insists on {unset[1]}")
        if line.startswith("CONFIG_") and line not in have:
            raise Trouble(f"{fragment}: U-Boot does not take {line}")


def build(apt, folder, config, fragment):
    """u-boot.bin, and its row for the SBOM. `folder` keeps it for the next image as long as source, configuration and compiler
    are the same."""
    dsc = apt.source("u-boot")
    version = re.search(r"^Version: (\S+)$", dsc.read_text(), re.M)[1]
    compiler = run([f"{CROSS}gcc", "--version"], "the cross compiler")
    name = hashlib.sha256("\n".join((version, compiler, config, fragment.read_text())).encode()).hexdigest()[:16]
    done = folder / name
    if not (done / "u-boot.bin").exists():
        step(f"U-Boot {version}")
        source = folder / "unpacked/source"
        shutil.rmtree(folder, ignore_errors=True)  # what older configurations left, too
        source.parent.mkdir(parents=True)
        run(["dpkg-source", "-q", "--no-check", "-x", dsc, source], "dpkg-source")  # apt has checked the sums in its signed list
        _configure(source, config, fragment)
        _make(source, "u-boot.bin")
        done.mkdir()
        shutil.copy(source / "debian/copyright", done / "copyright")
        shutil.copy(source / "u-boot.bin", done / "u-boot.part")
        (done / "u-boot.part").rename(done / "u-boot.bin")
        shutil.rmtree(source.parent)
    return done / "u-boot.bin", packages.source_row(dsc, (done / "copyright").read_text(errors="replace"))
