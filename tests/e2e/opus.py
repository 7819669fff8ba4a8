"""Opus packets, by the libopus that the daemon uses, and containers around them as senders write them.

    packets = opus.encode(pcm)                    20 ms each, from s16le at 16 kHz
    chunks = opus.media_recorder(packets)         WebM as a browser hands it over: a header, then clusters
    pages = opus.ogg(packets)
"""

import ctypes
import ctypes.util
import struct

_lib = ctypes.CDLL(ctypes.util.find_library("opus") or "libopus.so.0")
_lib.opus_encoder_create.restype = ctypes.c_void_p
_lib.opus_encoder_create.argtypes = [ctypes.c_int32, ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_int)]
_lib.opus_encode.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_int32]
_lib.opus_encoder_destroy.argtypes = [ctypes.c_void_p]

VOIP = 2048


def encode(pcm, channels=1, rate=16000):
    """s16le, interleaved -> packets of 20 ms."""
    error = ctypes.c_int()
    encoder = _lib.opus_encoder_create(rate, channels, VOIP, error)
    assert error.value == 0
    frame = rate // 50
    step = 2 * channels * frame
    out, room = [], ctypes.create_string_buffer(4000)
    for at in range(0, len(pcm), step):
        count = _lib.opus_encode(encoder, pcm[at:at + step].ljust(step, b"\0"), frame, room, 4000)
        assert count > 0
        out.append(room.raw[:count])
    _lib.opus_encoder_destroy(encoder)
    return out


def head(channels):
    return b"OpusHead" + struct.pack("<BBHIhB", 1, channels, 312, 48000, 0, 0)


# ---- WebM ------------------------------------------------------------------------------------------

UNKNOWN = b"\x01" + b"\xff" * 7


def element(name, content, size=None):
    return bytes.fromhex(name) + (size or (0x01 << 56 | len(content)).to_bytes(8, "big")) + content


def webm_header(channels, codec=b"A_OPUS"):
    track = element("d7", b"\x01") + element("83", b"\x02") + element("86", codec) + \
        element("63a2", head(channels)) + \
        element("e1", element("b5", struct.pack(">f", 48000)) + element("9f", bytes([channels])))
    return element("1a45dfa3", element("4282", b"webm")) + element("18538067", b"", UNKNOWN) + \
        element("1549a966", element("2ad7b1", (10 ** 6).to_bytes(3, "big")) + element("4d80", b"Chrome")) + \
        element("1654ae6b", element("ae", track))


def media_recorder(packets, channels=1, slice_ms=250):
    """What ondataavailable gives: the first chunk begins with the header, the others go on anywhere."""
    whole = webm_header(channels)
    chunks = []
    for i, packet in enumerate(packets):
        if i % 50 == 0:
            whole += element("1f43b675", b"", UNKNOWN) + element("e7", (20 * i).to_bytes(4, "big"))
        whole += element("a3", b"\x81" + struct.pack(">hB", 20 * (i % 50), 0x80) + packet)
        if (i + 1) * 20 % slice_ms < 20:
            chunks.append(whole)
            whole = b""
    return [*chunks, whole] if whole else chunks


# ---- Ogg -------------------------------------------------------------------------------------------

_TABLE = []
for _i in range(256):
    _r = _i << 24
    for _ in range(8):
        _r = (_r << 1 ^ 0x04c11db7 if _r >> 31 else _r << 1) & 0xffffffff
    _TABLE.append(_r)


def _page(packets, number, flags, granule):
    lacing = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    page = struct.pack("<4sBBqIIIB", b"OggS", 0, flags, granule, 77, number, 0, len(lacing)) + lacing + b"".join(packets)
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xffffffff) ^ _TABLE[crc >> 24 ^ byte]
    return page[:22] + struct.pack("<I", crc) + page[26:]


def ogg(packets, channels=1):
    """Pages: head, comments, then ten packets each."""
    pages = [_page([head(channels)], 0, 2, 0), _page([b"OpusTags" + struct.pack("<I", 4) + b"test" + bytes(4)], 1, 0, 0)]
    for at in range(0, len(packets), 10):
        last = at + 10 >= len(packets)
        pages.append(_page(packets[at:at + 10], len(pages), 4 if last else 0, 960 * min(at + 10, len(packets))))
    return pages
