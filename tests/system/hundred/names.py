"""A scripted name server for the hundred hosts: zones that are right, wrong, late and absurd."""
import os
import socket
import struct

TYPES = {1: "A", 5: "CNAME", 12: "PTR", 15: "MX", 28: "AAAA"}
NUMBERS = {v: k for k, v in TYPES.items()}
SERVFAIL, NXDOMAIN, REFUSED = 2, 3, 5
SILENT, GARBAGE, STRANGER, TRUNCATED = "silent", "garbage", "stranger", "truncated"


def encode(name):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".") if label) + b"\0"


def data_of(kind, value):
    if kind == "A":
        return socket.inet_aton(value)
    if kind == "MX":
        preference, host = value.split()
        return struct.pack("!H", int(preference)) + encode(host)
    return encode(value)


class Names:
    """records: {(name, type): [values]}; behaviour: {zone: an rcode or one of the words above}."""

    def __init__(self, loop, address, records, behaviour):
        self.records, self.behaviour, self.loop = records, behaviour, loop
        self.names = {name for name, _ in records}
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.udp.bind((address, 53))
        self.udp.setblocking(False)
        loop.watch(self.udp, self.on_datagram)
        self.tcp = socket.create_server((address, 53))
        self.tcp.setblocking(False)
        loop.watch(self.tcp, self.on_connection)
        self.queries = 0

    def on_datagram(self):
        while True:
            try:
                query, client = self.udp.recvfrom(2000)
            except BlockingIOError:
                return
            for reply in self.replies(query, False):
                self.udp.sendto(reply, client)

    def on_connection(self):
        sock, _ = self.tcp.accept()
        buffer = bytearray()

        def on_input():
            try:
                data = sock.recv(4000)
            except OSError:
                data = b""
            buffer.extend(data)
            if not data:
                self.loop.forget(sock)
                sock.close()
            while len(buffer) >= 2 and len(buffer) >= 2 + int.from_bytes(buffer[:2], "big"):
                length = int.from_bytes(buffer[:2], "big")
                for reply in self.replies(bytes(buffer[2:2 + length]), True):
                    sock.send(struct.pack("!H", len(reply)) + reply)
                del buffer[:2 + length]

        self.loop.watch(sock, on_input)

    def replies(self, query, by_tcp):
        self.queries += 1
        labels, at = [], 12
        while query[at]:
            labels.append(query[at + 1:at + 1 + query[at]].decode("latin-1").lower())
            at += query[at] + 1
        name, kind = ".".join(labels), TYPES.get(struct.unpack_from("!H", query, at + 1)[0], "")
        question = query[12:at + 5]
        how = next((b for zone, b in self.behaviour.items() if name == zone or name.endswith("." + zone)), None)
        if how == SILENT:
            return []
        if how == GARBAGE:
            return [query[:2] + os.urandom(60)]
        if isinstance(how, int):
            return [self.head(query, how, 0) + question]
        if how == TRUNCATED and not by_tcp:
            return [query[:2] + struct.pack("!HHHHH", 0x8780, 1, 0, 0, 0) + question]
        answer = self.answer(query, question, name, kind)
        if how == STRANGER:  # first an answer to somebody else's question
            return [bytes([query[0] ^ 255, query[1]]) + answer[2:], answer]
        return [answer]

    @staticmethod
    def head(query, rcode, count):
        return query[:2] + struct.pack("!HHHHH", 0x8580 | rcode, 1, count, 0, 0)

    def answer(self, query, question, name, kind):
        body, count, exists = b"", 0, False
        for _ in range(8):  # follow aliases as a recursive server does
            exists = name in self.names or any(n.endswith("." + name) for n in self.names)
            kind_here = kind if kind == "CNAME" or (name, "CNAME") not in self.records else "CNAME"
            for value in self.records.get((name, kind_here), []):
                data = data_of(kind_here, value)
                body += encode(name) + struct.pack("!HHIH", NUMBERS[kind_here], 1, 60, len(data)) + data
                count += 1
            if kind_here == kind or not count:
                break
            name = self.records[(name, "CNAME")][0]
        return self.head(query, 0 if exists else NXDOMAIN, count) + question + body
