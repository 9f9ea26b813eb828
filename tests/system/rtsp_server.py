#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An RTSP camera on the loopback: rtsp://127.0.0.1:PORT/cam, a moving test picture at 25 frames a second.

usage: tests/system/rtsp_server.py [--port N] [--size WxH] [--h264 | --frames DIR]
  --port   0 (default): a free one. The port is printed on a line of its own once the server listens.
  --size   default 320x240
  --h264   H.264 instead of JPEG (needs gstreamer1.0-plugins-ugly)
  --frames DIR   instead of the test picture these JPEG files of that size, 00000.jpg and so on, again and again
"""
import argparse
import os
import signal
import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402


def main():
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--port", default="0")
    args.add_argument("--size", default="320x240")
    args.add_argument("--h264", action="store_true")
    args.add_argument("--frames")
    a = args.parse_args()
    width, height = a.size.split("x")
    Gst.init(None)
    encode = ("x264enc tune=zerolatency speed-preset=ultrafast key-int-max=25 ! rtph264pay config-interval=1"
              if a.h264 else "jpegenc ! rtpjpegpay")
    factory = GstRtspServer.RTSPMediaFactory()
    picture = (f"videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width={width},height={height},"
               f"framerate=25/1 ! {encode}")
    if a.frames:
        last = len(os.listdir(a.frames)) - 1
        picture = (f"multifilesrc location={a.frames}/%05d.jpg start-index=0 stop-index={last} loop=true caps=\"image/jpeg,"
                   f"width={width},height={height},framerate=25/1\" ! rtpjpegpay")
    factory.set_launch(f"( {picture} name=pay0 pt=96 )")
    factory.set_shared(True)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(a.port)
    server.get_mount_points().add_factory("/cam", factory)
    if server.attach(None) == 0:
        print(f"rtsp_server: port {a.port} cannot be bound", file=sys.stderr)
        return 1
    print(server.get_bound_port(), flush=True)
    loop = GLib.MainLoop()
    GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, signal.SIGTERM, loop.quit)
    loop.run()
    return 0


sys.exit(main())
