#!/usr/bin/env python3
"""The queue manager as a process: what it does with queue files, and what it asks of its agents."""
import os, sys, threading, time, traceback

sys.path.insert(0, os.path.dirname(__file__))
from harness import *

BINARY = sys.argv[1]
TESTS = []


def test(fn):
    TESTS.append(fn)
    return fn


def start(**main):
    q = Qmgr(BINARY, **main)
    q.smtp = Service(q, "smtp", lambda r, rcpts: None)
    q.retry = Service(q, "retry", lambda r, rcpts: dict(result=1))
    q.bounce = Service(q, "bounce", lambda kind, lists: 0, "log")
    q.defer = Service(q, "defer", lambda kind, lists: 0, "log")
    q.trace = Service(q, "trace", lambda kind, lists: 0, "log")
    return q


def eq(a, b):
    assert a == b, "%r != %r" % (a, b)


@test
def a_new_message_is_delivered_and_removed():
    with start() as q:
        q.start()
        n = q.send(rcpts=["r@y.test"])
        q.wait_gone(n)
        kind, lists = q.smtp.requests[0]
        eq(kind, "D")
        r, rcpt = lists
        eq((r["queue_name"], r["queue_id"], r["nexthop"], r["sender"], r["client_name"]), ("active", n, "y.test", "s@x.test", "host.test"))
        eq((rcpt["recipient"], rcpt["original_recipient"]), ("r@y.test", "r@y.test"))
        eq(int(r["flags"]) & 1, 1)
        q.wait_log("%s: from=<s@x.test>, size=18, nrcpt=1 (queue active)" % n)
        q.wait_log("%s: removed" % n)


@test
def a_kept_channel_is_used_again():
    with start() as q:
        q.start()
        for _ in range(5):
            q.wait_gone(q.send())
        eq(q.smtp.connections, 1)


@test
def an_agent_that_holds_a_session_goes_before_one_that_served_the_destination_without():
    """Otherwise the destination has more connections than its concurrency limit allows."""
    with start(initial_destination_concurrency="2") as q:
        first, release, served = threading.Event(), threading.Event(), []

        def answer(r, rcpts):
            served.append(threading.get_ident())
            if len(served) == 1:
                first.set()
                assert release.wait(10)
                return dict(session=1)

        q.smtp.answer = answer
        names = [q.put(queue_file()) for _ in range(3)]
        q.start()
        q.trigger("I")
        assert first.wait(10)
        q.wait(lambda: len(served) == 3 and sum(q.find(n) is None for n in names) == 2, "two of three")
        release.set()
        q.wait(lambda: all(q.find(n) is None for n in names), "the third")
        q.wait_gone(q.send())
        eq((served[1] == served[2], served[3] == served[0]), (True, True))


@test
def a_channel_closed_while_idle_is_no_failure():
    with start() as q:
        q.start()
        q.smtp.answer = lambda r, rcpts: dict(keep=1)
        real = q.smtp.one
        q.smtp.one = lambda c, k, l: real(c, k, l) and False   # says keep, then closes
        for _ in range(5):
            q.wait_gone(q.send())
        assert "failure" not in q.text(), q.text()


@test
def an_agent_that_dies_throttles_its_transport():
    with start() as q:
        q.start()
        q.smtp.answer = lambda r, rcpts: "close"
        n = q.send()
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        q.wait_log("warning: transport smtp failure -- see a previous warning/fatal/panic logfile record for the problem description")
        eq(q.retry.requests[0][1][0]["nexthop"], "4.3.0 unknown mail transport error")
        m = q.send()
        q.wait(lambda: q.find(m) == "deferred", "deferred at once")
        eq(len(q.smtp.requests), 1)
        q.smtp.answer = lambda r, rcpts: None
        q.trigger("FADI")
        q.wait_gone(n, m)


@test
def recipients_that_a_dead_agent_had_finished_are_not_deferred():
    with start() as q:
        def answer(r, rcpts):
            q.mark(r["queue_id"], int(rcpts[0]["offset"]))
            open(q.dir + "/bounce/" + r["queue_id"], "w").close()
            return "close"
        q.smtp.answer = answer
        q.start()
        n = q.send(rcpts=["a@y.test", "b@y.test"])
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        eq([x["recipient"] for x in q.retry.requests[0][1][1:]], ["b@y.test"])
        eq([k for k, _ in q.bounce.requests], ["F"])


@test
def a_missing_socket_defers():
    with start() as q:
        q.smtp.stop()
        q.start()
        n = q.send()
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        q.wait_log("warning: connect to transport private/smtp: No such file or directory")
        eq(q.retry.requests[0][1][0]["nexthop"], "4.3.0 mail transport unavailable")


@test
def without_a_retry_service_the_queue_manager_defers_by_itself():
    with start() as q:
        q.smtp.stop()
        q.retry.stop()
        q.start()
        n = q.send()
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        q.wait_log("%s: to=<r@y.test>, relay=none, " % n)
        q.wait_log("dsn=4.3.0, status=deferred (mail transport unavailable)")
        q.wait(lambda: q.defer.requests, "defer log entry")
        eq(q.defer.requests[0][1][0]["reason"], "mail transport unavailable")


@test
def a_deferred_message_waits_for_its_time():
    with start() as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1)
        q.start()
        t = time.time()
        n = q.send()
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        st = os.stat(q.path(n))
        assert t + 58 <= st.st_mtime <= time.time() + 64, st.st_mtime - t
        q.smtp.answer = lambda r, rcpts: None
        q.trigger("D")
        time.sleep(0.2)
        eq(q.find(n), "deferred")
        q.trigger("DA")
        q.wait_gone(n)


@test
def recipients_marked_done_are_not_tried_again():
    with start() as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1, mark=[x for x in rcpts if x["recipient"].startswith("a")])
        q.start()
        n = q.send(rcpts=["a@y.test", "b@y.test"])
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        q.smtp.answer = lambda r, rcpts: None
        q.trigger("DA")
        q.wait_gone(n)
        eq([x["recipient"] for x in q.smtp.requests[1][1][1:]], ["b@y.test"])


@test
def recipients_are_grouped_by_destination_and_limited():
    with start(default_destination_recipient_limit="3") as q:
        q.start()
        n = q.send(rcpts=["u%d@y.test" % i for i in range(7)] + ["z@other.test"])
        q.wait_gone(n)
        got = sorted((l[0]["nexthop"], len(l) - 1) for _, l in q.smtp.requests)
        eq(got, [("other.test", 1), ("y.test", 1), ("y.test", 3), ("y.test", 3)])


@test
def local_recipients_go_one_by_one():
    with start() as q:
        local = Service(q, "local", lambda r, rcpts: None)
        q.start()
        n = q.send(rcpts=["ana@home.test", "luis@home.test", "paco@home.test"])
        q.wait_gone(n)
        eq(sorted(len(l) for _, l in local.requests), [2, 2, 2])


@test
def an_address_twice_is_two_recipients():
    with start() as q:
        q.start()
        n = q.send(rcpts=["u@y.test", "u@y.test", "v@y.test"])
        q.wait_gone(n)
        eq([x["recipient"] for x in q.smtp.requests[0][1][1:]], ["u@y.test", "u@y.test", "v@y.test"])


@test
def a_bounce_is_reported_before_removal():
    with start() as q:
        q.smtp.answer = lambda r, rcpts: dict(bounced=1)
        q.start()
        n = q.send()
        q.wait_gone(n)
        kind, lists = q.bounce.requests[0]
        eq((kind, lists[0]["queue_id"], lists[0]["sender"], lists[0]["queue_name"]), ("F", n, "s@x.test", "active"))


@test
def a_bounce_that_cannot_be_sent_keeps_the_message():
    with start() as q:
        q.smtp.answer = lambda r, rcpts: dict(bounced=1)
        q.bounce.answer = lambda kind, lists: 1
        q.start()
        n = q.send()
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        q.bounce.answer = lambda kind, lists: 0
        open(q.dir + "/bounce/" + n, "w").close()
        q.trigger("DA")
        q.wait_gone(n)
        eq(len(q.smtp.requests), 1)


@test
def a_report_that_takes_too_long_does_not_hold_the_message():
    with start(qmgr_ipc_timeout="1s") as q:
        hung = threading.Event()
        q.smtp.answer = lambda r, rcpts: dict(bounced=1)
        q.bounce.answer = lambda kind, lists: hung.wait(60) and 0
        q.start()
        n = q.send()
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        q.wait_log("warning: private/bounce: service failure")
        q.wait_log("%s: status=deferred (bounce failed)" % n)
        hung.set()


@test
def success_reports_are_asked_for():
    with start() as q:
        q.smtp.answer = lambda r, rcpts: dict(traced=1)
        q.start()
        q.wait_gone(q.send())
        eq(q.trace.requests[0][0], "F")


@test
def an_old_message_is_returned():
    with start(maximal_queue_lifetime="1h") as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1)
        q.start()
        n = q.send(created=int(time.time()) - 4000)
        q.wait_gone(n)
        eq(q.defer.requests[-1][0], "F")
        q.wait_log("%s: from=<s@x.test>, status=expired, returned to sender" % n)
        q.wait_log("%s: removed" % n)


@test
def a_message_that_cannot_be_returned_is_kept():
    with start(maximal_queue_lifetime="0") as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1)
        q.defer.answer = lambda kind, lists: 1
        q.start()
        n = q.send()
        q.wait(lambda: q.find(n) == "deferred", "deferred")


@test
def an_old_message_is_kept_while_what_bounced_is_not_reported():
    with start(maximal_queue_lifetime="1h") as q:
        q.smtp.answer = lambda r, rcpts: dict(bounced=1) if rcpts[0]["recipient"] == "a@far.test" else dict(result=1)
        q.bounce.answer = lambda kind, lists: 1
        q.start()
        n = q.send(rcpts=["a@far.test", "b@other.test"], created=int(time.time()) - 4000)
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        assert "F" not in [kind for kind, _ in q.defer.requests] and "expired" not in q.text(), q.text()
        q.bounce.answer = lambda kind, lists: 0
        open(q.dir + "/bounce/" + n, "w").close()
        q.trigger("DA")
        q.wait_gone(n)


@test
def an_old_message_is_not_returned_while_the_log_lacks_a_recipient():
    with start(maximal_queue_lifetime="1h") as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1, unrecorded=1)
        q.start()
        n = q.send(created=int(time.time()) - 4000)
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        q.smtp.answer = lambda r, rcpts: dict(result=1)
        q.trigger("DFA")
        q.wait_gone(n)
        eq((len(q.smtp.requests), [kind for kind, _ in q.defer.requests]), (2, ["F"]))


@test
def the_queue_manager_waits_for_what_it_records():
    with start(maximal_queue_lifetime="1h") as q:
        q.smtp.stop()
        q.retry.stop()
        done, verdicts = [], [1, 0, 0]

        def answer(kind, lists):
            verdict = verdicts.pop(0)
            time.sleep(0.2)
            done.append(kind)
            return verdict

        q.defer.answer = answer
        q.start()
        n = q.send(created=int(time.time()) - 4000)
        q.wait(lambda: q.find(n) == "deferred", "deferred, as it could not be recorded")
        eq(done, ["A"])
        q.trigger("DFA")
        q.wait_gone(n)
        eq(done, ["A", "A", "F"])


@test
def a_forced_expiry_needs_no_attempt():
    with start() as q:
        q.start()
        n = q.put(queue_file(), mode=0o710)
        q.trigger("I")
        q.wait_gone(n)
        eq((len(q.smtp.requests), q.retry.requests[0][1][0]["nexthop"]), (0, "4.7.0 message is administratively expired"))
        q.wait_log("status=force-expired, returned to sender")
        eq(q.defer.requests[-1][0], "F")


@test
def what_a_flush_moves_to_incoming_was_tried_before():
    """As flush(8) does it: new times, a mode bit, and a rename into incoming."""
    with start() as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1)
        q.start()
        for mode in (0o740, 0o750):  # wanted at once; the same and forced to expire
            n = q.send()
            q.wait(lambda: q.find(n) == "deferred", "deferred")
            log = q.dir + "/defer/%s/%s" % (n[0], n)
            os.makedirs(os.path.dirname(log), exist_ok=True)
            open(log, "w").close()
            seen = len(q.smtp.requests)
            if mode == 0o740:
                q.smtp.answer = lambda r, rcpts: None
            path = q.path(n)
            os.utime(path)
            os.chmod(path, mode)
            os.rename(path, q.dir + "/incoming/" + n)
            q.trigger("FI")
            q.wait_gone(n)
            eq((os.path.exists(log), len(q.smtp.requests) - seen), ((False, 1) if mode == 0o740 else (True, 0)))
            q.smtp.answer = lambda r, rcpts: dict(result=1)
        eq([k for k, _ in q.defer.requests], ["F"])  # from the log of the last attempt


@test
def recipients_of_a_delivery_stand_in_the_order_of_their_domains():
    with start(relayhost="[hub.test]", mydestination="") as q:
        q.start()
        rcpts = "z@b.test B@b.test a@b.test c@a.test d@B.test e@A.test f@sub.b.test g@b.test.z x@a.b a+x@b.test _@b.test".split()
        q.wait_gone(q.send(rcpts=rcpts))
        eq([x["recipient"] for x in q.smtp.requests[0][1][1:]],
           "x@a.b c@a.test e@A.test B@b.test _@b.test a+x@b.test a@b.test d@B.test z@b.test g@b.test.z f@sub.b.test".split())


@test
def a_delay_notice_is_sent_once():
    with start() as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1)
        q.start()
        n = q.send(warn=int(time.time()) - 5)
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        eq([k for k, _ in q.defer.requests], ["W"])
        q.trigger("DA")
        q.wait(lambda: len(q.smtp.requests) == 2 and q.find(n) == "deferred", "second attempt")
        eq([k for k, _ in q.defer.requests], ["W"])


@test
def the_time_of_a_notice_is_written_over_nothing_else():
    with start() as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1)
        time_field = b"W\x0f%15d" % (int(time.time()) - 5)

        def answer(kind, lists):
            if kind == "W":  # the file is another one by the time of the answer
                path = q.path(n)
                with open(path, "rb") as f:
                    text = f.read()
                with open(path, "wb") as f:
                    f.write(text.replace(time_field, b"X" + time_field[1:]))
            return 0

        q.defer.answer = answer
        n = q.put(queue_file(warn=int(time_field[2:])))
        q.start()
        q.trigger("I")
        q.wait_log("%s: update warning time: it is not where it was" % n)
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        with open(q.path(n), "rb") as f:
            assert b"X" + time_field[1:] in f.read()


def seal_sum(data):
    """lib/queue/seal.c, of a file whose records are shorter than 128 bytes."""
    def mix(total, word):
        total = ((total ^ word) * 0x9e3779b97f4a7c15) & (1 << 64) - 1
        return total ^ total >> 32

    total, at = 0, 0
    while at < len(data):
        kind, n = data[at:at + 1], data[at + 1]
        text = data[at + 2:at + 2 + n]
        at += 2 + n
        if kind in b"CW":
            continue
        total = mix(total, ord("R" if kind == b"D" else kind))
        for i in range(0, n - 7, 8):
            total = mix(total, int.from_bytes(text[i:i + 8], "little"))
        rest = text[n // 8 * 8:]
        total = mix(total, int.from_bytes(len(rest).to_bytes(8 - len(rest), "big") + rest, "big"))
    return total


def put_sealed(q, n, queue="incoming", seal=lambda total, name: "%016x %s" % (total, name)):
    """A file whose name has its own inode."""
    path = q.dir + "/" + queue + "/"
    os.makedirs(path, exist_ok=True)
    with open(path + "tmp", "wb") as f:
        name = "%05X%X" % (n, os.fstat(f.fileno()).st_ino)
        made = dict(arrival=1795290872)
        f.write(queue_file(before=record("A", "relevo_seal=" + seal(seal_sum(queue_file(**made)), name)), **made))
    os.chmod(path + "tmp", 0o700)
    os.rename(path + "tmp", path + name)
    return name


@test
def files_that_came_back_as_another_message_are_set_aside():
    """After a power cut: the seal of another id, or of other records."""
    with start() as q:
        other = lambda total, name: "%016x %05X%s" % (total, 0xABCDE, name[5:])
        bad = [put_sealed(q, 1, seal=other), put_sealed(q, 2, seal=lambda total, name: "%016x %s" % (total + 1, name)),
               put_sealed(q, 3, "active", seal=other), put_sealed(q, 4, seal=lambda total, name: "%016x %05X%s" % (0, 1, name[5:]))]
        good = [put_sealed(q, 11), put_sealed(q, 12, "active"), put_sealed(q, 13, seal=lambda total, name: "%016x %s" % (0, name)),
                put_sealed(q, 14, seal=lambda total, name: "%016x 12345ABCD" % total), put_sealed(q, 15, seal=lambda total, name: "what")]
        q.start()
        for n in good:
            q.wait_gone(n)
        q.wait(lambda: all(q.find(n) == "corrupt" for n in bad), "corrupt")
        eq(q.text().count("not the message that its name says"), len(bad))


@test
def damaged_files_are_set_aside_and_other_mail_flows():
    with start() as q:
        good = queue_file()
        bad = [good[:60], good[:-2], b"", b"\0" * 500, good.replace(b"R\x08r@y.test", b"Q\x08r@y.test"), good.replace(b"S\x08s@x.test", b"K\x08s@x.test"),
               queue_file(opts=999)]
        names = [q.put(b) for b in bad]
        q.start()
        ok = q.send()
        q.wait_gone(ok)
        q.wait(lambda: all(q.find(n) == "corrupt" for n in names), "corrupt")
        for n in names:
            eq(q.text().count('saving corrupt file "%s" from queue "active" to queue "corrupt"' % n), 1)


@test
def incomplete_and_future_files_are_left_alone():
    with start() as q:
        a = q.put(queue_file(), mode=0o600)
        b = q.put(queue_file(), mtime=time.time() + 500)
        q.start()
        q.trigger("I")
        q.wait_gone(q.send())
        eq((q.find(a), q.find(b)), ("incoming", "incoming"))
        q.trigger("IA")
        q.wait_gone(b)
        eq(q.find(a), "incoming")


@test
def what_was_active_is_tried_again_after_a_restart():
    with start() as q:
        a = q.put(queue_file(), queue="active")
        q.start()
        q.wait_gone(a)


def all_done(**kw):
    return queue_file(rcpts=[[("D", "r@y.test")]], **kw)


@test
def what_bounced_for_the_last_queue_manager_is_reported_when_a_scan_finds_it():
    with start() as q:
        q.start()
        time.sleep(1.1)  # what an agent marks now is younger than this queue manager
        n = q.put(all_done(), queue="hold")
        open(q.dir + "/bounce/" + n, "w").close()
        os.rename("%s/hold/%s" % (q.dir, n), "%s/incoming/%s" % (q.dir, n))
        q.trigger("I")
        q.wait_gone(n)
        eq([kind for kind, _ in q.bounce.requests], ["F"])


@test
def what_bounced_for_the_last_queue_manager_is_reported_when_its_notice_comes_late():
    with start() as q:
        q.start()
        n = q.put(all_done(created=int(time.time()) - 5), queue="hold")
        open(q.dir + "/bounce/" + n, "w").close()
        os.rename("%s/hold/%s" % (q.dir, n), "%s/incoming/%s" % (q.dir, n))
        q.notify(n)
        q.wait_gone(n)
        eq([kind for kind, _ in q.bounce.requests], ["F"])


@test
def a_locked_file_is_skipped_at_start():
    import fcntl
    with start() as q:
        a = q.put(queue_file(), queue="active")
        f = open(q.path(a))
        fcntl.flock(f, fcntl.LOCK_SH)
        q.start()
        q.wait(lambda: q.find(a) == "deferred", "deferred")
        q.wait_log("%s: skipped, still being delivered" % a)
        f.close()
        assert os.stat(q.path(a)).st_mtime > time.time() + 50


@test
def a_flush_does_not_start_a_second_delivery_beside_one_of_the_last_queue_manager():
    import fcntl
    with start() as q:
        a = q.put(queue_file(), queue="active")
        f = open(q.path(a))
        fcntl.flock(f, fcntl.LOCK_SH)
        q.start()
        q.wait(lambda: q.find(a) == "deferred", "deferred")
        q.trigger("DFA")
        q.wait(lambda: q.text().count("%s: skipped, still being delivered" % a) == 2, "a second look")
        eq((q.find(a), q.smtp.requests), ("deferred", []))
        f.close()
        q.trigger("DFA")
        q.wait_gone(a)
        eq(len(q.smtp.requests), 1)


@test
def a_queue_manager_that_is_stuck_ends_itself():
    with start(qmgr_daemon_timeout="1") as q:
        with open(q.dir + "/endless", "w") as f:
            f.write(r"/^(a*)*(a*)*(a*)*\1\2\3x/ smtp:x")
        q.main["transport_maps"] = "regexp:" + q.dir + "/endless"
        q.start()
        q.send(rcpts=["a" * 200 + "@y.test"])
        eq(q.proc.wait(60), 1)
        assert "fatal: watchdog timeout" in q.text(), q.text()


@test
def a_flush_is_for_messages_under_way_too():
    """Whoever saw the log say that a message is deferred may flush before this process heard of it."""
    with start(initial_destination_concurrency="1") as q:
        asked, flushed = threading.Event(), threading.Event()
        def down(r, rcpts):
            asked.set()
            flushed.wait(10)
            return dict(result=1, site_reached=0, site_failed=1, dsn="4.4.1", reason="refused")
        q.smtp.answer = down
        q.start()
        flying, waiting = q.send(), q.send()
        asked.wait(10)
        q.trigger("DFA")
        other = q.put(queue_file(rcpts=["r@other.test"]))
        q.trigger("I")
        q.wait(lambda: q.find(other) == "active", "the trigger to be read")
        q.smtp.answer = lambda r, rcpts: None
        flushed.set()
        q.wait_gone(flying, waiting)


@test
def a_message_taken_away_under_way_is_not_returned():
    for taken_to in ("hold", None):
        with start(maximal_queue_lifetime="0") as q:
            def answer(r, rcpts):
                where = q.dir + "/active/" + r["queue_id"]
                os.rename(where, q.dir + "/" + taken_to + "/" + r["queue_id"]) if taken_to else os.unlink(where)
                with open(q.dir + "/defer/" + r["queue_id"], "w") as f:
                    f.write("recipient=r@y.test\n")
                return dict(result=1)
            q.smtp.answer = answer
            q.start()
            n = q.send()
            q.wait(lambda: q.smtp.requests, "a delivery")
            q.smtp.answer = lambda r, rcpts: None
            q.wait_gone(q.send())
            q.wait(lambda: os.path.exists(q.dir + "/defer/" + n) == bool(taken_to), "the log to stay with its message only")
            eq((q.defer.requests, "expired" in q.text()), ([], False))


@test
def a_dead_destination_suspends_its_mail():
    with start() as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1, site_reached=0, site_failed=1, dsn="4.4.1", reason="connect to y: Connection refused")
        names = [q.put(queue_file()) for _ in range(30)]
        q.start()
        q.wait(lambda: all(q.find(n) == "deferred" for n in names), "all deferred")
        tried = len(q.smtp.requests)
        assert tried < 12, tried
        eq(len(q.retry.requests), 30 - tried)
        eq({l[0]["nexthop"] for _, l in q.retry.requests}, {"4.4.1 delivery temporarily suspended: connect to y: Connection refused"})
        other = q.send(rcpts=["a@other.test"])
        q.smtp.answer = lambda r, rcpts: None
        q.wait(lambda: q.find(other) in (None, "deferred"), "other destination")


@test
def a_dead_destination_without_a_retry_service_ends_its_messages_too():
    with start(default_destination_recipient_limit="2", initial_destination_concurrency="1") as q:
        q.retry.stop()
        q.smtp.answer = lambda r, rcpts: dict(result=1, site_reached=0, site_failed=1, dsn="4.4.1", reason="refused")
        q.start()
        for site, count in (("y", 1), ("z", 2)):   # the second time it is known that there is no retry service
            n = q.send(rcpts=["u%d@%s.test" % (i, site) for i in range(9)])
            q.wait(lambda: q.find(n) == "deferred", "deferred")
            q.wait_log("status=deferred (delivery temporarily suspended: refused)", 7 * count)
            eq(len(q.smtp.requests), count)
        m = q.send()
        q.wait(lambda: q.find(m) == "deferred", "deferred at once")


@test
def concurrency_grows_up_to_the_limit():
    with start(default_destination_concurrency_limit="8", initial_destination_concurrency="2") as q:
        def slowly(r, rcpts):  # so that all that may be under way at once are
            end = time.monotonic() + 0.3
            while q.smtp.peak < 8 and time.monotonic() < end:
                time.sleep(0.01)
        q.smtp.answer = slowly
        names = [q.put(queue_file()) for _ in range(80)]
        q.start()
        q.wait_gone(*names)
        eq(q.smtp.peak, 8)


@test
def the_process_limit_of_master_cf_is_respected():
    with start(_master="smtp unix - - n - 3 smtp\n") as q:
        q.smtp.answer = lambda r, rcpts: time.sleep(0.01)
        names = [q.put(queue_file(rcpts=["u@d%d.test" % i])) for i in range(40)]
        q.start()
        q.wait_gone(*names)
        eq((q.smtp.peak, q.smtp.connections), (3, 3))


@test
def more_recipients_than_fit_are_read_later():
    with start(qmgr_message_recipient_limit="20", default_destination_recipient_limit="5", default_recipient_refill_limit="5") as q:
        q.start()
        n = q.send(rcpts=["u%d@y.test" % i for i in range(203)])
        q.wait_gone(n)
        eq(sorted(x["recipient"] for _, l in q.smtp.requests for x in l[1:]), sorted("u%d@y.test" % i for i in range(203)))


@test
def a_delivery_without_a_recipient_limit_still_fits_into_a_request():
    with start(default_destination_recipient_limit="0") as q:
        q.start()
        names = ["u%d%s@y.test" % (i, "x" * 1500) for i in range(3000)]
        n = q.send(rcpts=names)
        q.wait_gone(n)
        assert len(q.smtp.requests) > 1
        eq(sorted(x["recipient"] for _, l in q.smtp.requests for x in l[1:]), sorted(names))


@test
def recipients_in_the_extracted_part_are_found():
    with start() as q:
        q.start()
        n = q.send(rcpts=[], tail=record("O", "t@y.test") + record("R", "t@y.test"), opts=1)
        q.wait_gone(n)
        eq(q.smtp.requests[0][1][1]["recipient"], "t@y.test")


@test
def a_request_takes_texts_up_to_their_longest_length():
    """One byte more fails that recipient and no other."""
    with start() as q:
        hop, origin = "h" * (16384 - 64 - len("smtp:")), "@mx.home.test"  # the longest result of a table
        with open(q.dir + "/transport", "w") as f:
            f.write("/fits/ smtp:%s\n/longer/ smtp:%s\n" % (hop, hop + "h"))
        q.main["transport_maps"] = "regexp:" + q.dir + "/transport"
        error = Service(q, "error", lambda r, rcpts: None)
        q.start()
        a = "a" * (16384 - len(origin))
        n = q.send(sender="s" * 16384, rcpts=["r@fits.test", "r@longer.test", a, "b" + a, "r@y.test"],
                   before=record("A", "client_name=" + "c" * 30000) + record("A", "sasl_username=" + "n" * 30000))
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        eq(sorted((l[0]["nexthop"], l[1]["recipient"]) for _, l in q.smtp.requests),
           sorted([(hop, "r@fits.test"), ("y.test", "r@y.test"), (origin[1:], a + origin)]))
        eq({(len(l[0]["sender"]), len(l[0]["sasl_username"])) for _, l in q.smtp.requests}, {(16384, 30000)})
        eq([(l[0]["nexthop"], l[1]["recipient"]) for _, l in q.retry.requests], [("4.3.0 address resolver failure", "r@longer.test")])
        eq([(l[0]["nexthop"], l[1]["recipient"]) for _, l in error.requests], [("5.1.3 recipient address is too long", "b" + a)])


@test
def a_reason_may_have_its_longest_length():
    with start(initial_destination_concurrency="1") as q:
        q.smtp.answer = lambda r, rcpts: dict(result=1, site_reached=0, site_failed=1, dsn="4.4.1", reason="x" * 8192)
        q.start()
        n, m = q.put(queue_file()), q.put(queue_file())
        q.trigger("I")
        q.wait(lambda: q.find(n) == q.find(m) == "deferred", "deferred")
        assert q.retry.requests[-1][1][0]["nexthop"].startswith("4.4.1 delivery temporarily suspended: xxx")
        assert "malformed" not in q.text() and "failure" not in q.text(), q.text()[-1000:]


@test
def what_is_wrong_with_one_transport_or_one_message_is_so_for_no_other():
    with start() as q:
        q.main["transport_maps"] = "inline:{ {none.test = nosuch:x} {dots.test = a/../b:x} {empty.test = :} {long.test = %s:x} {dead.test = mortal:x} {dead2.test = mortal:y} }" % ("t" * 200)
        mortal = Service(q, "mortal", lambda r, rcpts: "close")
        q.smtp.answer = lambda r, rcpts: dict(result=1) if rcpts[0]["recipient"].startswith("bad") else None
        q.start()
        n = q.send(rcpts=["r@none.test", "r@dots.test", "r@long.test", "r@dead.test", "r@dead2.test", "r@empty.test", "good@y.test", "bad@z.test"])
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        eq(sorted(l[1]["recipient"] for _, l in q.smtp.requests), ["bad@z.test", "good@y.test", "r@empty.test"])
        eq(sorted(x["recipient"] for _, l in q.retry.requests for x in l[1:]), sorted("r@%s.test" % w for w in ("none", "dots", "long", "dead", "dead2")))
        assert 1 <= len(mortal.requests) <= 2, mortal.requests
        q.wait_gone(q.send(rcpts=["good@z.test"]))


@test
def redirect_and_filter_replace_the_destination():
    with start() as q:
        other = Service(q, "scan", lambda r, rcpts: None)
        q.start()
        a = q.send(rcpts=["a@y.test", "b@z.test"], tail=record(">", "boss@home2.test"))
        b = q.send(tail=record("L", "scan:[127.0.0.1]:99"))
        q.wait_gone(a, b)
        eq([(l[0]["nexthop"], [x["recipient"] for x in l[1:]]) for _, l in q.smtp.requests], [("home2.test", ["boss@home2.test"])])
        eq(other.requests[0][1][0]["nexthop"], "[127.0.0.1]:99")


@test
def neither_redirected_mail_nor_a_question_about_an_address_goes_to_the_filter():
    with start() as q:
        other = Service(q, "scan", lambda r, rcpts: None)
        q.start()
        names = [q.send(tail=record("L", "scan:x") + record(">", "boss@home2.test"))]
        names += [q.send(before=record("A", "trace_flags=%d" % flags), tail=record("L", "scan:x")) for flags in (0x100, 0x200)]
        q.wait_gone(*names)
        eq((other.requests, len(q.smtp.requests)), ([], 3))


@test
def reading_more_recipients_costs_what_they_are_and_no_more():
    """At least five at a time, each time one block of the file: however many there are, and whatever stands before them."""
    with start(qmgr_message_recipient_limit="20", default_destination_recipient_limit="5", default_recipient_refill_limit="5",
               default_recipient_refill_delay="1h", initial_destination_concurrency="20") as q:
        count, block = 8000, 64 * 1024
        q.start()
        before = q.bytes_read()
        n = q.send(rcpts=["u%06d@y%06d.test" % (i, i % 50) for i in range(count)])
        q.wait_gone(n)
        eq(sum(len(l) - 1 for _, l in q.smtp.requests), count)
        read = q.bytes_read() - before
        assert read < count / 5 * block, read


@test
def a_redirected_message_has_one_copy_however_many_recipients_are_read_at_a_time():
    with start(qmgr_message_recipient_limit="20", default_recipient_refill_limit="5") as q:
        q.start()
        n = q.send(rcpts=["u%d@y.test" % i for i in range(203)], tail=record(">", "boss@home2.test"))
        q.wait_gone(n)
        eq([[x["recipient"] for x in l[1:]] for _, l in q.smtp.requests], [["boss@home2.test"]])


@test
def verp_recipients_get_senders_of_their_own():
    with start() as q:
        q.start()
        n = q.send(sender="list@x.test", before=record("V", "+="), rcpts=["a@y.test", "b@z.test"])
        q.wait_gone(n)
        eq(sorted((l[0]["sender"], l[1]["recipient"]) for _, l in q.smtp.requests), [("list+a=y.test@x.test", "a@y.test"), ("list+b=z.test@x.test", "b@z.test")])


@test
def a_listed_transport_is_deferred():
    with start(defer_transports="smtp") as q:
        q.start()
        n = q.send()
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        eq(q.retry.requests[0][1][0]["nexthop"], "4.3.2 deferred transport")


@test
def a_flush_overrides_defer_transports():
    """Of the whole queue, of one message as flush(8) does it, and while a message is under way; all of many recipients."""
    with start(defer_transports="smtp", qmgr_message_recipient_limit="20", default_recipient_refill_limit="5") as q:
        q.start()
        everybody = ["r%d@y.test" % i for i in range(30)]
        whole, one = q.send(rcpts=everybody), q.send(rcpts=everybody)
        q.wait(lambda: (q.find(whole), q.find(one)) == ("deferred", "deferred"), "deferred")
        os.chmod(q.path(one), 0o740)
        os.utime(q.path(one))
        os.rename(q.path(one), q.dir + "/incoming/" + one)
        q.trigger("FI")
        q.wait_gone(one)
        eq(q.find(whole), "deferred")
        q.trigger("DFA")
        q.wait_gone(whole)
        eq(sum(len(lists) - 1 for _, lists in q.smtp.requests), 60)
        kept = q.send()
        q.wait(lambda: q.find(kept) == "deferred", "what comes later waits")


@test
def a_flush_overrides_defer_transports_for_messages_under_way():
    with start(defer_transports="smtp") as q:
        asked, flushed = threading.Event(), threading.Event()
        def hold(r, rcpts):
            asked.set()
            flushed.wait(10)
            return dict(result=1)
        q.retry.answer = hold
        q.start()
        n = q.send()
        asked.wait(10)
        q.trigger("DFA")
        other = q.put(queue_file(rcpts=["r@other.test"]))
        q.trigger("I")
        q.wait(lambda: q.find(other) == "active", "the trigger to be read")
        flushed.set()
        q.wait_gone(n)


@test
def mail_to_the_double_bounce_address_is_dropped():
    with start() as q:
        q.start()
        n = q.send(sender="", rcpts=["double-bounce@home.test"])
        q.wait_gone(n)
        eq((q.smtp.requests, q.bounce.requests), ([], []))


@test
def a_message_deleted_under_way_is_forgotten():
    with start() as q:
        def answer(r, rcpts):
            os.unlink(q.dir + "/active/" + r["queue_id"])
            return dict(result=1)
        q.smtp.answer = answer
        q.start()
        n = q.send()
        q.wait_gone(n)
        q.smtp.answer = lambda r, rcpts: None
        q.wait_gone(q.send())


@test
def a_rate_delay_spreads_deliveries():
    with start(default_destination_rate_delay="1s") as q:
        names = [q.put(queue_file()) for _ in range(3)]
        began = time.monotonic()
        q.start()
        q.wait_gone(*names)
        assert time.monotonic() - began > 1.9


@test
def a_malformed_reply_is_a_failure_of_the_transport():
    with start() as q:
        q.smtp.answer = lambda r, rcpts: frame("S", b"rubbish\0")
        q.start()
        n = q.send()
        q.wait(lambda: q.find(n) == "deferred", "deferred")
        q.wait_log("warning: private/smtp socket: malformed response")


@test
def a_thousand_messages_flow_with_few_active_at_once():
    with start(qmgr_message_active_limit="50") as q:
        names = [q.put(queue_file(rcpts=["u@d%d.test" % (i % 40)])) for i in range(1000)]
        q.start()
        q.wait(lambda: q.text().count(": removed") == 1000, "all removed", 60)
        eq(sorted(l[0]["queue_id"] for _, l in q.smtp.requests), sorted(names))


def main():
    failed = 0
    only = sys.argv[2:]
    for fn in TESTS:
        if only and fn.__name__ not in only:
            continue
        t = time.time()
        try:
            fn()
            print("ok   %s (%.2fs)" % (fn.__name__, time.time() - t), flush=True)
        except Exception:
            failed += 1
            print("FAIL %s" % fn.__name__)
            traceback.print_exc(file=sys.stdout)
    sys.exit(failed > 0)


main()
