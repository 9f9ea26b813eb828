#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the page's files as one C source.

usage: embed.py OUT.c FILE...
"""
import hashlib
import pathlib
import sys

TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8",
         ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml"}

if len(sys.argv) < 3:
    sys.exit(__doc__)
out = ['// Made by firmware/page/embed.py.', '#include "firmware/page_assets.h"', ""]
rows = []
for n, name in enumerate(sys.argv[2:]):
    path = pathlib.Path(name)
    data = path.read_bytes()
    where = {"index.html": "/", "aim.html": "/aim", "device.html": "/device"}.get(path.name, "/assets/" + path.name)
    etag = hashlib.sha256(data).hexdigest()[:16]
    out.append(f"static const unsigned char file_{n}[] = {{")
    for i in range(0, len(data), 24):
        out.append("  " + ",".join(str(b) for b in data[i:i + 24]) + ",")
    out.append("};")
    rows.append(f'  {{"{where}", "{TYPES[path.suffix]}", "\\"{etag}\\"", file_{n}, sizeof file_{n}}},')
out += ["", "const struct page_asset page_assets[] = {", *rows, "  {0, 0, 0, 0, 0},", "};", ""]
pathlib.Path(sys.argv[1]).write_text("\n".join(out), encoding="utf-8")
