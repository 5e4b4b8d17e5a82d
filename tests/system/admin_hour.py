#!/usr/bin/env python3
"""An administrator's hour: 5,000 messages are queued, listed, looked at, held, released, requeued, and deleted by sender.

    admin_hour.py BUILD_DIR

A command of its own, since it takes longer than a test may; what each step took is shown, and nothing depends on it."""
import json
import subprocess
import time

from harness import QUEUE, main, test, until

MESSAGES, SENDERS = 5000, 10
EACH = MESSAGES // SENDERS
MAIN = {"defer_transports": "smtp", "transport_maps": "inline:{ far.test=smtp: }", "minimal_backoff_time": "1h", "maximal_backoff_time": "1h",
        "default_process_limit": "30"}


def step(what, fn):
    begin = time.monotonic()
    value = fn()
    print("%-52s %6.2f s" % (what, time.monotonic() - begin), flush=True)
    return value


def listing(host):
    return [json.loads(line) for line in host.run("postqueue", "-j").stdout.splitlines()]


def ids_of(host, sender):
    return [m["queue_id"] for m in listing(host) if m["sender"] == sender]


def count(host, **where):
    return sum(all(m[k] == v for k, v in where.items()) for m in listing(host))


def feed(host, option, ids):
    """What postsuper says of all ids of a list."""
    return host.run("postsuper", option, "-", text="".join(i + "\n" for i in ids)).stderr


def inject(host):
    for n in range(SENDERS):
        subprocess.run(["smtp-source", "-d", "-s", "20", "-m", str(EACH), "-l", "2000", "-f", "s%d@origin.test" % n, "-t", "u@far.test",
                        "127.0.0.1:25"], check=True)
    until("all to be deferred", lambda: count(host, queue_name="deferred") == MESSAGES, 600)


@test
def five_thousand_messages_are_put_in_order(host):
    host.restart(main=MAIN)
    step("queue %d messages of %d senders" % (MESSAGES, SENDERS), lambda: inject(host))

    told = step("postqueue -j", lambda: listing(host))
    assert len({m["queue_id"] for m in told}) == MESSAGES
    assert all(m["recipients"][0]["delay_reason"] for m in told)
    text = step("postqueue -p", lambda: host.run("postqueue", "-p").stdout)
    assert "in %d Requests." % MESSAGES in text, text[-200:]
    table = step("qshape deferred", lambda: host.run("qshape", "deferred").stdout)
    assert table.splitlines()[1].split()[:2] == ["TOTAL", str(MESSAGES)], table

    first = told[0]
    shown = step("postcat -q", lambda: host.run("postcat", "-q", first["queue_id"]).stdout)
    assert "sender: " + first["sender"] in shown and "Message-Id:" in shown, shown

    mine = ids_of(host, "s1@origin.test")
    assert len(mine) == EACH
    said = step("hold one sender's", lambda: feed(host, "-h", mine))
    assert "Placed on hold: %d messages" % EACH in said, said[-300:]
    assert count(host, queue_name="hold", sender="s1@origin.test") == EACH and count(host, queue_name="hold") == EACH
    said = step("release them", lambda: feed(host, "-H", mine))
    assert "Released from hold: %d messages" % EACH in said, said[-300:]
    assert count(host, queue_name="hold") == 0

    mine = ids_of(host, "s2@origin.test")
    said = step("requeue one sender's", lambda: feed(host, "-r", mine))
    assert "Requeued: %d messages" % EACH in said, said[-300:]
    step("they are deferred again", lambda: until(
        "requeued mail", lambda: count(host, queue_name="deferred", sender="s2@origin.test") == EACH, 600))
    assert not set(ids_of(host, "s2@origin.test")) & set(mine)

    for n in range(SENDERS):
        mine = ids_of(host, "s%d@origin.test" % n)
        said = step("delete s%d's" % n, lambda: feed(host, "-d", mine))  # pylint: disable=cell-var-from-loop
        assert "Deleted: %d messages" % EACH in said, said[-300:]
        assert count(host) == MESSAGES - (n + 1) * EACH
    assert host.run("mailq").stdout == "Mail queue is empty\n"
    # Logs of the last attempt of what was requeued stay until their ids come again.
    left = subprocess.run(["find", QUEUE + "/deferred", QUEUE + "/hold", QUEUE + "/maildrop", "-type", "f"], capture_output=True, text=True).stdout
    assert left == "", left[:300]


if __name__ == "__main__":
    main()
