# SPDX-License-Identifier: Apache-2.0
"""What a run was promised, and whether a disk that is found after a cut holds it."""
import json
import subprocess

GROWING = {"clock", "upload"}  # numbers that may be ahead of the promise


class Promises:
    def __init__(self):
        self.done, self.begun = {}, {}

    def mark(self, done, key, value):
        if done:
            self.done[key] = value
            self.begun[key] = set()
        else:
            self.begun.setdefault(key, set()).add(value)

    def wrong(self, found):
        """What of it is not as promised; keys that nothing promises must not be there but by a begun promise."""
        out = []
        for key in {*self.done, *self.begun, *found}:
            has, last, next_ = found.get(key, ""), self.done.get(key, ""), self.begun.get(key, set())
            if has == last or has in next_ or (has and "*" in next_):  # "*": what is drawn by chance
                continue
            if key in GROWING and has and last and int(has) >= int(last) and next_:
                continue
            if key in GROWING and has and not last:
                continue
            out.append(f"{key}: found {has!r}, promised {last!r}, begun {sorted(next_)}")
        return out


class Looker:
    """power-run --look: opens a folder as a start of the terminal does, and tells all it finds."""

    def __init__(self, program, visits):
        self.program, self.visits = program, visits
        self.p = subprocess.Popen([program, "--look", str(visits)], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                  stderr=subprocess.DEVNULL, text=True)

    def look(self, folder):
        self.p.stdin.write(f"{folder}\n")
        self.p.stdin.flush()
        line = self.p.stdout.readline()
        if not line:
            status = self.p.wait()
            self.__init__(self.program, self.visits)
            return {"ok": False, "why": f"it died, status {status}", "found": {}}
        return json.loads(line)

    def end(self):
        self.p.stdin.close()
        self.p.wait()
