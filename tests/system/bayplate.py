# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: starts the real programs in a temporary folder, signs in, follows the event stream."""
import fcntl
import http.client
import inspect
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("BAYPLATE_BINARY_DIR", SOURCE / "build/asan"))
STOP_S = 10  # two seconds are promised, on a machine that has nothing else to do: tools/bench-card prints them
PATIENCE = 30  # seconds until something that must happen counts as not happening


def until(what, check, patience=PATIENCE):
    """Asks again until check() gives something true; a deadline, not a sleep, decides."""
    end = time.monotonic() + patience
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"did not happen in {patience} s: {what}")
        time.sleep(0.02)


def made_once(name, make):
    """A file of the build folder that make(path) makes when it is not there; tests run side by side."""
    cache = BINARY / "test-clips"
    cache.mkdir(parents=True, exist_ok=True)
    path = cache / name
    with open(path.with_suffix(".lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not path.exists():
            make(path.with_suffix(f".part{path.suffix}"))
            for done in cache.glob(f"{path.stem}.part.*"):
                if done.suffix != path.suffix:  # what belongs to it is there before it is
                    done.replace(path.with_suffix(done.suffix))
            path.with_suffix(f".part{path.suffix}").replace(path)
    return path


def clip(seconds):
    """A drawn gate clip and its truth."""
    path = made_once(f"gate-{seconds}.mp4", lambda path: subprocess.run(
        [SOURCE / "tools/gate-clip", "--rendered", "--quiet", "--seconds", str(seconds), path], check=True))
    return path, json.loads(path.with_suffix(".json").read_text())


def part(whole, begin, seconds):
    """A piece of a clip as a clip of its own."""
    return made_once(f"{whole.stem}-{begin:.2f}-{seconds}.mp4", lambda path: subprocess.run(
        ["ffmpeg", "-loglevel", "error", "-y", "-ss", str(begin), "-i", whole, "-t", str(seconds), path], check=True))


class PolicyServer:
    def __init__(self, folder, truth=None, *options):
        self.folder = pathlib.Path(folder)
        args = [BINARY / "tools/policy-server", "--db", self.folder / "policy.db", "--seed-demo", "100",
                "--port", "0", "--json", *options]
        if truth:
            args += ["--plates", truth]
        self.log = open(self.folder / "policy.log", "wb")
        self.process = subprocess.Popen([str(a) for a in args], stdout=subprocess.PIPE, stderr=self.log)
        self.port = json.loads(self.process.stdout.readline())["port"]

    def stop(self):
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.process.stdout.close()
        self.log.close()


class Terminal:
    def __init__(self, folder, source, policy_port=None, extra="", policy_extra="", http=""):
        self.folder = pathlib.Path(folder)
        self.config = self.folder / "bayplate.ini"
        policy = f"[policy]\nbase = http://127.0.0.1:{policy_port}\n{policy_extra}\n" if policy_port else ""
        self.config.write_text(
            f"[camera]\nsource = {source}\n{extra}\n[vision]\nmodels = {SOURCE}/vision/models\n"
            f"[store]\ndir = {self.folder}/data\nreserve_mb = 0\n[log]\nlevel = debug\n"
            f"[http]\nport = 0\n{http}\nport_file = {self.folder}/port\n{policy}")
        self.cookie = self.csrf = None
        self.log_path = self.folder / "bayplated.log"
        self.start()

    def film(self, source):
        """Another source from the next start on."""
        self.config.write_text(re.sub(r"(?m)^source = .*$", f"source = {source}", self.config.read_text()))

    def start(self, before=None):
        """before: called in the new process, as a limit must be."""
        port_file = self.folder / "port"
        port_file.unlink(missing_ok=True)
        self.log = open(self.log_path, "ab")
        self.process = subprocess.Popen([str(BINARY / "firmware/bayplated"), "-c", str(self.config)], stderr=self.log,
                                        preexec_fn=before)

        def up():
            if self.process.poll() is not None:
                raise AssertionError("bayplated ended:\n" + self.tail())
            text = port_file.read_text() if port_file.exists() else ""
            return int(text.split()[0]) if text.endswith("\n") else None
        self.port = until("bayplated writes its port", up)

    def tail(self):
        return self.log_path.read_text(errors="replace")[-3000:]

    def request(self, method, path, body=None, headers=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)
        h = {"Origin": f"http://127.0.0.1:{self.port}", **(headers or {})}
        if self.cookie:
            h["Cookie"] = self.cookie
        if self.csrf:
            h["X-CSRF-Token"] = self.csrf
        if body is not None:
            body = json.dumps(body)
            h["Content-Type"] = "application/json"
        c.request(method, path, body, h)
        r = c.getresponse()
        data = r.read()
        if r.getheader("Set-Cookie"):
            self.cookie = r.getheader("Set-Cookie").split(";")[0]
        c.close()
        return r.status, data

    def json(self, path):
        status, data = self.request("GET", path)
        assert status == 200, (path, status, data[:300])
        return json.loads(data)

    def sign_up(self):
        code = until("the set-up code is logged", lambda: re.search(r"set-up code[^:]*: ([A-Z0-9-]+)", self.tail()))
        status, data = self.request("POST", "/api/v1/setup", {
            "code": code.group(1), "name": "测试员", "role": "advisor", "pin": "739154"})
        assert status in (200, 201), (status, data)
        self.csrf = json.loads(data).get("csrf")

    def metric(self, name):
        """Sum over all labels; 0 when there is none yet."""
        _, text = self.request("GET", "/metrics")
        return sum(float(v) for v in re.findall(rf"(?m)^{name}(?:{{[^}}]*}})? (\S+)$", text.decode()))

    def history(self):
        cards, before = [], None
        while True:
            page = self.json("/api/v1/visits?limit=200" + (f"&before={before}" if before else ""))
            cards += page["cards"]
            before = page.get("next")
            if not before:
                return cards

    def events(self, last_id=None):
        return Events(self, last_id)

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.log.close()

    def stop(self):
        begin = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(PATIENCE)
        self.log.close()
        return code, time.monotonic() - begin


class Events:
    """One event stream over a plain socket."""

    def __init__(self, terminal, last_id=None):
        self.socket = socket.create_connection(("127.0.0.1", terminal.port), timeout=PATIENCE)
        lines = ["GET /api/v1/events HTTP/1.1", f"Host: 127.0.0.1:{terminal.port}", f"Cookie: {terminal.cookie}",
                 "Accept: text/event-stream"]
        if last_id is not None:
            lines.append(f"Last-Event-ID: {last_id}")
        self.socket.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.chunked = False
        while True:
            line = self.file.readline().strip()
            if not line:
                break
            if line.lower() == b"transfer-encoding: chunked":
                self.chunked = True
        self.buffer = b""

    def line(self):
        while b"\n" not in self.buffer:
            if self.chunked:
                size = self.file.readline()
                if not size:
                    raise EOFError
                n = int(size, 16)
                self.buffer += self.file.read(n)
                self.file.readline()
                if n == 0:
                    raise EOFError
            else:
                data = self.file.readline()
                if not data:
                    raise EOFError
                self.buffer += data
        out, self.buffer = self.buffer.split(b"\n", 1)
        return out.decode().rstrip("\r")

    def next(self):
        """(event, id, data) of the next event; comments are passed over. EOFError, OSError: the stream ended."""
        event, ident, data = "message", None, []
        while True:
            line = self.line()
            if line == "":
                if data:
                    return event, ident, json.loads("\n".join(data))
                event, ident = "message", None
            elif line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("id:"):
                ident = line[3:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].lstrip(" "))

    def close(self):
        self.file.close()
        self.socket.close()


def cases(module):
    """The test cases of a file: its functions that take a folder and nothing else. tests/system/CMakeLists.txt finds
    the same by their `def` lines, so that CTest runs each by itself."""
    return {name: f for name, f in module.items() if inspect.isfunction(f) and f.__module__ == "__main__"
            and list(inspect.signature(f).parameters) == ["folder"]}


def main(module):
    """Runs the cases named on the command line, or all, each in a folder of its own; prints what cmocka would."""
    known = cases(module)
    unknown = [name for name in sys.argv[1:] if name not in known]
    if unknown:
        sys.exit(f"no such case: {', '.join(unknown)}; known: {', '.join(known)}")
    failed = 0
    for name in sys.argv[1:] or known:
        begin = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="bayplate-") as folder:
            try:
                known[name](pathlib.Path(folder))
                print(f"[  OK  ] {name} ({time.monotonic() - begin:.1f} s)")
            except Exception as e:  # every failure is shown, the next test runs
                failed += 1
                print(f"[FAILED] {name}: {type(e).__name__}: {e}")
                for log in pathlib.Path(folder).glob("*.log"):
                    print(f"--- {log.name}\n{log.read_text(errors='replace')[-2500:]}")
    sys.exit(1 if failed else 0)
