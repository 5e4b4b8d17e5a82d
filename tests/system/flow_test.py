#!/usr/bin/env python3
"""Mail that comes faster than the queue manager takes it waits at the door (in_flow_delay)."""
import time

from harness import main, send, test

ACTIVE, DELAY = 3, 2
MAIN = {"qmgr_message_active_limit": str(ACTIVE), "in_flow_delay": "%ds" % DELAY, "transport_maps": "inline:{ stuck.test=stuck: }"}
MASTER = "stuck unix - n n - 1 pipe\n  flags= user=nobody argv=/bin/sleep 600\n"


@test
def a_full_queue_manager_makes_submitters_wait(host):
    host.restart(main=MAIN, master=MASTER)
    for _ in range(ACTIVE):
        send(["x@stuck.test"])
    started = time.monotonic()
    while time.monotonic() - started < DELAY:  # the queue manager may hear of the last one a moment later
        before = time.monotonic()
        send(["x@stuck.test"])
        if time.monotonic() - before >= DELAY:
            return
    raise AssertionError("nobody had to wait")


@test
def mail_flows_when_there_is_room_again(host):
    host.run("postsuper", "-d", "ALL")
    host.restart(main=MAIN, master=MASTER)
    send(["paco@example.test"], text="Subject: room\n\nroom again")
    host.wait_mail("paco", "room again")


if __name__ == "__main__":
    main()
