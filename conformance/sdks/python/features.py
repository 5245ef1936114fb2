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


# client/already-started


def start_again(client, scope, run, request_id=""):
    started = client.start("any", scope["idPrefix"] + run, scope["taskQueue"], request_id)
    return {"runId": started.run_id}


# timer/after-a-crash


def after_a_crash_sleeper(run, delay):
    yield run.timer(delay)
    return "awake"


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
    "afterACrashSleeper": after_a_crash_sleeper,
    "completesGreeting": completes_greeting,
}
ACTIVITIES = {
    "retriesFlaky": retries_flaky,
    "nonRetryableByType": non_retryable_by_type,
    "nonRetryableByFlag": non_retryable_by_flag,
    "resumesCopy": resumes_copy,
    "cancelReachesCodeWork": cancel_reaches_code_work,
}
CALLS = {"client/already-started": {"startAgain": start_again}}
