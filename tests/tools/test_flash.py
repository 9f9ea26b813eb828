#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bayplate-flash from outside: simulated drives, a loop device where one may be had, a played service port.

usage: tests/tools/test_flash.py PATH-TO-bayplate-flash SOURCE-FOLDER
Exits with 77 (skipped) where sfdisk, mkfs.vfat, mcopy, zstd or openssl is missing.
"""
import hashlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.parse

from verity_bundle import write_bundle

PROGRAM, SOURCE = (pathlib.Path(p) for p in (sys.argv[1:3] if len(sys.argv) > 2 else (".", ".")))
NEEDED = ("sfdisk", "mkfs.vfat", "mcopy", "mtype", "zstd", "openssl")
MB = 1 << 20
SIZE, BOOT_AT, BOOT_SIZE = 10 * MB, MB, 4 * MB
EMPTY = 12 * MB
CLAIM = "ABCD-EFGH-JKLM-NPQR"


def run(*args, **kw):
    return subprocess.run([str(a) for a in args], check=True, capture_output=True, **kw).stdout


class Keys:
    """A root, a signer, one for mail only, a revoked one, and a stranger."""

    def __init__(self, folder):
        self.folder = folder
        config = folder / "ca.cnf"
        config.write_text(f"""[ca]
default_ca=d
[d]
database={folder}/index
serial={folder}/serial
new_certs_dir={folder}
certificate={folder}/root.pem
private_key={folder}/root.key
default_md=sha256
default_days=30
default_crl_days=30
policy=p
[p]
commonName=supplied
[mail]
extendedKeyUsage=emailProtection
[code]
extendedKeyUsage=codeSigning
""")
        (folder / "index").write_text("")
        (folder / "serial").write_text("01\n")
        for name in ("root", "stranger"):
            run("openssl", "req", "-x509", *self.new(name), "-days", "30", "-out", folder / f"{name}.pem")
        for name, use in (("signer", "code"), ("mail", "mail"), ("revoked", "code")):
            run("openssl", "req", *self.new(name), "-out", folder / f"{name}.csr")
            run("openssl", "ca", "-batch", "-config", config, "-extensions", use, "-in", folder / f"{name}.csr",
                "-out", folder / f"{name}.pem", "-notext")
        run("openssl", "ca", "-config", config, "-revoke", folder / "revoked.pem")
        run("openssl", "ca", "-config", config, "-gencrl", "-out", folder / "crl.pem")
        self.ring = folder / "ring.pem"
        self.ring.write_text((folder / "root.pem").read_text() + (folder / "crl.pem").read_text())

    def new(self, name):
        return ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                self.folder / f"{name}.key", "-subj", f"/CN={name}")


def make_image(path):
    boot = path.parent / "boot.fat"
    run("mkfs.vfat", "-C", "-n", "BOOT", boot, BOOT_SIZE // 1024)
    (path.parent / "boot.scr").write_bytes(b"script")
    run("mcopy", "-i", boot, path.parent / "boot.scr", "::")
    body = bytearray(os.urandom(SIZE))
    path.write_bytes(body)
    run("sfdisk", "-q", path, input=(f"label: gpt\nstart={BOOT_AT // 512}, size={BOOT_SIZE // 512}, name=boot, "
                                     "type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7\nsize=4096, name=rootfsA\n").encode())
    with open(path, "r+b") as f:
        f.seek(BOOT_AT)
        f.write(boot.read_bytes())


class Flash(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.base = pathlib.Path(tempfile.mkdtemp(prefix="bayplate-flash-test-"))
        cls.keys = Keys(cls.base)
        cls.raw = cls.base / "bayplate-test-1.2.0.img"
        make_image(cls.raw)
        cls.sign(cls.raw)
        cls.packed = cls.base / "packed" / "bayplate-test-1.2.0.img.zst"
        cls.packed.parent.mkdir()
        run("zstd", "-q", cls.raw, "-o", cls.packed)
        cls.sign(cls.packed)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.base)

    @classmethod
    def sign(cls, image, signer="signer", board="test", version="1.2.0"):
        run(SOURCE / "tools/bayplate-sign", "--board", board, "--version", version, "--cert",
            cls.keys.folder / f"{signer}.pem", "--key", cls.keys.folder / f"{signer}.key", image)

    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=self.base))
        self.drives = self.dir / "drives"
        self.labels = self.dir / "labels"
        self.drives.mkdir()
        self.labels.mkdir()
        self.drive = self.new_drive("sda")

    def new_drive(self, name, rules="", size=EMPTY):
        path = self.drives / f"{name}.drive"
        with open(path, "wb") as f:
            f.truncate(size)
        if rules:
            (self.drives / f"{name}.ini").write_text(rules)
        return path

    def flash(self, *args, image=None, drive="sda", board="test", lang="en", ring=None, **kw):
        command = [PROGRAM, "--lang", lang, "--simulate", self.drives, "--keyring", ring or self.keys.ring, "--board",
                   board, "--labels", self.labels]
        command += ["--drive", drive, "--yes"] if drive else []
        return subprocess.run([str(a) for a in [*command, *args, image or self.raw]], capture_output=True, text=True,
                              **kw)

    def refused(self, word, *args, code=1, **kw):
        """Refused with that word; no drive was touched and no label made."""
        before = {p: p.read_bytes() for p in self.drives.iterdir()}
        r = self.flash(*args, **kw)
        self.assertEqual(r.returncode, code, r.stdout + r.stderr)
        self.assertIn(word, r.stderr + r.stdout)
        self.assertNotIn("write  [", r.stdout)
        self.assertEqual(before, {p: p.read_bytes() for p in self.drives.iterdir()})
        self.assertEqual(list(self.labels.iterdir()), [])
        return r

    def copy_image(self):
        image = self.dir / self.raw.name
        for ending in (".img", ".manifest", ".manifest.sig"):
            shutil.copy(self.raw.with_suffix("").with_name("bayplate-test-1.2.0" + ending), self.dir)
        return image

    def device_ini(self, drive):
        text = run("mtype", "-i", f"{drive}@@{BOOT_AT}", "::bayplate-device.ini",
                   env={**os.environ, "MTOOLS_SKIP_CHECK": "1"}).decode()
        return dict(line.split(" = ", 1) for line in text.splitlines() if " = " in line)

    # --- writing

    def test_image_is_written_and_named_phases_follow_each_other(self):
        for image in (self.raw, self.packed):
            r = self.flash(image=image)
            self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
            at = [r.stdout.index(word) for word in ("1/3 检查 check", "2/3 写入 write", "3/3 校核 verify")]
            self.assertEqual(at, sorted(at))
            want, got = self.raw.read_bytes(), self.drive.read_bytes()
            self.assertEqual(got[:BOOT_AT], want[:BOOT_AT])
            self.assertEqual(got[BOOT_AT + BOOT_SIZE:SIZE], want[BOOT_AT + BOOT_SIZE:])
            self.assertEqual(got[SIZE:], bytes(EMPTY - SIZE))  # not a byte beyond
            self.assertEqual(run("mtype", "-i", f"{self.drive}@@{BOOT_AT}", "::boot.scr"), b"script")

    def test_board_gets_an_identity_whose_secrets_are_on_the_label_alone(self):
        seen = []
        for _ in range(2):
            r = self.flash("--json")
            self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
            end = json.loads(r.stdout.splitlines()[-1])
            ini = self.device_ini(self.drive)
            self.assertEqual((ini["serial"], ini["board"], ini["model"]), (end["serial"], "test", "bayplate-test"))
            self.assertTrue(ini["first_password_hash"].startswith("$argon2id$"))
            self.assertRegex(ini["claim_hash"], r"^blake2b\$[0-9a-f]{32}\$[0-9a-f]{64}$")
            for ending, magic in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
                label = self.labels / f"bayplate-{ini['serial']}.{ending}"
                self.assertEqual(label.read_bytes()[:4], magic)
                self.assertEqual(stat.S_IMODE(label.stat().st_mode), 0o600)
                if ending == "png" and shutil.which("zbarimg"):
                    said = subprocess.run(["zbarimg", "-q", "--raw", label], capture_output=True, text=True).stdout
                    self.assertEqual(said.strip(), f"http://bayplate-{ini['serial']}.local/")
            seen.append((ini["serial"], ini["claim_hash"], ini["first_password_hash"], ini["mac"]))
        for one, two in zip(*seen):
            self.assertNotEqual(one, two)

    def test_given_serial_model_and_address_are_used(self):
        r = self.flash("--serial", "SHOP-7", "--model", "BP-Gate", "--mac", "dc:a6:32:01:02:03")
        self.assertEqual(r.returncode, 0, r.stderr)
        ini = self.device_ini(self.drive)
        self.assertEqual((ini["serial"], ini["model"], ini["mac"]), ("SHOP-7", "BP-Gate", "dc:a6:32:01:02:03"))

    def test_bare_image_is_the_image(self):
        r = self.flash("--bare")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertEqual(self.drive.read_bytes()[:SIZE], self.raw.read_bytes())
        self.assertEqual(list(self.labels.iterdir()), [])

    def test_only_possible_drive_is_proposed_and_its_name_asked_for(self):
        self.new_drive("nvme0n1", "system = yes\nmounts = /\nfixed = yes\n")
        r = self.flash(drive=None, input="sdb\n")
        self.assertEqual(r.returncode, 1)
        self.assertIn("nothing was written", r.stderr)
        self.assertEqual(self.drive.read_bytes(), bytes(EMPTY))
        r = self.flash(drive=None, input="sda\n", lang="zh")
        self.assertEqual(r.returncode, 0, r.stderr)
        self.assertIn("已写入", r.stdout)
        self.new_drive("sdb")
        self.assertIn("several", self.flash(drive=None, input="sda\n").stderr)

    # --- refused before a byte is written

    def test_drives_that_must_not_be_written(self):
        self.new_drive("nvme0n1", "system = yes\nmounts = / /boot\nfixed = yes\n")
        self.new_drive("sdb", "mounts = /media/stick\n")
        self.new_drive("sdc", "fixed = yes\n")
        self.new_drive("sdd", "read_only = yes\n")
        self.new_drive("sde", size=SIZE - 512)
        self.new_drive("sdf", "held = LVM/RAID/LUKS\n")
        self.refused("this computer's own system", drive="nvme0n1")
        self.refused("this computer's own system", "--fixed", drive="nvme0n1")
        self.refused("umount /media/stick", drive="sdb")
        self.refused("请先卸载：umount /media/stick", drive="sdb", lang="zh")
        self.refused("--fixed", drive="sdc")
        self.refused("read-only", drive="sdd")
        self.refused("too small", drive="sde")
        self.refused("LUKS", drive="sdf")
        self.refused("there is no drive sdz", drive="sdz")
        r = subprocess.run([PROGRAM, "--list", "--json", "--simulate", self.drives], capture_output=True, text=True)
        allowed = {d["name"]: d["allowed"] for d in map(json.loads, r.stdout.splitlines())}
        self.assertEqual([n for n in allowed if allowed[n]], ["sda", "sde"])

    def test_images_that_must_not_be_written(self):
        self.refused("this is for the board test, wanted is the board rpi4", board="rpi4")
        self.refused("wanted is 1.3.0", "--version-is", "1.3.0")
        self.refused("too old", "--min-version", "1.10.0")
        self.refused("not accepted", ring=self.keys.folder / "stranger.pem")
        image = self.copy_image()
        with open(image, "r+b") as f:
            f.seek(SIZE - 5)
            byte = f.read(1)
            f.seek(SIZE - 5)
            f.write(bytes([byte[0] ^ 1]))
        self.refused("is not the image of its manifest", image=image)
        with open(image, "r+b") as f:
            f.truncate(SIZE - 512)
        self.refused("is not the image of its manifest", image=image)

    def test_manifests_that_do_not_count(self):
        image = self.copy_image()
        manifest = image.with_suffix(".manifest")
        manifest.write_text(manifest.read_text().replace("test", "rpi4"))
        self.refused("not accepted", image=image, board="rpi4")
        for signer, word in (("mail", "not for signing code"), ("revoked", "revoked"), ("stranger", "not accepted")):
            self.sign(image, signer)
            self.refused(word, image=image)
        image.with_suffix(".manifest.sig").write_bytes(b"")
        self.refused("no readable signature", image=image)
        image.with_suffix(".manifest.sig").unlink()
        self.refused("signature is missing", image=image)
        self.refused("cannot be read", ring=self.base / "none.pem")
        (self.dir / "empty.pem").write_text("")
        self.refused("holds no certificate", ring=self.dir / "empty.pem")

    def test_damaged_compressed_image(self):
        image = self.dir / self.packed.name
        for ending in (".manifest", ".manifest.sig"):
            shutil.copy(self.packed.with_name("bayplate-test-1.2.0" + ending), self.dir)
        whole = self.packed.read_bytes()
        image.write_bytes(whole[:-1000])
        self.refused("cut off", image=image)
        image.write_bytes(whole[:MB] + b"\xff" * 64 + whole[MB + 64:])
        self.refused("", image=image)
        # Two frames, one after the other, are one file to zstd.
        image.write_bytes(b"".join(run("zstd", "-qc", input=part) for part in (
            self.raw.read_bytes()[:5 * MB], self.raw.read_bytes()[5 * MB:])))
        self.assertEqual(self.flash(image=image).returncode, 0)

    def test_wrong_use(self):
        for args in ([], ["--json"], ["--list", "x"], ["--keyring", "k", "x"], ["--lang", "de", "--list"],
                     ["--mac", "zz", "--list"], ["--keyring", "k", "--board", "b", "--yes", "x"], ["--nonsense"],
                     ["--keyring", "k", "--net", "h", "x"]):
            self.assertEqual(subprocess.run([PROGRAM, *args], capture_output=True).returncode, 2, args)
        self.assertEqual(subprocess.run([PROGRAM, "--help"], capture_output=True).returncode, 0)
        self.refused("no serial", "--serial", "a b")

    # --- drives that fail

    def fails(self, rules, word, **kw):
        self.new_drive("sda", rules)
        r = self.flash(**kw)
        self.assertEqual(r.returncode, 1, r.stdout)
        self.assertIn(word, r.stderr)
        self.assertEqual(list(self.labels.iterdir()), [])  # no label of a board that is none

    def test_unplugged_drive(self):
        for at in (0, 6 * MB, SIZE - 1):
            self.fails(f"unplug_at = {at}\n", "the drive was unplugged; plug it in and flash it again")
        self.fails(f"unplug_read_at = {9 * MB}\n", "the drive was unplugged")
        self.fails(f"unplug_at = {6 * MB}\n", "盘被拔出；请重新插入并再写一次", lang="zh")

    def test_drive_that_gives_back_something_else(self):
        for at in (0, BOOT_AT + 100, SIZE - 1):
            self.fails(f"flip_at = {at}\n", "what the drive gives back is not what was written")
        self.fails(f"flip_at = {SIZE - 1}\n", f"near {8 * MB // 1000000} MB")

    def test_drive_that_takes_no_more(self):
        self.fails(f"fail_at = {6 * MB}\n", "Input/output error")

    def test_interrupt_stops_with_a_word(self):
        # The image is a pipe: the program is surely in its first phase.
        image = self.copy_image()
        image.unlink()
        os.mkfifo(image)
        command = [PROGRAM, "--simulate", self.drives, "--keyring", self.keys.ring, "--board", "test", "--labels",
                   self.labels, "--drive", "sda", "--yes", "--lang", "en", image]
        p = subprocess.Popen([str(a) for a in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        with open(image, "wb") as f:
            body = self.raw.read_bytes()
            f.write(body[:6 * MB])
            f.flush()
            p.send_signal(signal.SIGINT)
            try:
                f.write(body[6 * MB:])
                f.flush()
            except BrokenPipeError:
                pass
        out, err = p.communicate(timeout=60)
        self.assertEqual(p.returncode, 1, out + err)
        self.assertIn("stopped", err)
        self.assertEqual(self.drive.read_bytes(), bytes(EMPTY))

    def test_real_loop_device(self):
        if os.geteuid() != 0:
            self.skipTest("a loop device needs root")
        r = subprocess.run(["losetup", "--show", "-f", self.drive], capture_output=True, text=True)
        if r.returncode != 0:
            self.skipTest(f"no loop device here: {r.stderr.strip()}")
        loop = r.stdout.strip()
        try:
            command = [PROGRAM, "--loops", "--keyring", self.keys.ring, "--board", "test", "--labels", self.labels,
                       "--drive", loop, "--yes", "--json", self.packed]
            r = subprocess.run([str(a) for a in command], capture_output=True, text=True)
            self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
            self.assertTrue(json.loads(r.stdout.splitlines()[-1])["uncached"])
            plain = [str(a) for a in command if a != "--loops"]
            self.assertIn("there is no drive", subprocess.run(plain, capture_output=True, text=True).stdout)
        finally:
            subprocess.run(["losetup", "-d", loop], check=True)
        self.assertEqual(self.drive.read_bytes()[BOOT_AT + BOOT_SIZE:SIZE], self.raw.read_bytes()[BOOT_AT + BOOT_SIZE:])


class Board(http.server.BaseHTTPRequestHandler):
    """The service port as docs/service-port.md says, with cables that are pulled."""
    protocol_version = "HTTP/1.1"
    model, version = "bayplate-test", "1.0.0"

    def log_message(self, *args):
        pass

    def answer(self, status, what, **headers):
        body = json.dumps(what).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def state(self):
        s = self.server
        return {"have": len(s.got), "size": s.size, "done": s.done, **({"sha256": s.hash} if s.hash else {})}

    def allowed(self):
        if self.headers.get("X-Bayplate-Claim") == CLAIM:
            return True
        self.close_connection = True
        self.answer(401, {"error": "wrong claim code"})
        return False

    def do_GET(self):
        if self.path == "/v1/identity":
            self.answer(200, {"product": "bayplate", "serial": "BP-T", "model": self.model, "version": self.version,
                              "slot": "A"})
        elif self.allowed():
            if self.server.busy:
                self.server.busy -= 1
                self.answer(429, {"error": "wait"}, Retry_After="0")
            else:
                self.answer(200, self.state())

    def do_PUT(self):
        s = self.server
        if not self.allowed():
            return
        s.puts.append(self.headers.get("Content-Range", "whole"))
        length, start = int(self.headers["Content-Length"]), 0
        if "Content-Range" in self.headers:
            start = int(self.headers["Content-Range"].split()[1].split("-")[0])
        wanted = urllib.parse.parse_qs(urllib.parse.urlparse(self.path).query)["sha256"][0]
        if s.hash != wanted:
            s.hash, s.size, s.got = wanted, start + length, bytearray()
        limit = s.cuts.pop(0) if s.cuts else length
        body = self.rfile.read(min(length, limit))
        s.got[start:] = body
        if limit < length:
            self.close_connection = True
            self.connection.close()
            return
        s.done = hashlib.sha256(s.got).hexdigest() == s.hash
        self.answer(201 if s.done else 422, self.state())


class Net(unittest.TestCase):
    def setUp(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(dir=Flash.base))
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Board)
        self.server.got, self.server.puts, self.server.cuts = bytearray(), [], []
        self.server.size = self.server.busy = 0
        self.server.hash, self.server.done = "", False
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.bundle = self.make_bundle()

    def tearDown(self):
        self.server.shutdown()
        self.server.server_close()

    @classmethod
    def setUpClass(cls):
        Flash.setUpClass()

    @classmethod
    def tearDownClass(cls):
        Flash.tearDownClass()

    def make_bundle(self, signer="signer", compatible="bayplate-test", version="1.3.0"):
        path = self.dir / f"{signer}-{compatible}-{version}.raucb"
        write_bundle(path, 3 * MB - 77, compatible, version, Flash.base / f"{signer}.pem", Flash.base / f"{signer}.key")
        return path

    def send(self, *args, bundle=None, claim=CLAIM):
        return subprocess.run([str(a) for a in (PROGRAM, "--lang", "en", "--keyring", Flash.keys.ring, "--net",
                                                f"127.0.0.1:{self.server.server_port}", "--claim", claim, *args,
                                                bundle or self.bundle)], capture_output=True, text=True)

    def refused(self, word, *args, **kw):
        r = self.send(*args, **kw)
        self.assertEqual(r.returncode, 1, r.stdout + r.stderr)
        self.assertIn(word, r.stderr)
        self.assertEqual(self.server.puts, [])

    def test_bundle_arrives_whole_though_the_cable_is_pulled(self):
        self.server.cuts = [MB, MB // 2]
        self.server.busy = 1
        r = self.send("--json")
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertEqual(bytes(self.server.got), self.bundle.read_bytes())
        size = self.bundle.stat().st_size
        self.assertEqual(self.server.puts, ["whole", f"bytes {MB}-{size - 1}/{size}",
                                            f"bytes {MB + MB // 2}-{size - 1}/{size}"])
        self.assertEqual(json.loads(r.stdout.splitlines()[-1])["result"], "ok")
        r = self.send()
        self.assertEqual(r.returncode, 0)
        self.assertIn("had it already", r.stdout)
        self.assertEqual(len(self.server.puts), 3)

    def test_board_that_was_given_another_model_name(self):
        self.server.RequestHandlerClass = type("Renamed", (Board,), {"model": "Gate 2"})
        self.refused("wanted is the board Gate 2")
        for name in ("test", "bayplate-test"):
            self.assertEqual(self.send("--board", name).returncode, 0)

    def test_another_upload_in_the_way_is_replaced(self):
        self.server.hash, self.server.size, self.server.got = "00" * 32, 5, bytearray(b"12345")
        self.assertEqual(self.send().returncode, 0)
        self.assertEqual(bytes(self.server.got), self.bundle.read_bytes())

    def test_what_is_not_sent(self):
        self.refused("the claim code is wrong", claim="AAAA-AAAA-AAAA-AAAA")
        self.refused("not accepted", bundle=self.make_bundle("stranger"))
        self.refused("revoked", bundle=self.make_bundle("revoked"))
        self.refused("wanted is the board bayplate-test", bundle=self.make_bundle(compatible="bayplate-rpi4"))
        self.refused("wanted is the board bayplate-rpi5", "--board", "rpi5")
        old = self.make_bundle(version="0.9")
        self.refused("this bundle is older", bundle=old)
        self.assertEqual(self.send("--older", bundle=old).returncode, 0)

    def test_files_that_are_no_bundle(self):
        for name, body in (("empty", b""), ("short", b"1234567890"), ("zero", bytes(100)), ("huge", b"\xff" * 100)):
            path = self.dir / name
            path.write_bytes(body)
            self.refused("no RAUC bundle", bundle=path)
        whole = self.bundle.read_bytes()
        for at, word in ((-500, "signature"), (MB, "not that of its contents"), (3 * MB + 5000, "not that of its contents")):
            broken = bytearray(whole)
            broken[at] ^= 1
            (self.dir / "broken").write_bytes(broken)
            self.refused(word, bundle=self.dir / "broken")
        (self.dir / "cut").write_bytes(whole[:2 * MB])
        self.refused("cut off", bundle=self.dir / "cut")
        (self.dir / "unsigned").write_bytes(whole[:3 * MB])
        self.refused("not signed", bundle=self.dir / "unsigned")

    def test_nobody_there(self):
        self.server.shutdown()
        self.server.server_close()
        self.refused("127.0.0.1")
        self.setUp()


if __name__ == "__main__":
    lacking = [name for name in NEEDED if not shutil.which(name)]
    if lacking:
        print(f"skipped: missing {', '.join(lacking)}")
        sys.exit(77)
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
