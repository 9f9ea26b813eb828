# SPDX-License-Identifier: Apache-2.0
"""An encrypted data partition (board/image/common/root/usr/lib/bayplate/data-crypt) looked at without the kernel: whether its
header opens with the board's key, and what stands behind it in plain text.

AES-XTS maps each 16 bytes of a sector by themselves (IEEE 1619-2007, 5.3), so a write that was torn in the cipher text is torn
at the same place in the plain text, and one that was left out is left out. So each write of the recorded run is deciphered once
as it is played, and the pictures are made of plain text; that a header opens is asked for each state of the header."""
import ctypes
import hashlib
import json
import os
import subprocess

HEADER = 16 << 20  # bytes before the contents (data-crypt, --offset)
SECTOR = 4096  # of the encryption (--sector-size); its number in the tweak counts 512 (dm-crypt, plain64)
ENV = {**os.environ, "PATH": f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"}


def passphrase(key):
    """What the board hands to LUKS, of the bytes in its key store."""
    return hashlib.sha256(b"bayplate data 1\n" + key[:64]).hexdigest().encode()


def cryptsetup(*arguments, key=None):
    return subprocess.run(["cryptsetup", *[str(a) for a in arguments]], input=passphrase(key) if key else None, env=ENV,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)


def state(path, key):
    """What the board would take the partition for, whose beginning is in the file: "open", "new" (it is made anew at this start:
    the image's own, or a header without a key), or why it cannot be used."""
    if cryptsetup("isLuks", "--type", "luks2", path).returncode == 0:
        dump = cryptsetup("luksDump", "--dump-json-metadata", path)
        if dump.returncode != 0:
            return f"its header cannot be read: {dump.stderr.decode(errors='replace').strip()}"
        if "0" not in json.loads(dump.stdout)["keyslots"]:
            return "new"
        return "open" if cryptsetup("open", "--test-passphrase", "--key-file", "-", path, key=key).returncode == 0 else \
            "its header does not take the board's key"
    label = subprocess.run(["e2label", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False, env=ENV).stdout
    if label.strip() == b"new":
        return "new"
    return "it is neither the image's empty file system nor encrypted"


def volume_key(path, key):
    """The key of the contents, as the header keeps it for the board's key."""
    secret = f"{path}.key"
    try:
        done = cryptsetup("luksDump", "-q", "--dump-volume-key", "--volume-key-file", secret, "--key-file", "-", path, key=key)
        if done.returncode != 0:
            raise ValueError(f"{path}: {done.stderr.decode(errors='replace').strip()}")
        with open(secret, "rb") as f:
            return f.read()
    finally:
        if os.path.exists(secret):
            os.unlink(secret)


class Cipher:
    """aes-xts-plain64 by libcrypto."""

    def __init__(self, key):
        c = self.c = ctypes.CDLL("libcrypto.so.3")
        for name in ("EVP_CIPHER_CTX_new", "EVP_aes_128_xts"):
            getattr(c, name).restype = ctypes.c_void_p
        if len(key) != 32:
            raise ValueError(f"a key of {len(key)} bytes is not AES-XTS with 128 bits")
        self.contexts = {}
        for encrypt in (0, 1):
            context = ctypes.c_void_p(c.EVP_CIPHER_CTX_new())
            if not c.EVP_CipherInit_ex(context, ctypes.c_void_p(c.EVP_aes_128_xts()), None, key, None, encrypt):
                raise ValueError("libcrypto does not take the key")
            self.contexts[encrypt] = context

    def turn(self, encrypt, at, data):
        """`data` stands `at` bytes behind the header, whole sectors. One of zeros alone was never written, or discarded."""
        out, context = bytearray(len(data)), self.contexts[encrypt]
        done, piece = ctypes.c_int(), ctypes.create_string_buffer(SECTOR)
        if at % SECTOR or len(data) % SECTOR:
            raise ValueError(f"{len(data)} bytes at {at} are no whole sectors")
        for i in range(0, len(data), SECTOR):
            sector = bytes(data[i:i + SECTOR])
            if not any(sector):
                continue
            tweak = ((at + i) // 512).to_bytes(16, "little")
            if not (self.c.EVP_CipherInit_ex(context, None, None, None, tweak, encrypt) and
                    self.c.EVP_CipherUpdate(context, piece, ctypes.byref(done), sector, SECTOR) and done.value == SECTOR):
                raise ValueError("libcrypto failed")
            out[i:i + SECTOR] = piece.raw
        return bytes(out)

    def plain(self, at, data):
        return self.turn(0, at, data)

    def sealed(self, at, data):
        return self.turn(1, at, data)
