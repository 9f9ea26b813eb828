# SPDX-License-Identifier: Apache-2.0
"""The whole terminal: a car arrives on a clip, its card is shown and completed, nothing acknowledged is lost."""
import json
import os
import random
import signal
import socket
import subprocess
import threading

import bayplate as bp


def cars_arrive_with_plate_owner_and_policies(folder):
    path, truth = bp.clip(20)
    policy = bp.PolicyServer(folder, path.with_suffix(".json"))
    terminal = bp.Terminal(folder, path, policy.port)
    try:
        terminal.sign_up()
        wanted = {v["plate"] for v in truth["visits"] if v["readable"] and v["out_s"] and v["out_s"] < 20}
        assert wanted, "the clip shows no car"
        cards = {}

        def complete():
            for card in terminal.history():
                if card["plate"] and card["customer"] and card["policies"] and card["evidence"]:
                    cards[card["plate"]["text"]] = card
            return wanted <= set(cards)
        bp.until(f"cards with customer and policies for {len(wanted)} cars", complete, 60)
        for plate in wanted:
            card = cards[plate]
            assert card["stage"] != "unknown", card
            assert card["todo"]["zh"] and card["todo"]["en"], card
            assert "****" in card["customer"]["phone"], "a whole telephone number is on the page"
            status, jpeg = terminal.request("GET", card["evidence"])
            assert status == 200 and jpeg[:2] == b"\xff\xd8", (status, jpeg[:20])
        visits = [c for c in terminal.history() if c["plate"]]
        assert len(visits) == len({c["plate"]["text"] for c in visits}), "one car, two visits"
        _, metrics = terminal.request("GET", "/metrics")
        for name in (b"bayplate_frames_analysed_total", b"bayplate_visits_total", b"bayplate_reads_total",
                     b"bayplate_frames_dropped_total", b"bayplate_analysis_seconds_bucket"):
            assert name in metrics, name
        status, health = terminal.request("GET", "/healthz")
        assert status == 200 and json.loads(health)["ok"], (status, health)
        info = [line for line in terminal.tail().splitlines() if not line.startswith("debug")]
        assert not any(plate in line for line in info for plate in wanted), "a plate is logged above debug"
    finally:
        code, seconds = terminal.stop()
        policy.stop()
    assert code == 0 and seconds < bp.STOP_S, (code, seconds)


def the_service_port_asks_the_terminal(folder):
    """What bayplate-port shows a technician: state, log, and the camera's picture as a JPEG that decodes."""
    cars, _ = standing_cars()
    path = str(folder / "device.sock")
    terminal = bp.Terminal(folder, cars[0], extra=f"loop = yes\n[service]\nsocket = {path}")

    def ask(what):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(bp.PATIENCE)
            s.connect(path)
            s.sendall(what + b"\n")
            with s.makefile("rb") as f:
                head = f.readline()
                return f.read(int(head[3:])) if head.startswith(b"ok ") else None
    try:
        bp.until("it is ready", lambda: "info main: ready" in terminal.tail())
        state = bp.until("the state has an online camera", lambda: (
            lambda s: s if s["cameras"][0]["state"] == "online" else None)(json.loads(ask(b"state"))))
        assert state["store"]["ok"], state
        assert b"info main: ready" in ask(b"logs"), ask(b"logs")[-500:]
        jpeg = bp.until("a picture", lambda: ask(b"snapshot"))
        (folder / "aim.jpg").write_bytes(jpeg)
        probe = subprocess.run(["ffprobe", "-v", "error", "-show_entries", "stream=codec_name,width,height", "-of",
                                "json", folder / "aim.jpg"], check=True, capture_output=True)
        stream = json.loads(probe.stdout)["streams"][0]
        assert stream["codec_name"] == "mjpeg" and (stream["width"], stream["height"]) == (1280, 720), stream
    finally:
        code, seconds = terminal.stop()
    assert code == 0 and seconds < bp.STOP_S, (code, seconds)
    assert not os.path.exists(path), "the socket is left behind"


def standing_cars():
    """Clips of two seconds, each with another car that stands there, and one of the empty bay."""
    whole, truth = bp.clip(36)
    cars = [bp.part(whole, v["stop_s"] + 0.2, 2)
            for v in truth["visits"] if v["readable"] and v["stops"] and v["out_s"] and v["out_s"] < 36]
    return cars, bp.part(whole, 0, truth["visits"][0]["in_s"] - 0.1)


def a_persons_word_is_looked_up_and_outlives_the_camera_and_a_power_cut(folder):
    cars, _ = standing_cars()
    whole, truth = bp.clip(36)
    policy = bp.PolicyServer(folder, whole.with_suffix(".json"))
    terminal = bp.Terminal(folder, cars[0], policy.port, extra="loop = yes")

    def card():
        return next((c for c in terminal.history() if c["plate"] and c["plate"]["text"]), None)
    try:
        terminal.sign_up()
        read = bp.until("the car is read and looked up", lambda: (lambda c: c if c and c["customer"] else None)(card()))
        other = next(v["plate"] for v in truth["visits"] if v["plate"] != read["plate"]["text"])
        status, data = terminal.request("POST", "/api/v1/corrections", {"visit": read["visit"], "plate": other[:2] + "·" + other[2:]})
        assert (status, json.loads(data)) == (200, {"plate": other}), (status, data)
        said = card()
        assert said["plate"]["text"] == other and said["plate"]["said"] and said["certainty"] == "certain", said
        assert said["plate"]["picture"] == read["plate"]["text"], said
        owner = bp.until("the other plate's owner", lambda: (lambda c: c["customer"] if c["lookup"]["state"] == "fresh" else None)(card()))
        assert owner != read["customer"], "still the owner of the plate that was read"
        assert terminal.metric("bayplate_plates_said_total") == 1
        assert (folder / "data/corrections/labels.csv").read_text().count(other) == 1
        terminal.kill()
        terminal.start()
        bp.until("the camera reads again", lambda: "info visit: reopened" in terminal.tail())
        assert card()["plate"]["text"] == other, card()
        info = [line for line in terminal.tail().splitlines() if not line.startswith("debug")]
        assert not any(other in line for line in info), "a plate is logged above debug"
    finally:
        terminal.stop()
        policy.stop()


NO_GAP = "loop = yes\n[visit]\nsame_car_gap_s = 0\ngone_after_s = 0.5"


def nothing_acknowledged_is_lost_by_sigkill(folder):
    cars, empty = standing_cars()
    assert len(cars) > 1, "one car in all runs would be one visit"
    terminal = bp.Terminal(folder, cars[0], extra=NO_GAP)
    terminal.sign_up()
    chance = random.Random(20)
    seen = {}  # visit → highest revision a page was shown
    newest = 0
    for turn in range(50):
        end = threading.Timer(chance.uniform(0.02, 0.4), terminal.kill)
        after_card = turn % 5 == 0  # some kills just after a card was shown, however slow the machine is
        stream = None
        try:
            stream = terminal.events(newest)
            if not after_card:
                end.start()
            while True:
                event, ident, data = stream.next()
                if event == "card":
                    if after_card and not end.is_alive():
                        end.start()
                        after_card = False
                    assert int(ident) > newest, f"revision {ident} came after {newest}"
                    newest = int(ident)
                    seen[data["visit"]] = max(seen.get(data["visit"], 0), newest)
        except (EOFError, OSError, ValueError):
            pass  # killed
        finally:
            if end.ident:
                end.join()
            if terminal.process.poll() is None:
                terminal.kill()
            if stream:
                stream.close()
        terminal.film(empty if turn == 49 else cars[(turn + 1) // 5 % len(cars)])
        terminal.start()
    kept = {c["visit"]: c["rev"] for c in terminal.history()}
    assert seen, "no card was ever shown"
    for visit, rev in seen.items():
        assert visit in kept, f"visit {visit} was shown and is lost"
        assert kept[visit] >= rev, f"visit {visit} was shown at {rev}, the store has {kept[visit]}"
    bp.until("visits of killed runs do not stay open", lambda: all(c["state"] != "open" for c in terminal.history()))
    print(f"         {len(seen)} visits acknowledged over 50 kills, none lost")
    terminal.stop()


def a_car_that_is_still_there_after_a_power_cut_keeps_its_visit(folder):
    cars, empty = standing_cars()
    terminal = bp.Terminal(folder, cars[0], extra=NO_GAP)
    terminal.sign_up()

    def certain():
        return [c for c in terminal.history() if c["state"] == "open" and c["certainty"] == "certain"]
    before = bp.until("the car's card", certain)[0]
    terminal.kill()
    terminal.start()
    bp.until("it is seen again", lambda: [c for c in certain() if c["rev"] > before["rev"]])
    assert [c["visit"] for c in terminal.history()] == [before["visit"]], "one car, two visits"
    terminal.kill()
    terminal.film(empty)
    terminal.start()
    bp.until("the visit is closed", lambda: all(c["state"] == "closed" for c in terminal.history()))
    after = terminal.history()[0]
    assert after["plate"]["text"] == before["plate"]["text"] and after["certainty"] == "certain", after
    assert after["opened"] == before["opened"] and after["evidence"], after
    terminal.stop()


def check_config_lists_every_error(folder):
    config = folder / "bad.ini"
    config.write_text("[http]\nprot = 1\nport = x\n[camera]\nzone = 1\n")
    r = subprocess.run([bp.BINARY / "firmware/bayplated", "--check-config", "-c", config], capture_output=True,
                       text=True, timeout=bp.PATIENCE)
    assert r.returncode == 1
    for words in ("bad.ini:2: http.prot", "bad.ini:3: http.port", "bad.ini:5: camera.zone", "camera.source: missing"):
        assert words in r.stderr, (words, r.stderr)


def a_damaged_model_is_told_at_once(folder):
    models = folder / "models"
    models.mkdir()
    for f in (bp.SOURCE / "vision/models").iterdir():
        data = f.read_bytes()
        (models / f.name).write_bytes(data[:len(data) // 2] if f.name == "reader.onnx" else data)
    config = folder / "b.ini"
    config.write_text(f"[camera]\nsource = x.mp4\n[vision]\nmodels = {models}\n[store]\ndir = {folder}/d\n[http]\nport = 0\n")
    for breakage in ("reader.onnx", "detector.json"):
        r = subprocess.run([bp.BINARY / "firmware/bayplated", "-c", config], capture_output=True, text=True,
                           timeout=bp.PATIENCE)
        assert r.returncode == 1 and breakage in r.stderr, (breakage, r.stderr[-500:])
        (models / "reader.onnx").write_bytes((bp.SOURCE / "vision/models/reader.onnx").read_bytes())
        (models / "detector.json").unlink(missing_ok=True)


def a_damaged_database_is_set_aside(folder):
    path, _ = bp.clip(12)
    (folder / "data").mkdir()
    (folder / "data/bayplate.db").write_bytes(os.urandom(8192))
    terminal = bp.Terminal(folder, path)
    try:
        terminal.sign_up()
        assert list((folder / "data").glob("bayplate.db.damaged-*")), "nothing was set aside"
        assert "set aside" in terminal.tail()
    finally:
        terminal.stop()


def a_camera_that_is_away_is_shown_offline(folder):
    terminal = bp.Terminal(folder, f"{folder}/no-such.mp4")
    try:
        terminal.sign_up()
        stream = terminal.events()

        def offline():
            event, _, data = stream.next()
            return event == "status" and data["cameras"][0]["state"] == "offline" and data["cameras"][0]["error"]
        assert "no-such.mp4" in bp.until("the page hears that the camera is offline", offline)
        status, health = terminal.request("GET", "/healthz")
        assert status == 503 and not json.loads(health)["ok"], (status, health)
        stream.close()
    finally:
        terminal.stop()


def another_zone_is_taken_over_by_sighup(folder):
    path, _ = bp.clip(12)
    corner = "\nloop = yes\nzone = 0.9,0 1,0 1,0.1 0.9,0.1"
    terminal = bp.Terminal(folder, path, extra=corner)
    try:
        terminal.sign_up()
        bp.until("the clip was played", lambda: terminal.metric("bayplate_camera_frames_total") > 320)
        assert not terminal.history(), "a car outside the zone is a visit"
        terminal.config.write_text(terminal.config.read_text().replace(corner, "\nloop = yes"))
        terminal.process.send_signal(signal.SIGHUP)
        bp.until("a car is seen in the new zone", terminal.history)
    finally:
        terminal.stop()


if __name__ == "__main__":
    bp.main(globals())
