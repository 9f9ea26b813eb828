#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Commit on proof of work: the image's own scripts (board/image/common/root/usr/lib/bayplate) on this machine, with the real
bayplated, bayplate-read and models; what a board has beside them (systemctl, rauc, curl to port 8080) is played by files."""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

from bayplate import BINARY, SOURCE, Terminal, clip, until
from cases import run_cases

LIB = SOURCE / "board/image/common/root/usr/lib/bayplate"
READ = BINARY / "tools/bayplate-read"
SECONDS = 36


def rows(path):
    return [line.split(",") for line in path.read_text().splitlines()[1:]]


class Board:
    """A board whose slot and version can be changed, with the golden crops that a terminal on a drawn gate clip chose."""

    golden = None

    def __init__(self, folder):
        self.folder = folder
        self.data, self.boot, self.bin = folder / "data", folder / "boot", folder / "bin"
        for d in (self.data / "state", self.data / "update", self.boot, self.bin):
            d.mkdir(parents=True)
        shutil.copytree(Board.golden, self.data / "state/golden")
        self.asked = folder / "asked"
        self.health = folder / "health"
        self.health.write_text('{"ok":true,"camera":"online"}')
        self.tool("systemctl", 'echo "systemctl $*" >>"$ASKED"\ncase $1 in is-active) [ ! -e "$DEAD" ] ;; show) cat "$RESTARTS" ;; esac')
        self.tool("rauc", 'echo "rauc $*" >>"$ASKED"')
        self.tool("curl", 'for last; do :; done\ncase $last in */healthz) cat "$HEALTH" ;; *) echo /assets/app.js ;; esac')
        self.env = folder / "uboot.env"
        self.env.write_text("BOOT_LOST=1\n")
        self.tool("fw_printenv", 'sed -n "s/^$2=//p" "$UBOOT_ENV"')
        self.tool("fw_setenv", 'cp "$2" "$UBOOT_ENV" && echo "fw_setenv" >>"$ASKED"')
        (folder / "restarts").write_text("0\n")
        self.slot("A", "1.0")

    def tool(self, name, text):
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)

    def slot(self, slot, version):
        (self.folder / "cmdline").write_text(f"quiet rauc.slot={slot} panic=1\n")
        (self.folder / "release").write_text(f"VERSION={version}\nBUILT=1\n")

    def run(self, script, *more, models=SOURCE / "vision/models", **env):
        self.asked.write_text("")
        f = self.folder
        done = subprocess.run(["/bin/dash", str(LIB / script), *more], text=True, capture_output=True, check=False, env={
            **os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", "BAYPLATE_DATA": str(self.data),
            "BAYPLATE_LIB": str(LIB), "BAYPLATE_BOOT": str(self.boot), "BAYPLATE_CMDLINE": str(f / "cmdline"),
            "BAYPLATE_RELEASE": str(f / "release"), "BAYPLATE_READ": f"{READ} --models {models}", "ASKED": str(self.asked), "UBOOT_ENV": str(self.env),
            "HEALTH": str(self.health), "DEAD": str(f / "dead"), "RESTARTS": str(f / "restarts"), "VERDICT_SECONDS": "2", **env})
        assert done.stderr == "", done.stderr
        return done.stdout

    def update(self, version="2.0"):
        """What happens in slot A while a bundle is installed."""
        manifest = self.folder / "manifest.raucm"
        manifest.write_text(f"[update]\nversion={version}\n")
        self.run("installed", RAUC_CURRENT_BOOTNAME="A", RAUC_UPDATE_SOURCE=str(self.folder))
        self.slot("B", version)

    def report(self):
        return dict(line.split(" = ", 1) for line in (self.data / "update/report.ini").read_text().splitlines() if "=" in line)


def blunt_models(folder):
    """A reader that starts and reads worse: part of its weights is gone."""
    worse = folder / "models"
    shutil.copytree(SOURCE / "vision/models", worse)
    data = bytearray((worse / "reader.onnx").read_bytes())
    data[len(data) // 3:len(data) // 3 + 400_000] = bytes(400_000)
    (worse / "reader.onnx").write_bytes(data)
    return worse


def good_slot_first(b):
    b.run("verdict")
    assert "rauc status mark-good" in b.asked.read_text()
    assert (b.data / "update/good").read_text() == "A 1.0 1\n"
    assert not (b.data / "update/report.ini").exists()
    assert b.env.read_text() == "BOOT_LOST=0\nRECOVERY_BUILT=0x1\n"
    b.run("verdict")  # the boot loader's environment is not written at each start
    assert "fw_setenv" not in b.asked.read_text()


def same_reader_proves_itself(b):
    good_slot_first(b)
    b.update()
    note = b.data / "update/golden-before"
    assert note.stat().st_mode & 0o777 == 0o600
    noted = [line.split(",") for line in note.read_text().splitlines()]
    assert len(noted) == len(rows(b.data / "state/golden/labels.csv")) >= 2 and "1" in [n[2] for n in noted], noted
    said = b.run("verdict")
    assert "golden crops:" in said and "mark-good" in b.asked.read_text() and "reboot" not in b.asked.read_text(), said
    r = b.report()
    assert r["result"] == "good" and r["code"] == "good" and r["version"] == "2.0" and r["slot"] == "B", r
    assert not note.exists() and not (b.data / "update/trying").exists() and not (b.boot / "update.ini").exists()


def what_the_recovery_system_installs_is_the_first_one_again(b):
    good_slot_first(b)
    (b.data / "update/failed-versions").write_text("2.0\n")
    (b.boot / "recovery").touch()
    b.update()
    assert sorted(p.name for p in (b.data / "update").iterdir()) == []
    (b.boot / "recovery").unlink()
    b.health.write_text('{"ok":true,"camera":"offline"}')  # it has no slot to go back to
    said = b.run("verdict")
    assert "is good" in said and "reboot" not in b.asked.read_text() and (b.data / "update/good").read_text() == "B 2.0 1\n", said


def worse_reader_goes_back_and_says_so(b):
    good_slot_first(b)
    b.update()
    right = (b.data / "update/golden-before").read_text().count(",1\n")
    said = b.run("verdict", models=blunt_models(b.folder))
    asked = b.asked.read_text()
    assert "mark-good" not in asked and "start reboot.target" in asked, (said, asked)
    r = b.report()
    assert r["result"] == "failed" and r["code"] == "golden", r
    assert f"the version before {right}" in r["what"], (right, r)
    b.slot("A", "1.0")
    b.run("verdict")
    asked = b.asked.read_text()
    assert "rauc status mark-active booted" in asked and "rauc status mark-bad other" in asked, asked
    r = b.report()
    assert r["result"] == "fell-back" and r["code"] == "golden" and r["version"] == "2.0" and "worse" in r["what"], r


def reader_that_does_not_run_is_worse(b):
    good_slot_first(b)
    b.update()
    b.run("verdict", BAYPLATE_READ="false")
    assert b.report()["code"] == "golden", b.report()


def tampered_crops_count_for_both(b):
    """A crop that is gone or spoilt since is no reason to go back: the version before would not read it now, either."""
    good_slot_first(b)
    b.update()
    note = b.data / "update/golden-before"
    first = note.read_text().split(",", 1)[0]
    (b.data / "state/golden" / first).unlink()
    b.run("verdict")
    assert b.report()["result"] == "good", b.report()
    # A label that names another place is not followed.
    (b.data / "state/golden/labels.csv").write_text("file,plate,type,hour,by,time_ms\n../../../etc/passwd,x,blue,9,readers,1\n")
    b.run("golden", "note", str(b.data / "state/golden"), str(note))
    assert note.read_text() == ""


def what_is_missing_is_named(b):
    good_slot_first(b)
    for code, spoil, mend in (("camera", lambda: b.health.write_text('{"camera":"offline"}'), lambda: b.health.write_text('{"camera":"online"}')),
                              ("terminal", (b.folder / "dead").touch, (b.folder / "dead").unlink),
                              ("dies", lambda: ((b.folder / "restarts").write_text("3\n"), (b.folder / "dead").touch()),
                               lambda: ((b.folder / "restarts").write_text("0\n"), (b.folder / "dead").unlink()))):
        b.slot("A", "1.0")
        b.update()
        spoil()
        b.run("verdict")
        r = b.report()
        assert r["result"] == "failed" and r["code"] == code, (code, r)
        assert "start reboot.target" in b.asked.read_text()
        mend()
        b.slot("A", "1.0")
        b.run("verdict")
        assert b.report()["result"] == "fell-back" and b.report()["code"] == code, (code, b.report())
    b.update()
    b.slot("A", "1.0")  # the kernel of B never started
    b.run("verdict")
    assert b.report()["result"] == "fell-back" and b.report()["code"] == "start", b.report()


def fill(folder):
    """The terminal fills the folder by itself, with right labels, out of cars it was certain of."""
    film, truth = clip(SECONDS)
    terminal = Terminal(folder, film, extra="fast = yes")
    until("the clip is over", lambda: "ended" in terminal.request("GET", "/healthz")[1].decode(), 300)
    terminal.stop()
    golden = folder / "data/golden"
    labels = rows(golden / "labels.csv")
    plates = {car["plate"] for car in truth["visits"]}
    assert len(labels) >= 2 and all(r[1] in plates and r[4] == "readers" for r in labels), (labels, plates)
    assert golden.stat().st_mode & 0o777 == 0o700
    assert all(p.stat().st_mode & 0o777 == 0o600 for p in golden.iterdir())
    print(f"   {len(labels)} crops of {len(plates)} cars")
    return golden


CASES = [same_reader_proves_itself, what_the_recovery_system_installs_is_the_first_one_again, worse_reader_goes_back_and_says_so,
         reader_that_does_not_run_is_worse,
         tampered_crops_count_for_both, what_is_missing_is_named]


def main():
    with tempfile.TemporaryDirectory(prefix="bayplate-verdict-") as site:
        Board.golden = fill(pathlib.Path(site))
        print("ok   fill", flush=True)
        return run_cases(CASES, Board, "bayplate-verdict-")


if __name__ == "__main__":
    sys.exit(main())
