"""Payloads and failures: values of user code in the protocol's form, and back."""

import json

from google.protobuf.duration_pb2 import Duration
from perdure.api.v1 import common_pb2, failure_pb2

NULL, PLAIN, JSON = "binary/null", "binary/plain", "json/plain"


def to_payload(value):
    if value is None:
        return common_pb2.Payload(encoding=NULL)
    if isinstance(value, bytes):
        return common_pb2.Payload(encoding=PLAIN, data=value)
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return common_pb2.Payload(encoding=JSON, data=text.encode())


def from_payload(payload):
    if payload.encoding in ("", NULL):
        return None
    if payload.encoding == PLAIN:
        return payload.data
    if payload.encoding == JSON:
        return json.loads(payload.data)
    raise ValueError(f'encoding "{payload.encoding}" is not known here (known: {NULL}, {PLAIN}, {JSON})')


def to_payloads(values):
    return [to_payload(value) for value in values]


def from_payloads(payloads):
    return [from_payload(payload) for payload in payloads]


def seconds(value):
    """Seconds as a Duration; None stays away."""
    return None if value is None else Duration(seconds=int(value), nanos=round(value % 1 * 1e9))


def enum_name(enum, number, prefix):
    """MAXIMUM_ATTEMPTS_REACHED as maximumAttemptsReached."""
    first, *rest = enum.Name(number).removeprefix(prefix).lower().split("_")
    return first + "".join(part.capitalize() for part in rest)


class WorkflowFailure(Exception):
    """What may end a run as failed; every other exception fails the workflow task, which is tried again."""

    info: dict = {}

    def to_failure(self):
        cause = self.__cause__
        failure = failure_pb2.Failure(message=str(self), source="python", **self.info)
        if cause is not None:
            failure.cause.CopyFrom(to_failure(cause))
        return failure


class ApplicationError(WorkflowFailure):
    """Raised by user code. `type` is what retry policies name."""

    def __init__(self, message, type="ApplicationError", details=(), non_retryable=False):
        super().__init__(message)
        self.type, self.details, self.non_retryable = type, list(details), non_retryable
        info = failure_pb2.ApplicationFailureInfo(type=type, non_retryable=non_retryable, details=to_payloads(details))
        self.info = {"application": info}


class CanceledError(WorkflowFailure):
    """Stopped because somebody asked for it."""

    def __init__(self, message="the workflow was cancelled", details=()):
        super().__init__(message)
        self.details = list(details)
        self.info = {"canceled": failure_pb2.CanceledFailureInfo(details=to_payloads(details))}


class TimeoutFailure(WorkflowFailure):
    """A time limit was reached."""

    def __init__(self, timeout_type):
        self.timeout_type = enum_name(failure_pb2.TimeoutType, timeout_type, "TIMEOUT_TYPE_")
        super().__init__(f"{self.timeout_type} timeout")
        self.info = {"timeout": failure_pb2.TimeoutFailureInfo(timeout_type=timeout_type)}


class ActivityError(WorkflowFailure):
    """An activity ended without a result; its cause says why."""

    def __init__(self, message, info):
        super().__init__(message)
        self.attempt = info.attempt
        self.retry_state = enum_name(failure_pb2.RetryState, info.retry_state, "RETRY_STATE_")
        self.info = {"activity": info}


class RecordedError(WorkflowFailure):
    """A failure that needs no class of its own here; it is passed on as it came."""

    def __init__(self, failure):
        super().__init__(failure.message)
        self.failure = failure

    def to_failure(self):
        return self.failure


def to_failure(error):
    if isinstance(error, WorkflowFailure):
        return error.to_failure()
    info = failure_pb2.ApplicationFailureInfo(type=type(error).__name__)
    return failure_pb2.Failure(message=str(error), source="python", application=info)


def from_failure(failure):
    kind = failure.WhichOneof("info")
    if kind == "application":
        info = failure.application
        error = ApplicationError(failure.message, info.type, from_payloads(info.details), info.non_retryable)
    elif kind == "canceled":
        error = CanceledError(failure.message, from_payloads(failure.canceled.details))
    elif kind == "timeout":
        error = TimeoutFailure(failure.timeout.timeout_type)
    else:
        return RecordedError(failure)
    if failure.HasField("cause"):
        error.__cause__ = from_failure(failure.cause)
    return error
