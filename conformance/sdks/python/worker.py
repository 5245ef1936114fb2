"""The conformance worker of Python: takes orders and reports as JSON lines (conformance/README.md), and runs features.py.

Plain generated code and grpcio, no SDK. It keeps no run in memory between tasks and runs one workflow task after the other.
"""

import base64
import json
import os
import pathlib
import signal
import sys
import threading
import uuid

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[3] / ".perdure/python/gen"))

import grpc  # noqa: E402
from google.protobuf.duration_pb2 import Duration  # noqa: E402
from perdure.api.v1 import common_pb2, event_pb2, task_pb2, worker_service_pb2 as w, workflow_service_pb2  # noqa: E402
from features import ACTIVITIES, CALLS, WORKFLOWS  # noqa: E402
from replay import NondeterminismError, Run  # noqa: E402
from service import Refusal, Service  # noqa: E402
from values import CanceledError, from_payload, from_payloads, to_failure, to_payload, to_payloads  # noqa: E402

WAIT_S = 60
CAUSES = {NondeterminismError: task_pb2.WORKFLOW_TASK_FAILURE_CAUSE_NONDETERMINISM}
writing = threading.Lock()


def report(**line):
    with writing:
        sys.stdout.write(json.dumps(line) + "\n")
        sys.stdout.flush()


class Attempt:
    """One attempt of an activity, for its function."""

    def __init__(self, worker, task):
        self.worker, self.token, self.number = worker, task.token, task.attempt
        self.heartbeat_details = from_payload(task.heartbeat_details)
        self.canceled, self.ended = threading.Event(), threading.Event()

    def heartbeat(self, *details):
        beat = w.ActivityHeartbeat(token=self.token, **({"details": to_payload(*details)} if details else {}))
        request = w.HeartbeatActivitiesRequest(**self.worker.common, heartbeats=[beat])
        result = self.worker.service.call(self.worker.rpc.HeartbeatActivities, request).results[0]
        # An attempt that is no longer wanted should stop too.
        if result.cancel_requested or result.HasField("error"):
            self.canceled.set()

    def stay_alive(self, pause):
        while not self.ended.wait(pause):
            self.heartbeat()


class Worker:
    def __init__(self, order):
        self.service = Service(order["address"], order["namespace"])
        self.rpc = self.service.worker
        self.queue = order["taskQueue"]
        info = common_pb2.WorkerInfo(worker_id=str(uuid.uuid4()), identity=f"{os.getpid()}@python", build_id="1",
                                     sdk_name="python", sdk_version="0.1.0")
        self.common = {"namespace": order["namespace"], "worker": info}
        self.begun = {}
        self.stopping = threading.Event()
        self.polled = threading.Barrier(3)

    def run(self):
        """Returns when both queues have been polled."""
        for poll in (self.poll_workflow_tasks, self.poll_activity_tasks):
            threading.Thread(target=poll, daemon=True).start()
        self.polled.wait()

    def poll(self, method, request_type):
        """Answers with tasks as they come; each is named as received in the next call, or it is offered again."""
        received, wait = [], Duration(nanos=1_000_000)
        while not self.stopping.is_set():
            request = request_type(**self.common, task_queue=self.queue, max_tasks=10,
                                   wait_timeout=wait, received_answer_ids=received)
            try:
                answer = method(request, timeout=WAIT_S + 10)
            except grpc.RpcError:
                self.stopping.wait(0.1)
                continue
            received = [answer.answer_id] if answer.answer_id else []
            if wait.seconds == 0:
                self.polled.wait()
                wait = Duration(seconds=WAIT_S)
            yield from answer.tasks

    def poll_workflow_tasks(self):
        for task in self.poll(self.rpc.PollWorkflowTasks, w.PollWorkflowTasksRequest):
            try:
                # A completion may bring the next task of its run.
                while task is not None:
                    task = self.work_on(task)
            except grpc.RpcError as error:
                report(kind="log", level="warn", message=str(error), fields={"workflowId": task.execution.workflow_id})

    def work_on(self, task):
        run = Run(WORKFLOWS)
        try:
            events = self.history_of(task)
            run.replay(events, task.base_event_id)
            if not task.query_only:
                run.activate(events, task.seen_event_id)
        except Exception as error:
            fields = {"workflowId": task.execution.workflow_id, "errorType": type(error).__name__, "error": str(error)}
            report(kind="log", level="error", message="a workflow task failed", fields=fields)
            return self.fail(task, error)
        results = [run.answer(query) for query in task.queries]
        if task.query_only:
            completion = w.QueryTaskCompletion(token=task.token, query_results=results)
            self.service.call(self.rpc.CompleteQueries, w.CompleteQueriesRequest(**self.common, completions=[completion]))
            return None
        completion = w.WorkflowTaskCompletion(token=task.token, commands=run.commands, query_results=results)
        request = w.CompleteWorkflowTasksRequest(**self.common, completions=[completion])
        answer = self.service.call(self.rpc.CompleteWorkflowTasks, request)
        ok = answer.results[0].ok
        if answer.answer_id:
            beat = w.HeartbeatActivitiesRequest(**self.common, received_answer_ids=[answer.answer_id])
            self.service.call(self.rpc.HeartbeatActivities, beat)
        return ok.next_task if ok.HasField("next_task") else None

    def history_of(self, task):
        """All events up to the task's last one; for queries to the end, where the block of the last completed task lies."""
        data, at = task.history, task.history_next_event_id
        if task.history_from_event_id > 1:
            data, at = b"", 1
        while at:
            request = workflow_service_pb2.GetWorkflowHistoryRequest(
                namespace=self.service.namespace, execution=task.execution, from_event_id=at, to_event_id=0 if task.query_only else task.seen_event_id)
            page = self.service.call(self.service.workflow.GetWorkflowHistory, request)
            data += page.history
            at = 0 if page.end or page.next_event_id > task.seen_event_id and not task.query_only else page.next_event_id
        return event_pb2.History.FromString(data).events

    def fail(self, task, error):
        cause = CAUSES.get(type(error), task_pb2.WORKFLOW_TASK_FAILURE_CAUSE_WORKFLOW_ERROR)
        if isinstance(error, KeyError) and task.workflow_type not in WORKFLOWS:
            cause = task_pb2.WORKFLOW_TASK_FAILURE_CAUSE_UNKNOWN_WORKFLOW_TYPE
        if task.query_only:
            completion = w.QueryTaskCompletion(token=task.token, cause=cause, failure=to_failure(error))
            self.service.call(self.rpc.CompleteQueries, w.CompleteQueriesRequest(**self.common, completions=[completion]))
        else:
            failure = w.WorkflowTaskFailure(token=task.token, cause=cause, failure=to_failure(error))
            self.service.call(self.rpc.FailWorkflowTasks, w.FailWorkflowTasksRequest(**self.common, failures=[failure]))

    def poll_activity_tasks(self):
        for task in self.poll(self.rpc.PollActivityTasks, w.PollActivityTasksRequest):
            threading.Thread(target=self.run_activity, args=[task], daemon=True).start()

    def run_activity(self, task):
        attempt = Attempt(self, task)
        self.begun[task.token] = attempt
        limit = task.heartbeat_timeout.ToMilliseconds() / 1000
        if limit > 0:
            threading.Thread(target=attempt.stay_alive, args=[limit / 3], daemon=True).start()
        try:
            result = ACTIVITIES[task.activity_type](attempt, *from_payloads(task.input))
            outcome = {"completed": w.ActivityTaskSuccess(result=to_payload(result))}
        except CanceledError as error:
            outcome = {"canceled": w.ActivityTaskCanceled(details=to_payloads(error.details))}
        except Exception as error:
            outcome = {"failed": to_failure(error)}
        attempt.ended.set()
        self.begun.pop(task.token, None)
        completion = w.ActivityTaskCompletion(token=task.token, **outcome)
        self.service.call(self.rpc.CompleteActivityTasks, w.CompleteActivityTasksRequest(**self.common, completions=[completion]))

    def stop(self):
        """Hands over what runs."""
        self.stopping.set()
        try:
            self.rpc.ReturnTasks(w.ReturnTasksRequest(**self.common, begun=list(self.begun)), timeout=2)
            self.rpc.ShutdownWorker(w.ShutdownWorkerRequest(**self.common, task_queue=self.queue), timeout=2)
        except grpc.RpcError:
            pass
        os._exit(0)



def answer(worker, order):
    try:
        if order["kind"] == "replay":
            Run(WORKFLOWS).replay(event_pb2.History.FromString(base64.b64decode(order["history"])).events)
            report(kind="done", id=order["id"])
        else:
            call = CALLS[order["feature"]][order["function"]]
            report(kind="done", id=order["id"], value=call(worker.service, order["scope"], *order["args"]))
    except Refusal as refusal:
        report(kind="error", id=order["id"], error={**refusal.facts, "type": refusal.type, "message": str(refusal)})
    except Exception as error:
        report(kind="error", id=order["id"], error={"type": type(error).__name__, "message": str(error)})


def main():
    worker = Worker(json.loads(sys.stdin.readline()))
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=worker.stop).start())
    worker.run()
    report(kind="ready", sdk="python", version="0.1.0")
    for line in sys.stdin:
        threading.Thread(target=answer, args=[worker, json.loads(line)], daemon=True).start()
    # Without its harness nobody would end it.
    worker.stop()


main()
