#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bayplate-eval on folders of a stranger: crops, scenes, odd labels, damaged files, the sheet, damaged models.

usage: test_eval.py BAYPLATE_READ BAYPLATE_EVAL SOURCE_DIR
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile


def run(program, *arguments, status=0):
    p = subprocess.run([program, *arguments], capture_output=True, text=True)
    assert p.returncode == status, (p.returncode, arguments, p.stdout[-800:], p.stderr[-800:])
    return p.stdout, p.stderr


def labels(folder, text):
    with open(os.path.join(folder, "labels.csv"), "w", encoding="utf-8", newline="") as f:
        f.write(text)


def scenes(folder, np, Image, render, scene):
    """Boxes as they should be, CRLF, a byte order mark, one absolute path, a damaged file, a missing one, a bad row."""
    os.mkdir(folder)
    for name, text in (("a b.png", "粤A12345"), ("c.png", "京A88731"), ("none.png", None)):
        scene(np, Image, render(text, "blue") if text else None).save(os.path.join(folder, name))
    data = open(os.path.join(folder, "c.png"), "rb").read()
    open(os.path.join(folder, "cut.png"), "wb").write(data[:30])
    labels(folder, "\ufeffpath,plate,type,x0,y0,x1,y1\r\n"
                   "\"a b.png\",粤A·12345,Blue,240,215,400,266\r\n"
                   f"{folder}/c.png,京A88731,yellow,240,215,400,266\r\n"
                   "none.png,京A11111,blue,240,215,400,266\r\n"
                   "cut.png,京A22222,blue,240,215,400,266\r\n"
                   "gone.png,京A33333,,,,,\r\n"
                   "\r\n"
                   "c.png,京A88731,blue,1,2,3,high\r\n")


def check_scenes(program, folder):
    out, told = run(program, "--json", "--reads", folder, status=1)
    s = json.loads(out)["sets"][0]
    assert s["name"] == "scenes" and s["truths"] == 5 and s["pictures"] == 5 and s["errors"] == 2, s
    assert s["exact"] == 0.4 and s["detection_recall"] == 0.5 and s["type_right"] == 0.5, s
    assert s["false_plates_per_picture"] == 0 and s["boxes"] == "corners" and s["rows_left_out"] == 1, s
    assert {t["name"]: t["truths"] for t in s["types"]} == {"type:blue": 3, "type:yellow": 1, "type:unknown": 1}, s
    assert "labels.csv:8: field \"y1\" is \"high\"" in told and "gone.png: cannot be opened" in told, told
    by_file = {os.path.basename(p["file"]): p for p in s["list"]}
    assert by_file["a b.png"]["reads"][0]["plate"] == "粤A12345" and by_file["a b.png"]["truths"][0]["read"] == 0
    assert "ms" in s and s["ms"]["detect"] > 0
    out, _ = run(program, "--json", "--only", os.path.join(folder, "texts"), folder, status=1)
    s = json.loads(out)["sets"][0]
    assert s["truths"] == 1 and s["exact"] == 1, s
    table, _ = run(program, "--wrong", folder, folder, status=1)
    assert "province:粤" in table and "wrong " + folder + "/none.png 京A11111: nothing" in table, table
    assert table.splitlines()[-1].split()[:2] == ["all", "10"], table


def check_crops(program, folder, np, Image, render):
    """No box: plates cut out, squeezed and large, and a scene among them, told apart by their looks."""
    os.mkdir(folder)
    text, rows = "沪B8K639", "path,plate\n"
    art = Image.fromarray(render(text, "blue"))
    for size in ((94, 24), (136, 36), (1100, 350), (1600, 510)):
        art.resize(size, Image.LANCZOS).save(os.path.join(folder, f"{size[0]}.png"))
        rows += f"{size[0]}.png,{text}\n"
    labels(folder, rows)
    s = json.loads(run(program, "--json", "--reads", folder)[0])["sets"][0]
    assert s["exact"] == 1 and "detection_recall" not in s, s
    assert all(p["kind"] == "crop" for p in s["list"]), s["list"]


def check_sheet(program, scenes_folder, folder, np, Image):
    path = os.path.join(folder, "sheet.png")
    run(program, "--sheet", path, scenes_folder, status=1)
    sheet = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert sheet.shape[1] == 5 * 312, sheet.shape
    tile = sheet[34:, :312]  # the first failure: no crop stands out of the background, but its texts do
    assert (tile > 200).all(2).sum() > 300, "no writing"
    assert (sheet[34:134, 6:240].std() > 3), "no crop"
    run(program, "--sheet", "/nowhere/x.png", scenes_folder, status=2)


def check_models(read, program, source, folder, picture):
    """Models of another version, of another kind, damaged or missing are refused by name, at once."""
    models = os.path.join(folder, "models")
    good = os.path.join(source, "vision", "models")

    def fresh():
        shutil.rmtree(models, ignore_errors=True)
        shutil.copytree(good, models)

    def change(name, field, value):
        fresh()
        path = os.path.join(models, name)
        o = json.load(open(path, encoding="utf-8"))
        o[field] = value
        json.dump(o, open(path, "w", encoding="utf-8"))

    def refused(*says):
        for p, more in ((read, [picture]), (program, [os.path.join(folder, "crops")])):
            out, told = run(p, "--models", models, *more, status=2)
            assert all(s in told for s in says) and not out.startswith("{"), (told, says)

    for name in ("reader", "detector"):
        change(f"{name}.json", "format", 7)
        version = json.load(open(os.path.join(good, f"{name}.json"), encoding="utf-8"))["version"]
        refused(f"{name}.json", f"version {version}", "format 7", "format 1")
        change(f"{name}.json", "name", "something else")
        refused(f"{name}.json", "something else")
        fresh()
        path = os.path.join(models, f"{name}.onnx")
        data = open(path, "rb").read()
        for damage in (b"", data[:len(data) // 2], b"\0" * len(data)):
            open(path, "wb").write(damage)
            refused(f"{name}.onnx")
        os.remove(path)
        refused(f"{name}.onnx", "No such file")
        fresh()
        open(os.path.join(models, f"{name}.json"), "w").write("{\"format\": 1")
        refused(f"{name}.json", "line 1")
    change("reader.json", "symbols", ["京"])
    refused("reader.onnx")


def main():
    read, program, source = sys.argv[1:4]
    try:
        import numpy as np
        from PIL import Image
    except ImportError as e:
        print(f"skipped: {e}")
        return 77
    sys.path[:0] = [os.path.join(source, "tools", "plates"), os.path.join(source, "tests", "vision")]
    from render import render
    from test_read_rendered import scene
    folder = tempfile.mkdtemp()
    try:
        first = os.path.join(folder, "scenes")
        scenes(first, np, Image, render, scene)
        open(os.path.join(first, "texts"), "w", encoding="utf-8").write("京A88731\n")
        check_scenes(program, first)
        check_crops(program, os.path.join(folder, "crops"), np, Image, render)
        check_sheet(program, first, folder, np, Image)
        free = os.path.join(folder, "free")
        os.mkdir(free)
        shutil.copy(os.path.join(first, "none.png"), free)
        shutil.copy(os.path.join(first, "c.png"), free)
        s = json.loads(run(program, "--json", "--plate-free", free)[0])["sets"][0]
        assert s["pictures"] == 2 and s["false_plates_per_picture"] == 0.5 and s["truths"] == 0, s
        out, told = run(program, free, first, status=2)  # the rest goes on
        assert "free/labels.csv: No such file" in told and "scenes" in out, (out, told)
        run(program, status=2)
        run(program, "--boxes", "odd", free, status=2)
        check_models(read, program, source, folder, os.path.join(first, "c.png"))
    finally:
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
