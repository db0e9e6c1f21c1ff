"""An instance through its life by gRPC; prints what it has seen.

What the test says is JSON on standard input. Certificates are checked by GRPC_DEFAULT_SSL_ROOTS_FILE_PATH.
"""

import json
import sys

try:
    import grpc
except ImportError as error:
    sys.exit(f"{error}: `apt install python3-grpcio`, or `make deps`")

from google.protobuf import json_format
from namespace.cloud.compute.v1beta import compute_pb2 as c
from namespace.cloud.compute.v1beta import compute_pb2_grpc

TOLD = json.load(sys.stdin)
STATUS = c.InstanceMetadata.Status.Name

credentials = grpc.composite_channel_credentials(
    grpc.ssl_channel_credentials(), grpc.access_token_call_credentials(TOLD["token"])
)
channel = grpc.secure_channel(TOLD["address"], credentials)
compute = compute_pb2_grpc.ComputeServiceStub(channel)
commands = compute_pb2_grpc.CommandServiceStub(channel)
observability = compute_pb2_grpc.ObservabilityServiceStub(channel)

created = compute.CreateInstance(json_format.ParseDict(TOLD["request"], c.CreateInstanceRequest()))
instance_id = created.metadata.instance_id
waited = compute.WaitInstance(c.WaitInstanceRequest(instance_id=instance_id))
statuses = [STATUS(told.metadata.status) for told in waited]


def run(words, **more):
    request = {"instance_id": instance_id, "command": {"command": words, **more}}
    return commands.RunCommandSync(json_format.ParseDict(request, c.RunCommandRequest()))


ran = run(TOLD["command"], env_vars=TOLD["commandEnv"])

# It prints the last line once it is told to: the stream is open by then, and ends with the instance.
lines = []
for block in observability.StreamInstanceLogs(c.StreamInstanceLogsRequest(instance_id=instance_id, follow=True)):
    for line in block.lines:
        assert line.timestamp.seconds > 0, line
        lines.append([block.labels["container"], line.stream, line.content])
        if line.content == "first":
            run(TOLD["release"])
        if line.content == "second":
            compute.DestroyInstance(c.DestroyInstanceRequest(instance_id=instance_id, reason="done"))

described = compute.DescribeInstance(c.DescribeInstanceRequest(instance_id=instance_id))
try:
    run(["true"])
    raise AssertionError("a command in an instance that is over")
except grpc.RpcError as error:
    after = error.code().name.lower()
seen = {"statuses": statuses, "exitCode": ran.exit_code, "stdout": ran.stdout.decode(), "stderr": ran.stderr.decode()}
print(json.dumps({**seen, "lines": lines, "last": STATUS(described.metadata.status), "after": after}))
