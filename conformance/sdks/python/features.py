"""Workflow, activity and client code of the features that python.json declares; see the TypeScript files beside each scenario."""

from values import ActivityError, ApplicationError, CanceledError

# activity/retries


def retries_until(run, attempt, maximum_attempts=0):
    retry = {"initial_interval": 0.01, "maximum_attempts": maximum_attempts}
    return (yield run.activity("retriesFlaky", [attempt], retry=retry, start_to_close=30))


def retries_flaky(attempt, succeed_at):
    if attempt.number < succeed_at:
        raise ApplicationError(f"attempt {attempt.number} is too early", type="RangeError")
    return attempt.number


# activity/non-retryable


def non_retryable(run):
    told = []
    for name in ("nonRetryableByType", "nonRetryableByFlag"):
        retry = {"initial_interval": 3600, "non_retryable_error_types": ["CardExpired"]}
        try:
            yield run.activity(name, retry=retry, start_to_close=60)
        except ActivityError as error:
            cause = error.__cause__
            told.append({"type": cause.type, "details": cause.details, "attempt": error.attempt, "retryState": error.retry_state})
    return told


def non_retryable_by_type(_attempt):
    raise ApplicationError("expired in May", type="CardExpired")


def non_retryable_by_flag(_attempt):
    raise ApplicationError("no such customer", type="NoSuchCustomer", details=[{"customer": 7}], non_retryable=True)


# activity/resumes


def resumes(run, pages):
    return (yield run.activity("resumesCopy", [pages], retry={"initial_interval": 0.01}, start_to_close=60))


def resumes_copy(attempt, pages):
    copied = (attempt.heartbeat_details or {}).get("copied", 0)
    if copied == pages:
        return {"attempt": attempt.number, "copied": copied}
    attempt.heartbeat({"copied": copied + 1})
    raise ApplicationError(f"the connection broke after page {copied + 1}", type="Error")


# activity/cancel-reaches-code


def cancel_reaches_code(run):
    stopping = []
    run.on_signal("stop", lambda: stopping.append(True))
    work = run.activity("cancelReachesCodeWork", start_to_close=7200, heartbeat=3)
    yield lambda: stopping
    run.cancel(work)
    try:
        return (yield work)
    except ActivityError as error:
        if isinstance(error.__cause__, CanceledError):
            return error.__cause__.details
        raise


def cancel_reaches_code_work(attempt):
    aborted = attempt.canceled.wait(3600)
    raise CanceledError("stopped", [{"aborted": aborted, "done": "half"}])


# activity/time-outs


def time_outs_each(run, task_queue):
    once = {"maximum_attempts": 1}
    told = []
    for limits in (
        {"schedule_to_start": 0.2, "start_to_close": 3600},
        {"schedule_to_close": 0.2},
        {"start_to_close": 0.2, "retry": once},
        {"start_to_close": 3600, "heartbeat": 0.2, "retry": once},
    ):
        try:
            yield run.activity("timeOutsSilent", task_queue=task_queue, **limits)
        except ActivityError as error:
            told.append(f"{error.__cause__.timeout_type}: {error.retry_state}")
    return told


# cancel/cleans-up


def cleans_up(run, task_queue):
    try:
        yield run.timer(3600)
    except CanceledError:
        yield run.activity("cleansUpRelease", task_queue=task_queue, start_to_close=60)
        raise


def cleans_up_nothing(run):
    try:
        yield run.timer(3600)
    except CanceledError:
        return "done anyway"


# client/already-started


def start_again(client, scope, run, request_id=""):
    started = client.start("any", scope["idPrefix"] + run, scope["taskQueue"], request_id)
    return {"runId": started.run_id}


# query/up-to-date


def up_to_date_sum(run):
    added, ended = [], []
    run.on_signal("add", added.append)
    run.on_signal("end", lambda: ended.append(True))
    run.queries["sum"] = lambda: sum(added)
    yield lambda: ended
    return sum(added)


# task/steps-in-a-row


def steps_in_a_row(run, steps):
    done = []
    for step in range(1, steps + 1):
        done.append((yield run.activity("stepsSquare", [step], start_to_close=60)))
    return done


def steps_square(_attempt, step):
    return step * step


# timer/after-a-crash


def after_a_crash_sleeper(run, delay):
    yield run.timer(delay)
    return "awake"


# timer/canceled


def canceled_sleeper(run, ms):
    def stop():
        stopping.append(True)
        run.cancel(sleep)

    stopping = []
    run.on_signal("stop", stop)
    sleep = run.timer(ms / 1000)
    try:
        yield sleep
        return "awake"
    except CanceledError:
        yield lambda: stopping
        return "cancelled"


# wire/newer-history


def newer_history(run):
    yield run.timer(0.001)
    return "slept"


# workflow/completes


def completes_greeting(_run, name, options):
    return f"Hello, {name}{'!' if options['exclaim'] else '.'}"
    yield


WORKFLOWS = {
    "retriesUntil": retries_until,
    "nonRetryable": non_retryable,
    "resumes": resumes,
    "cancelReachesCode": cancel_reaches_code,
    "timeOutsEach": time_outs_each,
    "cleansUp": cleans_up,
    "cleansUpNothing": cleans_up_nothing,
    "upToDateSum": up_to_date_sum,
    "stepsInARow": steps_in_a_row,
    "afterACrashSleeper": after_a_crash_sleeper,
    "canceledSleeper": canceled_sleeper,
    "newerHistory": newer_history,
    "completesGreeting": completes_greeting,
}
ACTIVITIES = {
    "retriesFlaky": retries_flaky,
    "nonRetryableByType": non_retryable_by_type,
    "nonRetryableByFlag": non_retryable_by_flag,
    "resumesCopy": resumes_copy,
    "cancelReachesCodeWork": cancel_reaches_code_work,
    "stepsSquare": steps_square,
}
CALLS = {"client/already-started": {"startAgain": start_again}}
