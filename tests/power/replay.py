"""What a power cut may leave of a disk that disk.py has recorded."""
import mmap
import shutil

from disk import FLUSH, RECORD

PIECE = 4096  # is on the disk whole or not at all


class Replay:
    """Images of cuts, taken in the order of their places in the log."""

    def __init__(self, base, log, image):
        """`base`: the disk before the first write.  `image`: file for what is durable; changed by cut()."""
        shutil.copy(base, image)
        self.image, self.log, self.done = image, open(log, "rb"), 0
        self.entries = list(self.read_log())
        self.pending = []
        self.file = open(image, "r+b")
        self.bytes = mmap.mmap(self.file.fileno(), 0)

    def read_log(self):
        """(time, offset on the disk, length or FLUSH, place of the bytes in the log)"""
        place = 0
        while True:
            record = self.log.read(RECORD.size)
            if len(record) < RECORD.size:
                return
            at, offset, length = RECORD.unpack(record)
            place += RECORD.size
            yield at, offset, length, place
            if length != FLUSH:
                self.log.seek(length, 1)
                place += length

    def pieces(self, entry):
        """(offset, bytes) of a write."""
        _, offset, length, place = entry
        self.log.seek(place)
        data = self.log.read(length)
        for i in range(0, length, PIECE):
            yield offset + i, data[i:i + PIECE]

    def advance(self, position):
        """All of the log before `position` has reached the disk; what no flush has followed is pending."""
        for entry in self.entries[self.done:position]:
            if entry[2] != FLUSH:
                self.pending.append(entry)
                continue
            for write in self.pending:
                for offset, data in self.pieces(write):
                    self.bytes[offset:offset + len(data)] = data
            self.pending = []
        self.done = max(self.done, position)

    def cut(self, position, choice, random, image):
        """`image` becomes what the disk holds after a cut before entry `position`.  `choice` of what no flush has followed:
        "none" of it, "all", the "first" part, or "some" pieces."""
        self.advance(position)
        self.bytes.flush()
        shutil.copy(self.image, image)
        pieces = [p for write in self.pending for p in self.pieces(write)]
        if choice == "some":
            pieces = [p for p in pieces if random.random() < 0.5]
        elif choice != "all":
            pieces = pieces[:random.randint(0, len(pieces)) if choice == "first" else 0]
        with open(image, "r+b") as f:
            for offset, data in pieces:
                f.seek(offset)
                f.write(data)
        return len(pieces)
