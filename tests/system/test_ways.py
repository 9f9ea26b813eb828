#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ways in that come by themselves: a stick's folder and a plain HTTPS directory, by the image's own scripts with real
bundles and bayplate-update. The directory is a TLS server on this machine whose authority is our own."""
import http.server
import os
import pathlib
import shutil
import ssl
import subprocess
import sys
import tempfile
import threading

from cases import run_cases
from test_update import BINARY, TOP, UPDATE, World, call

AGAIN = 75  # fetch-bundle: it is asked again soon
LIB = TOP / "board/image/common/root/usr/lib/bayplate"


class Directory:
    """Files over HTTPS, with an authority of its own (ca.pem) for `name`; can break off, forget ranges, and show the certificate
    of somebody else."""

    def __init__(self, folder, name="DNS:localhost"):
        self.folder, self.asked, self.cut, self.ranges = folder, [], None, True
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
        call("openssl", "req", "-x509", *key, "-days", "2", "-subj", "/CN=authority", "-keyout", folder / "ca.key", "-out", folder / "ca.pem")
        call("openssl", "req", *key, "-subj", "/CN=directory", "-addext", f"subjectAltName={name}", "-keyout", folder / "key.pem",
             "-out", folder / "request.pem")
        call("openssl", "x509", "-req", "-in", folder / "request.pem", "-CA", folder / "ca.pem", "-CAkey", folder / "ca.key", "-days", "2",
             "-copy_extensions", "copy", "-out", folder / "cert.pem")
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                self.do_GET()

            def do_GET(self):
                outer.asked.append((self.command, self.path, self.headers.get("Range")))
                path = outer.folder / self.path.lstrip("/")
                if not path.is_file():
                    self.send_error(404)
                    return
                data, first = path.read_bytes(), 0
                if outer.ranges and self.headers.get("Range"):
                    first = int(self.headers["Range"].split("=")[1].split("-")[0])
                    if first >= len(data):
                        self.send_error(416)
                        return
                self.send_response(206 if first else 200)
                if first:
                    self.send_header("Content-Range", f"bytes {first}-{len(data) - 1}/{len(data)}")
                self.send_header("Content-Length", str(len(data) - first))
                self.end_headers()
                if self.command == "GET":
                    end = first + outer.cut if outer.cut and self.path.endswith("raucb") else len(data)
                    self.wfile.write(data[first:end])
                    self.close_connection = end < len(data)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.handle_error = lambda *_: None  # a client that hangs up
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.url = f"https://{name.partition(':')[2]}:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Device:
    def __init__(self, folder):
        self.folder = folder
        self.world = World(folder)
        self.data, self.boot = folder / "data", folder / "boot"
        for d in (self.data / "update", self.boot, folder / "usb", folder / "www"):
            d.mkdir(parents=True)
        self.runs("1.1.0")
        (folder / "reboot").write_text(f"#!/bin/sh\necho >>{folder}/rebooted\n")
        (folder / "reboot").chmod(0o755)
        self.ini = folder / "update.ini"
        self.clock = folder / "clock"  # of a board whose clock is right
        self.clock.write_text("#!/bin/sh\n")
        self.clock.chmod(0o755)

    def runs(self, version):
        self.world.release.write_text(f"BOARD=x\nCOMPATIBLE=bayplate-x\nVERSION={version}\nMINIMUM=1.0\n")

    def take(self, way, **env):
        w = self.world
        w.asked.write_text("")
        update = (f"{UPDATE} --release {w.release} --state {self.data}/update --rauc {w.rauc} --conf {w.conf} --busy {w.busy} "
                  f"--progress {self.boot}/update.ini --announce 0 --reboot {self.folder}/reboot")
        done = subprocess.run(["/bin/dash", LIB / "take-update", way], text=True, capture_output=True, check=False, env={
            **os.environ, "BAYPLATE_DATA": str(self.data), "BAYPLATE_BOOT": str(self.boot), "BAYPLATE_UPDATE": update,
            "BAYPLATE_LIB": str(LIB), "BAYPLATE_RELEASE": str(w.release), "BAYPLATE_UPDATE_INI": str(self.ini),
            "BAYPLATE_USB": str(self.folder / "usb"), "BAYPLATE_FETCH_PAUSE": "0", "BAYPLATE_FETCH_TRIES": "1", "BAYPLATE_CLOCK": str(self.clock), **env})
        self.said, self.status = done.stdout + done.stderr, done.returncode
        self.installed = "install" in w.asked.read_text()
        return self.installed

    def result(self):
        path = self.data / "update/report.ini"
        return dict(l.split(" = ", 1) for l in path.read_text().splitlines() if " = " in l)["result"] if path.exists() else None

    def version(self, version, name):
        (self.world.image / "image.ini").write_text(f"[image]\nboard = x\ncompatible = bayplate-x\nversion = {version}\n")
        return self.world.bundle(name)

    def serve(self, version="1.2.0", name="bayplate-1.2.0.raucb", latest=None):
        directory = Directory(self.folder / "www")
        bundle = self.version(version, "served")
        shutil.copy(bundle, directory.folder / name)
        (directory.folder / "latest.txt").write_text(f"{version} {name}\n" if latest is None else latest)
        self.ini.write_text(f"url = {directory.url}/\nca = {directory.folder}/ca.pem\n")
        return directory


def pick(folder, board="x"):
    return call("/bin/dash", LIB / "pick-bundle", folder, board).stdout.strip().rpartition("/")[2]


def stick_the_highest_version_for_this_board(d):
    usb = d.folder / "usb"
    assert pick(usb) == ""
    for name in ("bayplate-x-1.9.0.raucb", "bayplate-x-1.10.0.raucb", "bayplate-1.9.5.raucb", "bayplate-rpi4-9.0.raucb", "other.raucb",
                 "bayplate-x-9.9.0.raucb.part", "bayplate-x-$(touch pwned).raucb"):
        (usb / name).write_text("x")
    assert pick(usb) == "bayplate-x-1.10.0.raucb"
    assert pick(usb, "rpi4") == "bayplate-rpi4-9.0.raucb"
    (usb / "bayplate-1.11.raucb").write_text("x")
    assert pick(usb) == "bayplate-1.11.raucb"
    (usb / "bayplate-x-1.12.raucb").mkdir()
    assert pick(usb) == "bayplate-1.11.raucb" and not (usb / "pwned").exists()


def stick_is_taken_once(d):
    shutil.copy(d.version("1.2.0", "b"), d.folder / "usb/bayplate-x-1.2.0.raucb")
    assert d.take("usb") and d.status == 0 and (d.folder / "rebooted").exists() and d.result() == "installed", d.said
    d.runs("1.2.0")  # the stick is still in after the restart
    assert not d.take("usb") and "runs already" in d.said and d.result() == "installed", d.said
    d.runs("1.1.0")  # it fell back: not again and again
    (d.data / "update/failed-versions").write_text("1.2.0\n")
    assert not d.take("usb"), d.said
    d.runs("1.2.0")  # from memory, as the recovery system: it is in no slot
    (d.boot / "recovery").touch()
    assert d.take("usb") and d.result() == "installed", d.said


def stick_with_a_bad_bundle(d):
    good = d.version("1.2.0", "b").read_bytes()
    (d.folder / "usb/bayplate-x-1.2.0.raucb").write_bytes(good[:-100_000])
    assert not d.take("usb") and d.status == 1 and d.result() == "truncated", d.said


def page_and_port_are_taken_and_removed(d):
    for way, folder in (("page", d.data / "state/update"), ("port", d.data / "private/bayplate-port/spool")):
        folder.mkdir(parents=True)
        assert not d.take(way) and d.status == 0  # nothing there
        shutil.copy(d.version("1.2.0", way), folder / "upload.bundle")
        assert d.take(way) and d.status == 0, d.said
        assert not (folder / "upload.bundle").exists() and not (d.data / f"update/{way}.raucb").exists()
        # A link in place of it is not followed.
        (folder / "upload.bundle").symlink_to(d.folder / f"{way}.raucb")
        assert not d.take(way), d.said
        (folder / "upload.bundle").unlink()
    # A power cut in the middle leaves the file: it is tried again, unless only the restart was missing.
    left = d.data / "update/page.raucb"
    shutil.copy(d.folder / "page.raucb", left)
    assert d.take("page") and not left.exists()
    shutil.copy(d.folder / "page.raucb", left)
    (d.data / "update/trying").write_text("B 1.2.0\n")
    assert not d.take("page") and not left.exists()


def directory_is_fetched_and_installed(d):
    directory = d.serve()
    assert d.take("poll") and d.status == 0 and d.result() == "installed", d.said
    assert not (d.data / "update/poll.raucb").exists() and not (d.data / "update/poll.part").exists()
    d.runs("1.2.0")
    directory.asked.clear()
    assert not d.take("poll") and d.status == 0
    assert directory.asked == [("GET", "/latest.txt", None)], directory.asked
    d.runs("1.1.0")
    (d.data / "update/failed-versions").write_text("1.2.0\n")
    directory.asked.clear()
    assert not d.take("poll") and len(directory.asked) == 1, directory.asked
    directory.close()


def directory_breaks_off_and_goes_on(d):
    directory = d.serve()
    size = (directory.folder / "bayplate-1.2.0.raucb").stat().st_size
    directory.cut = 700_000
    assert not d.take("poll") and d.status == AGAIN and d.result() is None, d.said  # no one's mistake: soon again
    part = d.data / "update/poll.part"
    assert part.stat().st_size == 700_000
    directory.cut = None
    directory.asked.clear()
    assert d.take("poll") and d.result() == "installed", d.said
    assert ("GET", "/bayplate-1.2.0.raucb", "bytes=700000-") in directory.asked and size > 1_000_000, directory.asked
    # Within one call, too.
    directory.cut = 700_000
    assert d.take("poll", BAYPLATE_FETCH_TRIES="3"), d.said
    # A part of another file is not gone on with.
    directory.cut = 300_000
    d.take("poll")
    directory.cut = None
    shutil.copy(d.version("1.3.0", "newer"), directory.folder / "bayplate-1.3.0.raucb")
    (directory.folder / "latest.txt").write_text("1.3.0 bayplate-1.3.0.raucb\r\n")
    directory.asked.clear()
    assert d.take("poll") and ("GET", "/bayplate-1.3.0.raucb", None) in directory.asked, (d.said, directory.asked)
    directory.close()


def directory_that_cannot_go_on_in_the_middle(d):
    directory = d.serve()
    directory.cut = 300_000
    d.take("poll")
    directory.cut, directory.ranges = None, False
    assert d.take("poll", BAYPLATE_FETCH_TRIES="2") and d.result() == "installed", d.said
    directory.close()


def directory_with_a_certificate_of_somebody_else(d):
    directory = d.serve()
    other = Directory(pathlib.Path(tempfile.mkdtemp(dir=d.folder)))
    d.ini.write_text(f"url = {directory.url}\nca = {other.folder}/ca.pem\n")
    assert not d.take("poll") and d.status == 1 and "certificate is not accepted" in d.said, d.said
    d.ini.write_text(f"url = {directory.url}\n")  # the system's authorities do not know it, either
    assert not d.take("poll") and d.status == 1 and "certificate is not accepted" in d.said, d.said
    d.ini.write_text(f"url = {directory.url.replace('localhost', '127.0.0.1')}\nca = {directory.folder}/cert.pem\n")  # another name
    assert not d.take("poll") and d.status == 1 and "certificate is not accepted" in d.said, d.said
    # By a clock that nobody has set it says nothing.
    d.clock.write_text("#!/bin/sh\n[ \"$1\" = --ask ] || exit 2\nexit 1\n")
    assert not d.take("poll") and d.status == AGAIN and "clock is not right yet" in d.said, d.said
    assert directory.asked == [], directory.asked
    directory.close()
    other.close()


def directory_with_a_rubbish_latest(d):
    directory = d.serve()
    for latest in ("", "1.2.0", "1.2.0 ../../etc/passwd", "1.2.0 .hidden", "1.2.0 a b", "$(reboot) x.raucb", "<html><body>sign in</body></html>",
                   "--help x.raucb;ls", "\x00\x01\x02", "1.2.0 /x.raucb"):
        (directory.folder / "latest.txt").write_text(latest)
        directory.asked.clear()
        assert not d.take("poll") and d.status == 1 and 'no line "VERSION FILE"' in d.said, (latest, d.status, d.said)
        assert len(directory.asked) == 1, (latest, directory.asked)
    (directory.folder / "latest.txt").write_text("x" * 10_000)  # longer than it may be
    assert not d.take("poll") and d.status == 1, d.said
    (directory.folder / "latest.txt").write_text("1.2.0 missing.raucb\n")
    assert not d.take("poll") and d.status == 1 and "could not be fetched" in d.said, d.said
    directory.close()


def directory_that_lies_about_a_bundle(d):
    directory = d.serve()
    (directory.folder / "latest.txt").write_text("9.9 latest.txt\n")
    assert not d.take("poll") and d.status == 1 and d.result() == "no-bundle", d.said
    directory.close()


def directory_that_is_away_or_not_https(d):
    directory = d.serve()
    directory.close()
    assert not d.take("poll") and d.status == AGAIN, d.said  # no network is no mistake
    for url in ("http://localhost:1/", "file:///etc", "", "https://"):
        d.ini.write_text(f"url = {url}\n")
        assert not d.take("poll") and d.status == 1 and "must begin with https://" in d.said, (url, d.said)


CASES = [stick_the_highest_version_for_this_board, stick_is_taken_once, stick_with_a_bad_bundle, page_and_port_are_taken_and_removed,
         directory_is_fetched_and_installed, directory_breaks_off_and_goes_on, directory_that_cannot_go_on_in_the_middle,
         directory_with_a_certificate_of_somebody_else, directory_with_a_rubbish_latest, directory_that_lies_about_a_bundle,
         directory_that_is_away_or_not_https]


def main():
    lost = [p for p in ("rauc", "mksquashfs", "openssl", "curl") if not shutil.which(p)]
    if lost or not UPDATE.exists():
        print(f"skipped: missing {', '.join(lost) or UPDATE}")
        return 77
    return run_cases(CASES, Device, "bayplate-ways-")


if __name__ == "__main__":
    sys.exit(main())
