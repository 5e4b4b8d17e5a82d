"""A disk that remembers: one file of a FUSE file system, which the kernel takes for a block device behind loop.

    disk.py IMAGE MOUNT-POINT LOG

Serves IMAGE as MOUNT-POINT/disk until it is unmounted.  Each write and each flush is appended to LOG in the order in which the
disk has taken them, with the time, so that replay.py can tell what a power cut may leave."""
import ctypes
import errno
import mmap
import os
import stat
import struct
import sys
import time

IN_HEADER, OUT_HEADER = struct.Struct("<IIQQIIIHH"), struct.Struct("<IiQ")
READ_WRITE = struct.Struct("<QQIIQII")
ATTRIBUTES = struct.Struct("<QQQQQQIIIIIIIIII")
RECORD = struct.Struct("<dQI")  # time, offset, length; then the bytes
FLUSH = 0xFFFFFFFF              # a length that says: all that came before is durable
ROOT, DISK = 1, 2
LOOKUP, FORGET, GETATTR, OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, FLUSH_FILE, INIT = 1, 2, 3, 14, 15, 16, 17, 18, 20, 25, 26
BATCH_FORGET, INTERRUPT, DESTROY = 42, 36, 38
SILENT = (FORGET, BATCH_FORGET, INTERRUPT)
MAX_WRITE = 1 << 20
BIG_WRITES, MAX_PAGES = 1 << 5, 1 << 22
DIRECT_IO = 1


class Disk:
    def __init__(self, image, log):
        self.file = open(image, "r+b")
        self.bytes = mmap.mmap(self.file.fileno(), 0)
        self.log = open(log, "wb", buffering=1 << 20)
        self.answers = {INIT: self.init, LOOKUP: self.lookup, GETATTR: self.getattr, OPEN: self.open, READ: self.read,
                        WRITE: self.write, STATFS: self.statfs, FSYNC: self.fsync, FLUSH_FILE: self.nothing, RELEASE: self.nothing,
                        DESTROY: self.nothing}

    def init(self, _node, _body):
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 17, BIG_WRITES | MAX_PAGES, 64, 48, MAX_WRITE, 1, MAX_WRITE // 4096, 0, 0)

    def attributes(self, node):
        size, mode = (len(self.bytes), stat.S_IFREG | 0o600) if node == DISK else (4096, stat.S_IFDIR | 0o700)
        return ATTRIBUTES.pack(node, size, size // 512, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    def lookup(self, _node, body):
        if body != b"disk\0":
            raise OSError(errno.ENOENT, "")
        return struct.pack("<QQQQII", DISK, 0, 3600, 3600, 0, 0) + self.attributes(DISK)

    def getattr(self, node, _body):
        return struct.pack("<QII", 3600, 0, 0) + self.attributes(node)

    def open(self, _node, _body):
        return struct.pack("<QII", 0, DIRECT_IO, 0)

    def read(self, _node, body):
        _, offset, size, *_ = READ_WRITE.unpack_from(body)
        return self.bytes[offset:offset + size]

    def write(self, _node, body):
        _, offset, size, *_ = READ_WRITE.unpack_from(body)
        data = body[READ_WRITE.size:READ_WRITE.size + size]
        self.bytes[offset:offset + size] = data
        self.log.write(RECORD.pack(time.monotonic(), offset, size))
        self.log.write(data)
        return struct.pack("<II", size, 0)

    def fsync(self, _node, _body):
        self.log.write(RECORD.pack(time.monotonic(), 0, FLUSH))
        return b""

    def statfs(self, _node, _body):
        return struct.pack("<QQQQQIIII24x", 0, 0, 0, 0, 0, 4096, 255, 4096, 0)

    def nothing(self, _node, _body):
        return b""

    def serve(self, channel):
        while True:
            try:
                request = os.read(channel, MAX_WRITE + 65536)
            except OSError as e:
                if e.errno == errno.ENODEV:  # unmounted
                    break
                raise
            _, opcode, unique, node, *_ = IN_HEADER.unpack_from(request)
            if opcode in SILENT:
                continue
            error, body = 0, b""
            try:
                if opcode not in self.answers:
                    raise OSError(errno.ENOSYS, "")
                body = self.answers[opcode](node, request[IN_HEADER.size:])
            except OSError as e:
                error = -e.errno
            os.write(channel, OUT_HEADER.pack(OUT_HEADER.size + len(body), error, unique) + body)
        self.log.close()


def mount(place):
    channel = os.open("/dev/fuse", os.O_RDWR)
    options = "fd=%d,rootmode=40000,user_id=0,group_id=0" % channel
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mount(b"relevo-disk", place.encode(), b"fuse", 0, options.encode()) != 0:
        raise OSError(ctypes.get_errno(), "mount fuse")
    return channel


if __name__ == "__main__":
    image, place, log = sys.argv[1:]
    Disk(image, log).serve(mount(place))
