#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bayplate-port between two network namespaces: one holds nothing but its cable, the other is the technician's laptop.

usage: tests/system/test_service_port.py PATH-TO-bayplate-port [PATH-TO-bayplate-flash]
Needs root and the right to make namespaces; exits with 77 (skipped) otherwise.
"""
import contextlib
import ctypes
import fcntl
import hashlib
import io
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tools"))
from verity_bundle import write_bundle  # noqa: E402

PORT = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 else None
FLASH = pathlib.Path(sys.argv.pop(1)) if len(sys.argv) > 1 and sys.argv[1][0] != "-" else None
CLONE_NEWNET = 0x40000000
SERIAL, CODE = "TEST-0001", "ABCD-EFGH-JKLM"
NAME = f"bayplate-{SERIAL}.local"
DEVICE, LAPTOP = "10.213.77.1", "10.213.77.2"
LAPTOP_MAC = bytes.fromhex("020000000a01")
WAIT_S = 30
libc = ctypes.CDLL(None, use_errno=True)


def ip(*args):
    subprocess.run(["ip", *args], check=True, capture_output=True, text=True)


@contextlib.contextmanager
def inside(namespace):
    """What this thread opens or starts in the block belongs to the namespace."""
    with open("/proc/thread-self/ns/net") as home, open(f"/run/netns/{namespace}") as there:
        if libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(home.fileno(), CLONE_NEWNET)


def until(what, seconds=WAIT_S):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        got = what()
        if got:
            return got
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what.__name__}")


def no_offload(interface):
    """A veth's sender leaves the cutting of large segments to the other end, which a real cable has not: switch it off.
    Check sums it leaves out, too; those the wire must fill in.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        for command in (0x1F, 0x24):  # ETHTOOL_STSO, SGSO
            value = (ctypes.c_uint32 * 2)(command, 0)
            request = struct.pack("16sP16x", interface.encode(), ctypes.addressof(value))
            with contextlib.suppress(OSError):
                fcntl.ioctl(s, 0x8946, request)


class FakeTerminal:
    """bayplated's device socket."""

    def __init__(self, path):
        self.answers = {"state": b'{"camera":"online"}', "logs": b"info main: ready\n",
                        "snapshot": b"\xff\xd8" + os.urandom(200_000) + b"\xff\xd9",
                        "identity": os.urandom(32).hex().encode()}
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(path))
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer, contextlib.suppress(OSError):
                answer = self.answers[peer.makefile("rb").readline().decode().strip()]
                peer.sendall(b"ok %d\n" % len(answer) + answer)

    def stop(self):
        with contextlib.suppress(OSError):  # stopped before
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()


class Exporter:
    """systemd's bayplate-export.socket, with the real program behind it and a file as the lost partition."""

    def __init__(self, folder):
        self.folder, self.content, self.started = folder, os.urandom(3_000_000) + bytes(2_000_000), []
        (folder / "lost.img").write_bytes(self.content)
        (folder / "data-device").write_text(f"{folder}/lost.img\n")
        (folder / "data-trouble").write_text("the data partition cannot be mounted\n")
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(folder / "export.sock"))
        self.socket.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer, _ = self.socket.accept()
            except OSError:
                return
            with peer:
                self.started.append(subprocess.Popen(
                    [PORT.parents[1] / "export/bayplate-export", "serve", "--device", self.folder / "data-device", "--trouble",
                     self.folder / "data-trouble", "--state", self.folder / "export-state"], stdin=peer, stdout=peer,
                    stderr=subprocess.DEVNULL))

    def kill(self):
        for process in self.started:
            process.kill()

    def phase(self):
        state = self.folder / "export-state"
        return state.read_text().split("phase = ")[1].split()[0] if state.exists() else ""

    def stop(self):
        with contextlib.suppress(OSError):  # stopped before
            self.socket.shutdown(socket.SHUT_RDWR)
        self.socket.close()
        for process in self.started:
            process.wait(WAIT_S)


class World:
    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="bayplate-port-"))
        self.lap, self.port = f"bplap{os.getpid()}", f"bpport{os.getpid()}"
        self.process = None
        for name in os.listdir("/run/netns") if os.path.isdir("/run/netns") else []:
            owner = name.removeprefix("bplap").removeprefix("bpport")  # left by a run that was killed
            if owner != name and owner.isdigit() and not os.path.exists(f"/proc/{owner}"):
                ip("netns", "del", name)
        ip("netns", "add", self.lap)
        ip("netns", "add", self.port)
        ip("link", "add", "name", "lap0", "netns", self.lap, "address", LAPTOP_MAC.hex(":"), "type", "veth", "peer", "name",
           "usb0", "netns", self.port)
        for ns, interface in ((self.lap, "lap0"), (self.port, "usb0")):
            if ns == self.port:
                with inside(ns):  # no kernel address at all, not even IPv6 link-local
                    subprocess.run(["sh", "-c", "echo 1 > /proc/sys/net/ipv6/conf/all/disable_ipv6; "
                                    "echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6"], check=True)
            with inside(ns):
                no_offload(interface)
            ip("-n", ns, "link", "set", "lo", "up")
            ip("-n", ns, "link", "set", interface, "up")
        (self.dir / "claim").write_text(CODE + "\n")
        (self.dir / "recovery").mkdir()
        self.image = os.urandom(300_001)
        (self.dir / "recovery" / "image.itb").write_bytes(self.image)
        (self.dir / "secret").write_text("secret")
        self.terminal = FakeTerminal(self.dir / "device.sock")

    def command(self, *more):
        return [str(PORT), "--interface", "usb0", "--serial", SERIAL, "--slot", "A", "--claim-file",
                str(self.dir / "claim"), "--spool", str(self.dir / "spool"), "--spool-mb", "64", "--reserve-mb", "0",
                "--recovery", str(self.dir / "recovery"), "--device", str(self.dir / "device.sock"),
                "--export", str(self.dir / "export.sock"), "--clock-speed", "4", *more]

    def start(self):
        self.log = open(self.dir / "log", "w+")
        with inside(self.port):
            self.process = subprocess.Popen(self.command(), stderr=self.log)

        def ready():
            assert self.process.poll() is None, (self.dir / "log").read_text()
            return "ready" in (self.dir / "log").read_text()
        until(ready)

    def stop(self):
        self.process.terminate()
        status = self.process.wait(10)
        assert status == 0, f"exit {status}: {(self.dir / 'log').read_text()}"

    def remove(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.terminal.stop()
        ip("netns", "del", self.lap)
        ip("netns", "del", self.port)
        shutil.rmtree(self.dir)

    def curl(self, url, *args, code=CODE, check=True):
        """Returns (status, body)."""
        out = self.dir / "curl.out"
        out.unlink(missing_ok=True)
        head = ["-H", f"X-Bayplate-Claim: {code}"] if code else []
        with inside(self.lap):
            r = subprocess.run(["curl", "-g", "-sS", "-m", "60", "-o", str(out), "-w", "%{http_code}", *head, *args,
                                url], capture_output=True, text=True)
        assert not check or r.returncode == 0, f"curl {url}: {r.stderr}"
        return int(r.stdout or 0), out.read_bytes() if out.exists() else b""


# --- DHCP by hand

def checksum(data):
    data += b"\0" * (len(data) % 2)
    s = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while s >> 16:
        s = (s & 0xFFFF) + (s >> 16)
    return ~s & 0xFFFF


def dhcp_frame(mac, kind, options=b"", ciaddr="0.0.0.0"):
    bootp = struct.pack("!BBBBIHH4s12x16s192x", 1, 1, 6, 0, 0xCAFE0000 + kind, 0, 0x8000, socket.inet_aton(ciaddr),
                        mac + b"\0" * 10)
    bootp += bytes.fromhex("63825363") + bytes([53, 1, kind]) + options + b"\xff"
    udp = struct.pack("!HHHH", 68, 67, 8 + len(bootp), 0) + bootp
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(ciaddr), b"\xff" * 4)
    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
    return b"\xff" * 6 + mac + b"\x08\x00" + head + udp


class Raw:
    """The laptop's cable, frame by frame."""

    def __init__(self, world):
        with inside(world.lap):
            self.s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.s.bind(("lap0", 3))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.s.close()

    def find(self, wanted, seconds=WAIT_S):
        """The first frame that comes for which wanted() is true, None when time runs out."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self.s.settimeout(left)
            with contextlib.suppress(TimeoutError):
                frame, where = self.s.recvfrom(2048)
                if where[2] != socket.PACKET_OUTGOING and wanted(frame):
                    return frame
        return None

    def dhcp(self, mac, kind, options=b"", seconds=WAIT_S, ciaddr="0.0.0.0"):
        """Sends, and returns the reply as (type, yiaddr, {option: value}), None for silence."""
        self.s.send(dhcp_frame(mac, kind, options, ciaddr))
        if seconds == 0:
            return None
        reply = self.find(lambda f: f[12:14] == b"\x08\x00" and f[23] == 17 and f[34:38] == b"\0\x43\0\x44"
                          and f[42 + 28:42 + 34] == mac, seconds)
        if reply is None:
            return None
        bootp, found, at = reply[42:], {}, 240
        while bootp[at] != 255:
            found[bootp[at]] = bootp[at + 2:at + 2 + bootp[at + 1]]
            at += 2 + bootp[at + 1]
        return found[53][0], socket.inet_ntoa(bootp[16:20]), found


class Lease:
    """The laptop's DHCP client: asks for its address again and again, whatever happened to the lease."""

    def __init__(self, world):
        self.over = threading.Event()
        self.raw = Raw(world)
        self.thread = threading.Thread(target=self.keep, daemon=True)
        self.thread.start()

    def keep(self):
        while not self.over.wait(0.5):
            with contextlib.suppress(OSError):  # the cable is pulled
                self.raw.s.send(dhcp_frame(LAPTOP_MAC, 3, b"\x32\x04" + socket.inet_aton(LAPTOP)))

    def end(self):
        self.over.set()
        self.thread.join()
        self.raw.s.close()


def dns_name(name):
    return b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0"


class Test(unittest.TestCase):
    """In this order, as a technician's visit goes."""

    @classmethod
    def setUpClass(cls):
        cls.world = World()

    @classmethod
    def tearDownClass(cls):
        cls.world.remove()

    def base(self):
        return f"http://{DEVICE}"

    def get_json(self, path, **kw):
        status, body = self.world.curl(self.base() + path, **kw)
        return status, json.loads(body)

    def test_01_it_refuses_where_the_kernel_has_an_address(self):
        w = self.world
        ip("-n", w.port, "addr", "add", "192.168.3.1/24", "dev", "usb0")
        with inside(w.port):
            r = subprocess.run(w.command(), capture_output=True, text=True, timeout=WAIT_S)
        self.assertEqual(r.returncode, 1)
        self.assertIn("192.168.3.1", r.stderr)
        self.assertIn("would not be isolated", r.stderr)
        ip("-n", w.port, "addr", "flush", "dev", "usb0")

    def test_02_dhcp_serves_one_laptop(self):
        w = self.world
        w.start()
        with Raw(w) as raw:
            kind, address, options = raw.dhcp(LAPTOP_MAC, 1)
            self.assertEqual((kind, address), (2, LAPTOP))
            self.assertEqual(options[54], socket.inet_aton(DEVICE))
            self.assertEqual(options[1], socket.inet_aton("255.255.255.248"))
            for leads_away in (3, 6, 15, 33, 121, 252):
                self.assertNotIn(leads_away, options)
            wants = b"\x32\x04" + socket.inet_aton(LAPTOP) + b"\x36\x04" + socket.inet_aton(DEVICE)
            self.assertEqual(raw.dhcp(LAPTOP_MAC, 3, wants)[:2], (5, LAPTOP))
            # Another machine on the same cable: the next answer is to the laptop's question, not to its.
            self.assertIsNone(raw.dhcp(bytes.fromhex("020000000b02"), 1, seconds=0))
            self.assertEqual(raw.dhcp(LAPTOP_MAC, 3, wants)[0], 5)
            self.assertIsNone(raw.find(lambda f: f[42 + 28:42 + 34] == bytes.fromhex("020000000b02"), 0.2))
        ip("-n", w.lap, "addr", "add", f"{LAPTOP}/29", "dev", "lap0")
        Test.lease = Lease(w)

    def test_03_the_name_is_found(self):
        w = self.world
        with inside(w.lap):
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton(LAPTOP))
        s.settimeout(0.5)

        def ask(name, kind):
            s.sendto(struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + dns_name(name) + struct.pack("!HH", kind, 1),
                     ("224.0.0.251", 5353))
            with contextlib.suppress(TimeoutError):
                return s.recvfrom(2048)
            return None

        def the_name_has_our_address():
            got = ask(NAME, 1)  # answered once the name has been probed for
            return got and got[1][0] == DEVICE and socket.inet_aton(DEVICE) in got[0]
        until(the_name_has_our_address)
        answer, _ = ask("_bayplate._tcp.local", 12)
        for text in ("serial=" + SERIAL, "model=bayplate", "version=", "slot=A"):
            self.assertIn(text.encode(), answer)
        s.close()

    def test_035_a_lost_data_partition_is_given_away(self):
        w = self.world
        url = f"{self.base()}/v1/export?what="
        self.assertEqual(w.curl(url + "image")[0], 404)  # nobody serves it
        exporter = Exporter(w.dir)
        self.addCleanup(exporter.stop)
        self.assertEqual(w.curl(url + "image", code=None)[0], 401)
        status, body = w.curl(url + "image")
        self.assertEqual(status, 200)
        with tarfile.open(fileobj=io.BytesIO(body)) as tar:
            self.assertEqual(tar.extractfile("bayplate-export/data.img").read(), exporter.content)
            self.assertEqual(tar.getnames()[-1], "bayplate-export/REPORT.txt")
        status, body = w.curl(url + "files")  # random bytes are no file system
        self.assertEqual(status, 422)
        self.assertIn(b"what=image", body)
        # One at a time; who goes away ends his.
        with inside(w.lap):
            slow = subprocess.Popen(["curl", "-sN", "-o", "/dev/null", "--limit-rate", "20k", "-H", f"X-Bayplate-Claim: {CODE}",
                                     url + "image"])

        def it_runs():
            return exporter.phase() == "runs"
        until(it_runs)
        status, body = w.curl(url + "image")
        self.assertEqual(status, 409)
        self.assertIn(b"one at a time", body)
        slow.kill()
        slow.wait()

        def it_is_gone():
            return exporter.phase() == "gone"
        until(it_is_gone)
        # An exporter that dies in the middle: curl sees that it is not all.
        (w.dir / "lost.img").write_bytes(exporter.content * 4)
        with inside(w.lap):
            cut = subprocess.Popen(["curl", "-sN", "-o", "/dev/null", "--limit-rate", "200k", "-H", f"X-Bayplate-Claim: {CODE}",
                                    url + "image"])
        until(it_runs)
        exporter.kill()
        self.assertEqual(cut.wait(WAIT_S), 18)
        (w.dir / "data-trouble").unlink()
        self.assertEqual(w.curl(url + "image")[0], 404)  # the partition works again
        (w.dir / "export.sock").unlink()

    def test_04_who_it_is_is_open_the_rest_is_not(self):
        status, who = self.get_json("/v1/identity", code=None)
        self.assertEqual((status, who["serial"], who["slot"]), (200, SERIAL, "A"))
        self.assertEqual(who["tls_sha256"], self.world.terminal.answers["identity"].decode())
        self.assertEqual(self.get_json("/v1/state", code=None)[0], 401)
        self.assertEqual(self.get_json("/v1/state", code="WRONG-WRONG")[0], 401)
        self.assertEqual(self.get_json("/v1/state")[0], 429)
        until(lambda: self.get_json("/v1/state")[0] == 200)
        self.assertEqual(self.get_json("/v1/state", code="abcdefghjklm")[0], 200)  # as people type it

    def test_05_state_logs_and_picture(self):
        w = self.world
        for path, what in (("/v1/state", "state"), ("/v1/logs", "logs"), ("/v1/snapshot.jpg", "snapshot")):
            self.assertEqual(w.curl(self.base() + path), (200, w.terminal.answers[what]))

    def test_06_twenty_megabytes_with_a_pulled_cable(self):
        w = self.world
        bundle = w.dir / "bundle"
        data = os.urandom(20_000_000)
        bundle.write_bytes(data)
        sha = hashlib.sha256(data).hexdigest()
        url = f"{self.base()}/v1/upload?sha256={sha}"
        with inside(w.lap):
            sender = subprocess.Popen(["curl", "-sS", "--limit-rate", "2M", "-H", f"X-Bayplate-Claim: {CODE}", "-T",
                                       str(bundle), url], stderr=subprocess.DEVNULL)
        until(lambda: self.get_json("/v1/upload")[1]["have"] > 5_000_000)
        ip("-n", w.lap, "link", "set", "lap0", "down")
        sender.kill()
        sender.wait()
        ip("-n", w.lap, "link", "set", "lap0", "up")

        def answers():
            return w.curl(self.base() + "/v1/identity", "--connect-timeout", "2", code=None, check=False)[0] == 200
        until(answers)
        have = self.get_json("/v1/upload")[1]["have"]
        self.assertGreater(have, 5_000_000)
        self.assertLess(have, 20_000_000)
        status, body = w.curl(url, "-C", str(have), "-T", str(bundle))
        self.assertEqual((status, json.loads(body)["done"]), (201, True))
        self.assertEqual((w.dir / "spool" / "upload.bundle").read_bytes(), data)
        self.assertEqual(w.curl(url, "-T", str(bundle))[0], 200)  # again: known already

    def test_07_a_changed_byte_is_refused(self):
        w = self.world
        bundle = w.dir / "bundle"
        bundle.write_bytes(os.urandom(1_000_000))
        status, body = w.curl(f"{self.base()}/v1/upload?sha256={'ab' * 32}", "-T", str(bundle))
        self.assertEqual(status, 422)
        self.assertIn("SHA-256", json.loads(body)["error"])
        self.assertFalse((w.dir / "spool" / "upload.part").exists())

    def test_08_what_is_too_large_is_refused_at_once(self):
        w = self.world
        bundle = w.dir / "bundle"
        with open(bundle, "wb") as f:
            f.truncate(65 << 20)
        self.assertEqual(w.curl(f"{self.base()}/v1/upload?sha256={'ab' * 32}", "-T", str(bundle))[0], 413)

    def test_09_recovery_files_by_tftp(self):
        w = self.world
        for more in ((), ("--tftp-blksize", "1428"), ("--tftp-no-options",)):
            self.assertEqual(w.curl(f"tftp://{DEVICE}/image.itb", *more)[1], w.image)
        for name in ("missing.itb", "..%2fsecret", ".hidden"):
            self.assertEqual(w.curl(f"tftp://{DEVICE}/{name}", check=False)[1], b"")
        with inside(w.lap):
            r = subprocess.run(["curl", "-sS", "-m", "20", "-T", str(w.dir / "claim"), f"tftp://{DEVICE}/image.itb"],
                               capture_output=True)
        self.assertNotEqual(r.returncode, 0)
        self.assertEqual((w.dir / "recovery" / "image.itb").read_bytes(), w.image)

    def test_10_the_kernel_listens_to_nothing(self):
        w = self.world
        with inside(w.port):
            listening = subprocess.run(["ss", "-H", "-t", "-u", "-w", "-l", "-n"], check=True, capture_output=True,
                                       text=True).stdout
            addresses = json.loads(subprocess.run(["ip", "-j", "addr", "show", "dev", "usb0"], check=True,
                                                  capture_output=True, text=True).stdout)
            routes = subprocess.run("ip route; ip -6 route show table all", shell=True, check=True,
                                    capture_output=True, text=True).stdout
            frames = subprocess.run(["ss", "-H", "-0", "-n"], check=True, capture_output=True, text=True).stdout
        self.assertEqual(listening, "")
        self.assertEqual(addresses[0]["addr_info"], [])
        self.assertEqual(routes, "")
        self.assertIn("usb0", frames)  # the one socket there is: frames of the cable
        rights = (pathlib.Path("/proc") / str(w.process.pid) / "status").read_text()
        self.assertIn("CapEff:\t0000000000000000", rights)

    def test_11_nothing_else_answers(self):
        w = self.world
        closed = []
        with inside(w.lap):
            for port in (22, 53, 443, 8080):
                with socket.socket() as s:
                    s.settimeout(WAIT_S)
                    closed.append(s.connect_ex((DEVICE, port)))
        self.assertEqual(set(closed), {111})  # ECONNREFUSED, by lwIP

    def test_12_without_the_lease_it_gives_itself_an_address(self):
        w = self.world
        self.lease.end()
        with Raw(w) as raw:
            raw.dhcp(LAPTOP_MAC, 7, b"\x36\x04" + socket.inet_aton(DEVICE), seconds=0, ciaddr=LAPTOP)
            # ARP announcing its own address (RFC 3927 section 2.4): sender and target are the same.
            arp = raw.find(lambda f: f[12:14] == b"\x08\x06" and f[28:32] == f[38:42] and f[28:30] == b"\xa9\xfe")
        self.assertIsNotNone(arp)
        address = socket.inet_ntoa(arp[28:32])
        ip("-n", w.lap, "addr", "flush", "dev", "lap0")
        ip("-n", w.lap, "addr", "add", "169.254.200.7/16", "dev", "lap0")
        self.assertEqual(w.curl(f"http://{address}/v1/identity", code=None)[0], 200)

    def test_13_ipv6_link_local_works(self):
        w = self.world
        with inside(w.port):
            mac = bytearray.fromhex(json.loads(subprocess.run(["ip", "-j", "link", "show", "usb0"], check=True,
                                    capture_output=True, text=True).stdout)[0]["address"].replace(":", ""))
        mac[0] ^= 2
        address = f"fe80::{mac[0]:02x}{mac[1]:02x}:{mac[2]:02x}ff:fe{mac[3]:02x}:{mac[4]:02x}{mac[5]:02x}"
        ip("-n", w.lap, "link", "set", "lap0", "down")  # flushing took its IPv6 address
        ip("-n", w.lap, "link", "set", "lap0", "up")

        def answers():
            return w.curl(f"http://[{address}%lap0]/v1/identity", code=None, check=False)[0] == 200
        until(answers)

    def test_14_with_the_terminal_down_uploads_still_work(self):
        w = self.world
        w.terminal.stop()
        ip("-n", w.lap, "addr", "add", f"{LAPTOP}/29", "dev", "lap0")
        with Raw(w) as raw:
            wants = b"\x32\x04" + socket.inet_aton(LAPTOP)
            self.assertEqual(raw.dhcp(LAPTOP_MAC, 3, wants)[0], 5)  # remembered from before
        Test.lease = Lease(w)
        self.assertEqual(self.get_json("/v1/state")[0], 503)
        status, log = w.curl(self.base() + "/v1/logs")
        self.assertEqual(status, 200)
        self.assertIn(b"bayplated does not answer", log)
        self.assertIn(b"wrong claim code", log)
        self.assertNotIn(b"WRONG-WRONG", log)  # never the code itself
        data = b"fix" * 1000
        (w.dir / "bundle").write_bytes(data)
        url = f"{self.base()}/v1/upload?sha256={hashlib.sha256(data).hexdigest()}"
        self.assertEqual(w.curl(url, "-T", str(w.dir / "bundle"))[0], 201)

    def test_15_a_flood_leaves_it_standing(self):
        """Bounds are for the worst neighbour: it may be slow afterwards, it must not be gone."""
        w = self.world
        with inside(w.lap):
            flood = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            peers = [socket.socket() for _ in range(40)]
        for _ in range(300):  # each would take a timer of lwIP's own TFTP server
            flood.sendto(b"\0\1missing\0octet\0", (DEVICE, 69))
            flood.sendto(b"\0", (DEVICE, 69))
        for peer in peers:  # heads that never end
            peer.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                peer.connect((DEVICE, 80))
        with Raw(w) as raw:
            for n in range(2000):
                kind = (b"\x08\x00", b"\x08\x06", b"\x86\xdd")[n % 3]
                with contextlib.suppress(OSError):  # the queue is full
                    raw.s.send(b"\xff" * 6 + LAPTOP_MAC + kind + os.urandom(n % 1400 + 46))
        for peer in peers:
            with contextlib.suppress(OSError):
                peer.send(b"GET /v1/identity HTTP/1.1\r\nX: ")
        for peer in peers[20:]:
            peer.close()

        def answers():
            return w.curl(self.base() + "/v1/identity", "--connect-timeout", "2", code=None, check=False)[0] == 200
        until(answers)
        for peer in peers:
            peer.close()
        flood.close()
        self.assertIsNone(w.process.poll())

    def test_16_it_stops_cleanly(self):
        self.lease.end()
        self.world.stop()

    def bundle_by_the_technicians_program(self, address):
        w = self.world
        key, cert, bundle = (w.dir / n for n in ("key.pem", "cert.pem", "new.raucb"))
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                        str(key), "-out", str(cert), "-days", "2", "-subj", "/CN=test"], check=True, capture_output=True)
        write_bundle(bundle, 5_000_001, "bayplate-test", "99.0", cert, key)
        with inside(w.lap):
            r = subprocess.run([str(FLASH), "--net", address, "--claim", CODE, "--keyring", str(cert), "--json",
                                str(bundle)], capture_output=True, text=True)
        self.assertEqual(r.returncode, 0, r.stdout + r.stderr)
        self.assertEqual((w.dir / "spool" / "upload.bundle").read_bytes(), bundle.read_bytes())

    def test_17_a_tap_device_will_do(self):
        w = self.world
        command = [a if a not in ("--interface", "usb0") else {"--interface": "--tap", "usb0": "svc0"}[a]
                   for a in w.command()]
        # As a flashed board starts it, with the claim code's hash alone.
        for option in ("--serial", "--claim-file"):
            at = command.index(option)
            del command[at:at + 2]
        salt = os.urandom(16)
        claim = hashlib.blake2b(CODE.replace("-", "").encode(), key=salt, digest_size=32).hexdigest()
        ini = w.dir / "device.ini"
        ini.write_text(f"[device]\nserial = {SERIAL}\nmodel = bayplate-test\nclaim_hash = blake2b${salt.hex()}${claim}\n")
        command += ["--device-ini", str(ini)]
        log = w.dir / "tap.log"
        with inside(w.lap), open(log, "w") as f:
            process = subprocess.Popen(command, stderr=f)
        try:
            def ready():
                self.assertIsNone(process.poll(), log.read_text())
                return "ready" in log.read_text()
            until(ready)
            ip("-n", w.lap, "link", "set", "svc0", "up")
            ip("-n", w.lap, "addr", "flush", "dev", "lap0")
            ip("-n", w.lap, "addr", "add", "169.254.200.7/16", "dev", "svc0")

            def found():
                with inside(w.lap):
                    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                with s:
                    s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("169.254.200.7"))
                    s.settimeout(0.5)
                    s.sendto(struct.pack("!HHHHHH", 7, 0, 1, 0, 0, 0) + dns_name(NAME) + b"\0\1\0\1",
                             ("224.0.0.251", 5353))
                    with contextlib.suppress(TimeoutError):
                        return s.recvfrom(2048)[1][0]
                return None
            address = until(found)
            self.assertTrue(address.startswith("169.254."), address)
            status, who = w.curl(f"http://{address}/v1/identity", code=None)
            self.assertEqual((status, json.loads(who)["model"]), (200, "bayplate-test"))
            status, page = w.curl(f"http://{address}/", code=None)
            self.assertEqual(status, 200)
            self.assertIn(f"bayplate {SERIAL}</h1>".encode(), page)
            self.assertTrue(page.endswith(b"</pre>"))
            self.assertEqual(w.curl(f"http://{address}/v1/upload", code=CODE.lower())[0], 200)
            self.assertEqual(w.curl(f"http://{address}/v1/upload", code=CODE[:-1] + "X")[0], 401)
            if FLASH:
                self.bundle_by_the_technicians_program(address)
        finally:
            process.terminate()
            status = process.wait(WAIT_S)
        self.assertEqual(status, 0, log.read_text())


def possible():
    if os.geteuid() != 0:
        return "not root"
    name = f"bptry{os.getpid()}"
    r = subprocess.run(["ip", "netns", "add", name], capture_output=True, text=True)
    if r.returncode == 0:
        r = subprocess.run(["ip", "-n", name, "link", "add", "name", "va", "type", "veth", "peer", "name", "vb"],
                           capture_output=True, text=True)
        subprocess.run(["ip", "netns", "del", name], check=True)
    return r.stderr.strip()


if __name__ == "__main__":
    if PORT is None:
        sys.exit(__doc__)
    why = possible()
    if why:
        print(f"skipped: network namespaces cannot be made here: {why}")
        sys.exit(77)
    unittest.main(failfast=True)
