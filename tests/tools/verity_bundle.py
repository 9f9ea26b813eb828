# SPDX-License-Identifier: Apache-2.0
"""Update bundles for tests without rauc and mksquashfs: of the layout alone."""
import hashlib
import os
import subprocess

BLOCK = 4096


def write_bundle(path, size, compatible, version, cert, key):
    """A bundle of RAUC's format verity: a squashfs of `size` bytes, of which only the head is one, its hash tree (kernel,
    verity.rst), the manifest in its signature, and the signature's length."""
    body = bytearray(os.urandom(-(-size // BLOCK) * BLOCK))
    body[:4], body[40:48] = b"hsqs", size.to_bytes(8, "little")
    salt, levels, below = os.urandom(32), [], bytes(body)
    while not levels or len(levels[0]) > BLOCK:
        sums = b"".join(hashlib.sha256(salt + below[i:i + BLOCK]).digest() for i in range(0, len(below), BLOCK))
        below = sums + bytes(-len(sums) % BLOCK)
        levels.insert(0, below)
    tree = b"".join(levels)
    manifest = (f"[update]\ncompatible={compatible}\nversion={version}\n[bundle]\nformat=verity\n"
                f"verity-hash={hashlib.sha256(salt + levels[0]).hexdigest()}\nverity-salt={salt.hex()}\n"
                f"verity-size={len(tree)}\n")
    sig = subprocess.run(["openssl", "cms", "-sign", "-binary", "-nodetach", "-nosmimecap", "-signer", str(cert), "-inkey",
                          str(key), "-outform", "DER"], input=manifest.encode(), check=True, capture_output=True).stdout
    path.write_bytes(body + tree + sig + len(sig).to_bytes(8, "big"))
