"""Learns the API from the daemon alone, and uses what it learned.

Arguments: the folder of the .proto files, of which only reflection's own is read; a folder to generate code into; the
daemon's socket; a secret that is there; every method of the vault, as /package.Service/Method.
"""

import pathlib
import queue
import sys

try:
    import grpc
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
    from grpc_tools import protoc
except ImportError as error:
    sys.exit(f"{error}: `apt install python3-grpcio python3-grpc-tools`, or `make deps`")

PROTOS, WORK, SOCKET, SECRET, *METHODS = sys.argv[1:]
NAME = "grpc.reflection.v1.ServerReflection"
# So that a daemon that waits for the end of the questions fails the test rather than hangs it.
PATIENCE = 20

# Its own pool: grpc_tools' packages would take the name `grpc`.
FILE = pathlib.Path(WORK, "reflection.binpb")
if protoc.main(["protoc", f"-I{PROTOS}", f"--descriptor_set_out={FILE}", "grpc/reflection/v1/reflection.proto"]) != 0:
    sys.exit("protoc failed")
own = descriptor_pool.DescriptorPool()
for proto in descriptor_pb2.FileDescriptorSet.FromString(FILE.read_bytes()).file:
    own.AddSerializedFile(proto.SerializeToString())
factory = message_factory.MessageFactory(own)


def kind(name, messages=factory, pool=own):
    return messages.GetPrototype(pool.FindMessageTypeByName(name))


Request, Response = (kind(f"grpc.reflection.v1.ServerReflection{end}") for end in ("Request", "Response"))


def stream(channel, questions, metadata=()):
    method = channel.stream_stream(
        f"/{NAME}/ServerReflectionInfo", Request.SerializeToString, Response.FromString
    )
    return method(iter(questions.get, None), timeout=PATIENCE, metadata=metadata)


with grpc.insecure_channel(f"unix:{SOCKET}") as channel:
    questions = queue.Queue()
    answers = stream(channel, questions)

    def ask(**question):
        """One question, whose answer comes while the stream is open."""
        request = Request(host="here", **question)
        questions.put(request)
        answer = next(answers)
        assert answer.original_request == request and answer.valid_host == "here", answer
        return answer

    def files(**question):
        told = ask(**question).file_descriptor_response.file_descriptor_proto
        return [descriptor_pb2.FileDescriptorProto.FromString(file) for file in told]

    def refused(code, **question):
        error = ask(**question).error_response
        assert error.error_code == code.value[0] and error.error_message, error

    services = [service.name for service in ask(list_services="").list_services_response.service]
    expected = {method.split("/")[1] for method in METHODS} | {NAME, "grpc.health.v1.Health"}
    assert set(services) == expected and len(services) == len(expected), services

    known = {}
    for service in services:
        told = files(file_containing_symbol=service)
        assert service in [f"{told[0].package}.{there.name}" for there in told[0].service], service
        assert files(file_by_filename=told[0].name) == told, service
        # All that a file needs comes with it.
        names = {file.name for file in told}
        assert all(names.issuperset(file.dependency) for file in told), names
        known.update({file.name: file for file in told})
    assert "google/protobuf/timestamp.proto" in known, known.keys()

    pool = descriptor_pool.DescriptorPool()
    added = set()

    def add(name):
        if name not in added:
            added.add(name)
            for needed in known[name].dependency:
                add(needed)
            pool.AddSerializedFile(known[name].SerializeToString())

    for name in known:
        add(name)
    for method in METHODS:
        service, name = method.strip("/").split("/")
        assert pool.FindServiceByName(service).FindMethodByName(name), method
        assert f"{service}.{name}".startswith(files(file_containing_symbol=f"{service}.{name}")[0].package), method
    for symbol in ["namespace.stdlib.LabelFilterEntry", "namespace.stdlib.LabelFilterEntry.LabelFilterOp"]:
        assert [file.name for file in files(file_containing_symbol=symbol)] == ["namespace/stdlib/labels.proto"]

    for nothing in ["namespace.cloud.vault.v1beta.VaultService.Steal", "VaultService", "", "../etc/passwd"]:
        refused(grpc.StatusCode.NOT_FOUND, file_containing_symbol=nothing)
        refused(grpc.StatusCode.NOT_FOUND, file_by_filename=nothing)
    refused(grpc.StatusCode.UNIMPLEMENTED, file_containing_extension={"containing_type": "a.B", "extension_number": 1})
    refused(grpc.StatusCode.UNIMPLEMENTED, all_extension_numbers_of_type="a.B")
    refused(grpc.StatusCode.INVALID_ARGUMENT)
    questions.put(None)
    assert list(answers) == [] and answers.code() == grpc.StatusCode.OK, answers

    # What was learned is true.
    described = pool.FindServiceByName("namespace.cloud.vault.v1beta.VaultService").FindMethodByName("DescribeObject")
    learned = message_factory.MessageFactory(pool)
    given, got = learned.GetPrototype(described.input_type), learned.GetPrototype(described.output_type)
    call = channel.unary_unary(
        f"/{described.containing_service.full_name}/{described.name}", given.SerializeToString, got.FromString
    )
    assert call(given(object_id=SECRET), timeout=PATIENCE).metadata.object_id == SECRET

    # A stranger is told so at once, though it keeps its stream open.
    unanswered = queue.Queue()
    unanswered.put(Request(list_services=""))
    stranger = stream(channel, unanswered, [("authorization", "Bearer amp_no_token_at_all")])
    try:
        sys.exit(f"a stranger was answered: {next(stranger)}")
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAUTHENTICATED, error
    unanswered.put(None)

print("all told")
