"""One run: replays the log with the workflow's code, and asks for what comes next.

A workflow is a generator. It yields a step (an activity, a timer) or a function that says whether to go on, and is resumed when that has
come. There is no cache: each task replays from the first event. What makes live equal replay is in docs/writing-an-sdk.md.
"""

from perdure.api.v1 import activity_pb2, command_pb2, common_pb2, failure_pb2, query_pb2, timer_pb2, workflow_pb2
from values import (
    ActivityError, CanceledError, TimeoutFailure, WorkflowFailure, from_failure, from_payload, from_payloads, seconds,
    to_failure, to_payload, to_payloads,
)

INPUTS = ("workflow_signaled", "workflow_cancel_requested")
RESULTS = ("activity_completed", "activity_failed", "activity_timed_out", "activity_canceled", "timer_fired")
# The event of each command, and the fields that must be the same.
EVENT_OF = {
    "schedule_activity": ("activity_scheduled", ("number", "activity_type")),
    "cancel_activity": ("activity_cancel_requested", ("number",)),
    "start_timer": ("timer_started", ("number",)),
    "cancel_timer": ("timer_canceled", ("number",)),
    "complete_workflow": ("workflow_completed", ()),
    "fail_workflow": ("workflow_failed", ()),
    "cancel_workflow": ("workflow_canceled", ()),
    "upsert_properties": ("workflow_properties_upserted", ()),
}
COMMAND_EVENTS = {event for event, _ in EVENT_OF.values()}


class NondeterminismError(Exception):
    """The code asks for other steps than the log holds."""


class Step:
    def __init__(self, kind, number, name=""):
        self.kind, self.number, self.name = kind, number, name
        self.done, self.value, self.error = False, None, None

    def end(self, value=None, error=None):
        self.done, self.value, self.error = True, value, error


class Run:
    def __init__(self, workflows):
        self.workflows = workflows
        self.main = self.awaited = self.outcome = None
        self.commands, self.steps, self.counts = [], {}, {}
        self.signals, self.queries, self.waiting = {}, {}, []
        self.cancel_requested = self.closed = False
        self.seen = 0

    # What workflow code uses.

    def activity(self, name, args=(), retry=None, task_queue="", **timeouts):
        step = self._open("activity", name)
        limits = {f"{key}_timeout": seconds(value) for key, value in timeouts.items()}
        if retry is not None:
            retry = common_pb2.RetryPolicy(**{k: seconds(v) if k.endswith("_interval") else v for k, v in retry.items()})
        schedule = activity_pb2.ScheduleActivityCommand(
            number=step.number, activity_id=str(step.number), activity_type=name, task_queue=task_queue,
            input=to_payloads(args), retry_policy=retry, **limits)
        self.commands.append(command_pb2.Command(schedule_activity=schedule))
        return step

    def timer(self, delay):
        step = self._open("timer")
        start = timer_pb2.StartTimerCommand(number=step.number, duration=seconds(delay))
        self.commands.append(command_pb2.Command(start_timer=start))
        return step

    def cancel(self, step):
        """A timer ends at once; an activity is asked to stop, and ends when it has."""
        if self.steps.get((step.kind, step.number)) is not step:
            return
        if step.kind == "activity":
            self.commands.append(command_pb2.Command(cancel_activity=activity_pb2.CancelActivityCommand(number=step.number)))
            return
        del self.steps[step.kind, step.number]
        self.commands.append(command_pb2.Command(cancel_timer=timer_pb2.CancelTimerCommand(number=step.number)))
        step.end(error=CanceledError())

    def condition(self, predicate, within):
        """True when the predicate held in time: `met = yield from run.condition(…)`."""
        timer = self.timer(within)
        yield lambda: predicate() or timer.done
        if predicate():
            self.cancel(timer)
            return True
        return False

    def on_signal(self, name, handler):
        self.signals[name] = handler
        for args in [args for waiting, args in self.waiting if waiting == name]:
            handler(*args)
        self.waiting = [each for each in self.waiting if each[0] != name]

    # What the worker uses.

    def replay(self, events, base=None):
        """Replays all blocks up to `base`. Raises NondeterminismError at the first difference."""
        unknown = [event.id for event in events if event.WhichOneof("attributes") is None]
        if unknown:
            raise ValueError(f"event {unknown[0]} is of a kind this version of the SDK does not know")
        if not events or events[0].WhichOneof("attributes") != "workflow_started":
            raise ValueError("the history holds no start")
        self.started = events[0].workflow_started
        blocks = [event for event in events if event.WhichOneof("attributes") == "workflow_task_completed"]
        for block in blocks:
            if base is not None and block.id > base:
                break
            self.activate(events, block.workflow_task_completed.seen_event_id)
            self._compare(block, [e for e in events if e.WhichOneof("attributes") in COMMAND_EVENTS
                                  and getattr(e, e.WhichOneof("attributes")).completed_event_id == block.id])

    def activate(self, events, seen):
        """One activation: inputs, then results, then the outcome. Its commands stand in `commands` afterwards."""
        self.commands = []
        new = [event for event in events if self.seen < event.id <= seen]
        self.seen = seen
        for event in new:
            if event.WhichOneof("attributes") in INPUTS:
                self._deliver(event)
        if self.main is None:
            self.main = self.workflows[self.started.workflow_type](self, *from_payloads(self.started.input))
            self._resume(None)
        self._settle()
        for event in new:
            if event.WhichOneof("attributes") in RESULTS:
                self._deliver(event)
        self._settle()
        if self.outcome is not None and not self.closed:
            self.closed = True
            self.commands.append(self.outcome)

    def answer(self, query):
        try:
            if query.query_type not in self.queries:
                raise LookupError(f'no handler for query "{query.query_type}" (known: {", ".join(sorted(self.queries))})')
            result = to_payload(self.queries[query.query_type](*from_payloads(query.args)))
            return query_pb2.QueryResult(query_id=query.query_id, result=result)
        except Exception as error:
            return query_pb2.QueryResult(query_id=query.query_id, failure=to_failure(error))

    # How it works.

    def _open(self, kind, name=""):
        self.counts[kind] = self.counts.get(kind, 0) + 1
        step = self.steps[kind, self.counts[kind]] = Step(kind, self.counts[kind], name)
        return step

    def _deliver(self, event):
        kind = event.WhichOneof("attributes")
        value = getattr(event, kind)
        if kind == "workflow_signaled":
            args = from_payloads(value.input)
            handler = self.signals.get(value.signal_name)
            if handler is None:
                self.waiting.append((value.signal_name, args))
            else:
                handler(*args)
        elif kind == "workflow_cancel_requested":
            self.cancel_requested = True
            for step in list(self.steps.values()):
                self.cancel(step)
        else:
            # A result nobody waits for any more is dropped.
            step = self.steps.pop((kind.partition("_")[0], value.number), None)
            if step is not None:
                step.end(*_outcome_of(step, kind, value))

    def _settle(self):
        while self.outcome is None:
            awaited = self.awaited
            if callable(awaited):
                if awaited():
                    self._resume(None)
                elif self.cancel_requested and not self.steps:
                    self._resume(CanceledError())
                else:
                    return
            elif awaited.done:
                self._resume(awaited.error, awaited.value)
            else:
                return

    def _resume(self, error, value=None):
        try:
            self.awaited = self.main.send(value) if error is None else self.main.throw(error)
        except StopIteration as end:
            complete = workflow_pb2.CompleteWorkflowCommand(result=to_payload(end.value))
            self.outcome = command_pb2.Command(complete_workflow=complete)
        except WorkflowFailure as failure:
            if self.cancel_requested and (isinstance(failure, CanceledError) or isinstance(failure.__cause__, CanceledError)):
                self.outcome = command_pb2.Command(cancel_workflow=workflow_pb2.CancelWorkflowCommand())
            else:
                fail = workflow_pb2.FailWorkflowCommand(failure=failure.to_failure())
                self.outcome = command_pb2.Command(fail_workflow=fail)

    def _compare(self, block, recorded):
        for at in range(max(len(self.commands), len(recorded))):
            ours = _describe(self.commands[at]) if at < len(self.commands) else "nothing"
            theirs = _describe_event(recorded[at]) if at < len(recorded) else "nothing"
            if ours != theirs:
                raise NondeterminismError(f"task {block.id}, command {at + 1}. Recorded: {theirs}. Produced: {ours}.")


def _outcome_of(step, kind, value):
    """The value of a result event, or None and its error."""
    if kind == "timer_fired":
        return None, None
    if kind == "activity_completed":
        return from_payload(value.result), None
    info = failure_pb2.ActivityFailureInfo(activity_id=str(step.number), activity_type=step.name, attempt=value.attempt)
    if kind == "activity_failed":
        cause, told = from_failure(value.failure), f"failed: {value.failure.message}"
        info.retry_state = value.retry_state
    elif kind == "activity_timed_out":
        cause = TimeoutFailure(value.timeout_type)
        told, info.retry_state = f"timed out ({cause.timeout_type})", value.retry_state
    else:
        cause, told = CanceledError("the activity was cancelled", from_payloads(value.details)), "was cancelled"
        info.retry_state = failure_pb2.RETRY_STATE_CANCEL_REQUESTED
    error = ActivityError(f"activity {step.name} {told}", info)
    error.__cause__ = cause
    return None, error


def _describe(command):
    kind = command.WhichOneof("attributes")
    event, fields = EVENT_OF[kind]
    return " ".join([event, *(str(getattr(getattr(command, kind), field)) for field in fields)])


def _describe_event(event):
    kind = event.WhichOneof("attributes")
    fields = next(fields for name, fields in EVENT_OF.values() if name == kind)
    return " ".join([kind, *(str(getattr(getattr(event, kind), field)) for field in fields)])
