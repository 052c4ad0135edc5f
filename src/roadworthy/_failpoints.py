"""Where tests may break us: named points around every commit and every send.

`ROADWORTHY_FAILPOINT=NAME:COUNT` kills the process with SIGKILL the COUNT-th time the point is passed;
`NAME:COUNT:stop` stops it there with SIGSTOP, once. Read when an app starts to work. Unarmed, a point costs one
comparison.
"""

from __future__ import annotations

import signal
from typing import Final, NamedTuple

from roadworthy._errors import WrongUse

VARIABLE: Final = "ROADWORTHY_FAILPOINT"


class Point(NamedTuple):
    """One place where a process may be killed.

    Attributes:
        meaning: what has happened there, and what has not.
    """

    name: str
    meaning: str


POINTS: Final = (
    Point("lease_written", "A new process is in the transaction, its sign of life is up; nothing is committed."),
    Point("lease_committed", "The process is known to the ledger and has done nothing yet."),
    Point("reap_written", "A dead process's intents are charged in the transaction; nothing is committed."),
    Point("reap_committed", "A dead process's intents are charged; its sign of life still lies there."),
    Point("run_begun_written", "A run of a job is in the transaction; nothing is committed."),
    Point("run_begun_committed", "A run has begun and has read nothing."),
    Point("intake_written", "A batch of input is in the transaction; nothing is committed."),
    Point("intake_committed", "A batch of input is taken in; nobody works on it yet."),
    Point("intent_written", "An attempt and its reservation are in the transaction; nothing is committed."),
    Point("intent_committed", "The intent is on disk; the step does not know yet."),
    Point("before_send", "The step is about to send; not a byte has left."),
    Point("after_send", "A whole reply or an error came back; nothing of it is noted."),
    Point("reply_owed", "A reply is owed to the record's next change; nothing of it is on disk."),
    Point("settlement_written", "An attempt's ending and cost are in the transaction; nothing is committed."),
    Point("settlement_committed", "The ending of an attempt without a reply is on disk; nothing is tried again yet."),
    Point("outcome_written", "Where a record stands is in the transaction; nothing is committed."),
    Point("outcome_committed", "Settlement, reply and outcome are on disk; the worker does not know yet."),
    Point("batch_planned_written", "A batch and its calls are in the transaction; nothing is committed."),
    Point("batch_planned_committed", "A batch is planned on disk; the provider knows nothing of it."),
    Point("batch_sending_committed", "It is on disk that the batch is about to be created; it is not created."),
    Point("batch_created", "The provider said that it has the batch; nothing of that is noted."),
    Point("batch_submitted_written", "The provider's id of a batch is in the transaction; nothing is committed."),
    Point("batch_submitted_committed", "The provider's id of a batch is on disk."),
    Point("batch_downloaded", "Results of a batch were fetched; none of these is imported."),
    Point("batch_slice_written", "A slice of a batch's results is in the transaction; nothing is committed."),
    Point("batch_slice_committed", "A slice of a batch's results is imported."),
    Point("batch_ended_written", "The end of a batch is in the transaction; nothing is committed."),
    Point("batch_ended_committed", "A batch is imported to its end; its records have not gone on."),
    Point("once_begun_committed", "The idempotency key of a `once` function is on disk; it has not run."),
    Point("once_ran", "A `once` function has run; its result is not kept."),
    Point("once_kept_committed", "The result of a `once` function is on disk."),
    Point("before_commit", "All changes of a transaction are made, whatever they are; nothing is committed."),
    Point("after_commit", "A transaction is on disk; none of those who wait for it knows."),
    Point("output_written", "The output stands beside its place, synced; the old file still holds it."),
    Point("output_replaced", "The output is in its place; the run has not ended."),
    Point("run_ended_written", "A run's end is in the transaction; nothing is committed."),
    Point("run_ended_committed", "A run has ended and has not said good-bye."),
    Point("goodbye_written", "The process's good-bye is in the transaction; nothing is committed."),
    Point("goodbye_committed", "The process said good-bye; its sign of life is still up."),
)  # fmt: skip


class _Armed:
    """The one armed point of this process, and how often it was passed."""

    text = ""
    name = ""
    count = 1
    stops = False
    passes = 0


def arm(text: str) -> None:
    """Arm the point that `text` names, such as `after_commit:3`; "" for none. The same text again goes on counting.

    Raises:
        WrongUse: there is no such point, or the text has another form.
    """
    if text == _Armed.text:
        return
    name, _, rest = text.partition(":")
    count, _, action = rest.partition(":")
    known = [point.name for point in POINTS]
    if text and (name not in known or not (count or "1").isdecimal() or action not in {"", "kill", "stop"}):
        raise WrongUse(
            f"{VARIABLE} is {text!r}. Write NAME:COUNT or NAME:COUNT:stop; known: {', '.join(known)}."
        )
    _Armed.text, _Armed.name, _Armed.passes = text, name, 0
    _Armed.count, _Armed.stops = max(1, int(count or "1")), action == "stop"


def failpoint(name: str) -> None:
    """Die or stop here if this point is armed and its count is reached."""
    if name == _Armed.name:
        _pass()


def _pass() -> None:
    _Armed.passes += 1
    if _Armed.passes == _Armed.count:
        # To this very thread: it is gone before its next instruction, and with it the process.
        signal.raise_signal(signal.SIGSTOP if _Armed.stops else signal.SIGKILL)
