"""Talks to the service: plain generated stubs, what is tried again, and refusals as errors of their own."""

import time

import grpc
from google.rpc import error_details_pb2, status_pb2
from perdure.api.v1 import worker_service_pb2_grpc, workflow_service_pb2, workflow_service_pb2_grpc

OPTIONS = [
    ("grpc.max_receive_message_length", 64 * 1024 * 1024),
    ("grpc.initial_reconnect_backoff_ms", 50),
    ("grpc.min_reconnect_backoff_ms", 50),
    ("grpc.max_reconnect_backoff_ms", 500),
]
PASSING = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED)


class Refusal(Exception):
    """The service refused a call; `type` is the class that docs name."""

    def __init__(self, error, workflow_id=""):
        super().__init__(error.details())
        self.facts = {"code": error.code().value[0]}
        details = dict(error.trailing_metadata() or ()).get("grpc-status-details-bin")
        for any_detail in status_pb2.Status.FromString(details or b"").details:
            info = error_details_pb2.ErrorInfo()
            if any_detail.Unpack(info):
                self.facts.update(reason=info.reason, metadata=dict(info.metadata))
        self.type = "ServiceError"
        if self.facts.get("reason") == "WORKFLOW_ALREADY_STARTED":
            self.type = "WorkflowAlreadyStartedError"
            self.facts.update(workflowId=workflow_id, runId=self.facts["metadata"].get("run_id", ""))
        elif self.facts.get("reason") in ("WORKFLOW_NOT_FOUND", "WORKFLOW_CLOSED"):
            self.type = "WorkflowNotFoundError"
            self.facts.update(workflowId=workflow_id)


class Service:
    def __init__(self, address, namespace):
        self.namespace = namespace
        self.channel = grpc.insecure_channel(address, OPTIONS)
        self.worker = worker_service_pb2_grpc.WorkerServiceStub(self.channel)
        self.workflow = workflow_service_pb2_grpc.WorkflowServiceStub(self.channel)

    def call(self, method, request, timeout=10, tries=20):
        """Tries again what may pass: everything here takes effect once, by request ids and task tokens."""
        for attempt in range(1, tries + 1):
            try:
                return method(request, timeout=timeout)
            except grpc.RpcError as error:
                if error.code() not in PASSING or attempt == tries:
                    raise
                time.sleep(min(0.05 * 2**attempt, 1))

    def start(self, workflow_type, workflow_id, task_queue, request_id="", args=()):
        request = workflow_service_pb2.StartWorkflowRequest(
            namespace=self.namespace, workflow_id=workflow_id, workflow_type=workflow_type, task_queue=task_queue,
            input=args, request_id=request_id, identity="python")
        try:
            return self.call(self.workflow.StartWorkflow, request)
        except grpc.RpcError as error:
            raise Refusal(error, workflow_id) from error
