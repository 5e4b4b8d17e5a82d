"""What programs of the mail system say to each other, and records as they stand in a queue file.  Text is latin-1, so that
any byte can be written."""
import struct


def octets(value):
    return value if isinstance(value, bytes) else str(value).encode("latin-1")


def record(kind, payload=b""):
    data = octets(payload)
    n, head = len(data), b""
    while True:
        head += bytes([n & 127 | (128 if n > 127 else 0)])
        n >>= 7
        if not n:
            return kind.encode() + head + data


def size_record(*fields):
    return record("C", " ".join("%15d" % f for f in fields))


def attrs(pairs=(), **named):
    return b"".join(octets(name) + b"\0" + octets(value) + b"\0" for name, value in (*pairs, *named.items())) + b"\0"


def frame(kind, body=b""):
    return struct.pack("<I", len(body) + 1) + octets(kind) + body
