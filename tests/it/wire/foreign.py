"""Uses every method of VaultService through gRPC; prints their names as they are done.

Arguments: the folder of the .proto files, a folder to generate code into, the daemon's socket.
"""

import pathlib
import sys

try:
    import grpc
    import grpc_tools
    from grpc_tools import protoc
except ImportError as error:
    sys.exit(f"{error}: `apt install python3-grpcio python3-grpc-tools`, or `make deps`")

PROTOS, WORK, SOCKET = sys.argv[1:]
FILES = ["namespace/stdlib/labels.proto", "namespace/cloud/vault/v1beta/vault.proto"]


def generate():
    """Debian 12's compiler is older than `debug_redact`, which changes nothing on the wire."""
    sources, generated = pathlib.Path(WORK, "proto"), pathlib.Path(WORK, "generated")
    for name in FILES:
        copy = sources / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        text = pathlib.Path(PROTOS, name).read_text(encoding="utf-8")
        copy.write_text(text.replace(" [debug_redact = true]", ""), encoding="utf-8")
    generated.mkdir()
    well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
    arguments = [f"-I{sources}", f"-I{well_known}", f"--python_out={generated}", f"--grpc_python_out={generated}"]
    if protoc.main(["protoc", *arguments, *FILES]) != 0:
        sys.exit("protoc failed")
    sys.path.insert(0, str(generated))


def refused(code, call, request):
    """The error of a call that must fail with this code."""
    try:
        call(request)
    except grpc.RpcError as error:
        assert error.code() == code, error
        return error.details()
    raise AssertionError(f"not refused: {request}")


generate()
from namespace.cloud.vault.v1beta import vault_pb2 as vault  # noqa: E402
from namespace.cloud.vault.v1beta import vault_pb2_grpc  # noqa: E402
from namespace.stdlib import labels_pb2 as labels  # noqa: E402

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
