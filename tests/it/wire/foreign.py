"""Uses every method of VaultService through gRPC; prints their names as they are done.

Argument: the daemon's socket.
"""

import sys

try:
    import grpc
except ImportError as error:
    sys.exit(f"{error}: `apt install python3-grpcio`, or `make deps`")

from namespace.cloud.vault.v1beta import vault_pb2 as vault
from namespace.cloud.vault.v1beta import vault_pb2_grpc
from namespace.stdlib import labels_pb2 as labels

[SOCKET] = sys.argv[1:]


def refused(code, call, request):
    """The error of a call that must fail with this code."""
    try:
        call(request)
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error.details()
    raise AssertionError(f"not refused: {request}")


with grpc.insecure_channel(f"unix:{SOCKET}") as channel:
    service = vault_pb2_grpc.VaultServiceStub(channel)

    label = labels.Label(name="env", value="prod")
    request = vault.CreateObjectRequest(description="from Python", value="älpha", revealable=True, labels=[label])
    made = service.CreateObject(request)
    assert made.object_id.startswith("sec_") and made.version == "1", made
    assert list(made.labels) == [label] and made.created_at.seconds > 0 and not made.HasField("deleted_at"), made
    refused(grpc.StatusCode.INVALID_ARGUMENT, service.CreateObject, vault.CreateObjectRequest())
    print("CreateObject", end=" ")

    update = vault.UpdateObjectRequest(object_id=made.object_id, new_value="beta", if_version_matches="1")
    assert service.UpdateObject(update).version == "2"
    message = refused(grpc.StatusCode.FAILED_PRECONDITION, service.UpdateObject, update)
    assert "at version 2, not 1" in message, message
    print("UpdateObject", end=" ")

    described = service.DescribeObject(vault.DescribeObjectRequest(object_id=made.object_id))
    assert described.value == "beta" and described.metadata.version == "2", described.metadata
    assert list(described.previous) == [made], described.previous
    unknown = vault.DescribeObjectRequest(object_id="sec_abcdefghijklmnopqrst")
    assert "sec_abcdefghijklmnopqrst" in refused(grpc.StatusCode.NOT_FOUND, service.DescribeObject, unknown)
    print("DescribeObject", end=" ")

    equal = labels.LabelFilterEntry(name="env", value="prod", op=labels.LabelFilterEntry.EQUAL)
    listed = service.ListObjects(vault.ListObjectsRequest(label_filter=[equal]))
    assert list(listed.objects) == [described.metadata], listed
    refused(
        grpc.StatusCode.INVALID_ARGUMENT,
        service.ListObjects,
        vault.ListObjectsRequest(label_filter=[labels.LabelFilterEntry(name="env")]),
    )
    print("ListObjects", end=" ")

    service.DeleteObject(vault.DeleteObjectRequest(object_id=made.object_id, if_version_matches="2"))
    deleted = service.DescribeObject(vault.DescribeObjectRequest(object_id=made.object_id))
    assert deleted.metadata.HasField("deleted_at") and deleted.value == "", deleted.metadata
    again = vault.DeleteObjectRequest(object_id=made.object_id)
    assert "deleted" in refused(grpc.StatusCode.FAILED_PRECONDITION, service.DeleteObject, again)
    print("DeleteObject")
