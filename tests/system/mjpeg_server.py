#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An HTTP camera on the loopback: http://127.0.0.1:PORT/cam, JPEG pictures without end at 25 a second.

usage: tests/system/mjpeg_server.py [--port N] [--size WxH] [--frozen]
  --port   0 (default): a free one. The port is printed on a line of its own once the server listens.
  --size   default 320x240
  --frozen the same picture all the time, as a camera that hangs sends it
"""
import argparse
import http.server
import io
import time

from PIL import Image


class Camera(http.server.BaseHTTPRequestHandler):
    pictures = []

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=next")
        self.end_headers()
        try:
            n = 0
            while True:
                data = self.pictures[n % len(self.pictures)]
                self.wfile.write(b"--next\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n" % len(data))
                self.wfile.write(data + b"\r\n")
                n += 1
                time.sleep(0.04)  # the camera's pace
        except OSError:
            pass  # the watcher went away

    def log_message(self, *args):
        pass


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--port", type=int, default=0)
    args.add_argument("--size", default="320x240")
    args.add_argument("--frozen", action="store_true")
    a = args.parse_args()
    size = tuple(map(int, a.size.split("x")))
    for grey in (range(40, 41) if a.frozen else range(40, 200, 10)):
        out = io.BytesIO()
        Image.new("RGB", size, (grey, 90, 90)).save(out, "JPEG")
        Camera.pictures.append(out.getvalue())
    server = http.server.ThreadingHTTPServer(("127.0.0.1", a.port), Camera)
    print(server.server_address[1], flush=True)
    server.serve_forever()


main()
