#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""policy-server as a program: command line, import, batch, tokens, rate limit, demo customers.

usage: tests/net/test_policy_server.py POLICY-SERVER
"""
import datetime
import json
import os
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.parse
import urllib.request

PROGRAM = ""
OPEN = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # loopback only, whatever the environment says


def run(*args):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=30)


class Server:
    def __init__(self, *args):
        self.process = subprocess.Popen([PROGRAM, "--port", "0", "--json", *args], stdout=subprocess.PIPE)
        self.ready = json.loads(self.process.stdout.readline())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        assert self.process.wait(10) == 0
        self.process.stdout.close()

    def ask(self, path, body=None, token=None, key=None):
        request = urllib.request.Request(self.ready["url"] + path, json.dumps(body).encode() if body is not None else None)
        if token:
            request.add_header("Authorization", "Bearer " + token)
        if key:
            request.add_header("x-api-key", key)
        try:
            with OPEN.open(request, timeout=10) as answer:
                return answer.status, json.load(answer), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error), error.headers

    def plate(self, plate, **how):
        return self.ask(f"/v1/vehicles/{urllib.parse.quote(plate)}/policies", **how)


class PolicyServer(unittest.TestCase):
    def setUp(self):
        self.dir = tempfile.TemporaryDirectory()
        self.addCleanup(self.dir.cleanup)

    def file(self, name, text, mode="w"):
        path = os.path.join(self.dir.name, name)
        with open(path, mode, **({} if "b" in mode else {"encoding": "utf-8"})) as f:
            f.write(text)
        return path

    def test_command_line(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("examples:", done.stdout)
        for wrong in (["--nobody"], ["--port", "x"], ["--fault", "nobody"], ["--cert", "a"], ["word"], ["--plates", "x"]):
            self.assertEqual(run(*wrong).returncode, 2, wrong)
        for broken in (["--db", "/nonexistent/x.db"], ["--token-file", "/nonexistent"], ["--import", "/nonexistent"],
                       ["--seed-demo", "1", "--plates", "/nonexistent"], ["--address", "nowhere"]):
            done = run(*broken, "--port", "0")
            self.assertEqual(done.returncode, 1, broken)
            self.assertTrue(done.stderr.startswith("policy-server: "), done.stderr)

    def test_import(self):
        db = os.path.join(self.dir.name, "p.db")
        good = self.file("good.csv", "\ufeffkind,plate,end,start,owner_name,premium,covers,extra\r\n"
                         '商业险,粤A·12345,2026-04-01,20250402,"演示, ""客户""",3250.50,车损;三者,x\r\n'
                         "compulsory,粤A12345,2026/03/08,2025-03-09,演示,,,\r\n,京B88888,,,无保单,,,\r\n")
        done = run("--db", db, "--import", good, "--no-serve")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("2 vehicles", done.stdout)
        for bad, says in (("plate,kind,start,end\nA,compulsory,2025-01-01,2026-02-30\n", ":2: end"), ("kind\nx\n", "header"),
                          ("plate,kind\nA\n", ":2"), ('plate\n"A\n', ":2")):
            done = run("--db", db, "--import", self.file("bad.csv", bad), "--no-serve")
            self.assertEqual(done.returncode, 1)
            self.assertIn(says, done.stderr.replace(": 2", ":2"))
        self.assertEqual(run("--db", db, "--import", self.file("gbk.csv", "plate\n粤A1\n".encode("gbk"), "wb"), "--no-serve").returncode, 1)
        with Server("--db", db) as server:  # the database outlives its server
            status, answer, _ = server.plate("粤a 12345")
            self.assertEqual(status, 200)
            self.assertEqual([p["kind"] for p in answer["policies"]], ["commercial", "compulsory"])
            self.assertEqual(answer["policies"][0]["covers"], ["车损", "三者"])
            self.assertEqual(answer["policies"][0]["premium"], 3250.5)
            self.assertEqual(server.plate("京B88888")[1]["policies"], [])

    def test_batch(self):
        with Server("--seed-demo", "5", "--plates", self.file("p.json", '["粤A12345"]')) as server:
            status, answer, _ = server.ask("/v1/vehicles/policies:batch", {"plates": ["粤A12345", "京A00000"]})
            self.assertEqual(status, 200)
            self.assertEqual([r["status"] for r in answer["results"]], [200, 404])
            self.assertEqual(answer["results"][0]["body"]["plate"], "粤A12345")
            for bad in ({}, {"plates": []}, {"plates": [1]}, {"plates": ["x"] * 201}, []):
                self.assertEqual(server.ask("/v1/vehicles/policies:batch", bad)[0], 400)
            self.assertEqual(server.ask("/v1/vehicles/policies:batch", {"plates": ["x" * 70000]})[0], 413)
            self.assertEqual(server.ask("/admin/stats")[0], 404)  # only with --allow-faults

    def test_tokens_and_rate(self):
        tokens = self.file("tokens", "alpha\nbeta\n")
        with Server("--seed-demo", "1", "--token-file", tokens, "--rate", "2", "--retry-after", "7") as server:
            self.assertEqual(server.plate("x")[0], 401)
            for wrong in ("alph", "alphaa", "gamma", "alpha\tx"):
                self.assertEqual(server.plate("x", token=wrong)[0], 401)
            self.assertEqual(server.plate("x", key="beta")[0], 404)
            answers = [server.plate("x", token="alpha") for _ in range(4)]
            self.assertEqual(answers[0][0], 404)
            self.assertIn(429, [a[0] for a in answers])
            self.assertEqual([a[2]["Retry-After"] for a in answers if a[0] == 429][0], "7")
            self.assertEqual(server.plate("x", token="beta")[0], 404)  # has a measure of its own

    def test_demo_shows_every_stage(self):
        stages = dict(not_due=(61, 9999), listed=(51, 60), first_call=(46, 50), quote=(30, 45), follow=(16, 29), push=(0, 15),
                      lapsed=(-9999, -1))
        clip = {"visits": [{"plate": f"粤A{i:05d}", "first_frame": 1} for i in range(16)] + [{"plate": None}], "plates": [[1, 2]]}
        seen = set()
        with Server("--seed-demo", "40", "--plates", self.file("clip.json", json.dumps(clip))) as server:
            self.assertEqual(server.ready["vehicles"], 40)
            for visit in clip["visits"][:16]:
                answer = server.plate(visit["plate"])[1]
                left = min((datetime.date.fromisoformat(p["end"]) - datetime.date.today()).days for p in answer["policies"])
                seen |= {name for name, (low, high) in stages.items() if low <= left <= high}
                self.assertTrue(answer["owner"]["phone"].startswith("138 0000 "))
        self.assertEqual(seen, set(stages))


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
