"""Makes what clients in other languages need of the .proto files, with Debian's compiler.

Arguments: the folder of the .proto files, a folder to work in. There it leaves `python/`, with modules for gRPC, and
`descriptors.binpb`, a FileDescriptorSet.
"""

import pathlib
import sys

try:
    import grpc_tools
    from grpc_tools import protoc
except ImportError as error:
    sys.exit(f"{error}: `apt install python3-grpc-tools`, or `make deps`")

PROTOS, WORK = map(pathlib.Path, sys.argv[1:])
FILES = [
    "namespace/stdlib/labels.proto",
    "namespace/cloud/vault/v1beta/vault.proto",
    "namespace/cloud/iam/v1beta/token.proto",
    "namespace/cloud/compute/v1beta/compute.proto",
]

sources, generated = WORK / "proto", WORK / "python"
for name in FILES:
    copy = sources / name
    copy.parent.mkdir(parents=True, exist_ok=True)
    # Debian 12's compiler is older than `debug_redact`, which changes nothing on the wire.
    text = (PROTOS / name).read_text(encoding="utf-8")
    copy.write_text(text.replace(" [debug_redact = true]", ""), encoding="utf-8")
generated.mkdir()
well_known = pathlib.Path(grpc_tools.__file__).parent / "_proto"
arguments = [f"-I{sources}", f"-I{well_known}", f"--python_out={generated}", f"--grpc_python_out={generated}"]
arguments += ["--include_imports", f"--descriptor_set_out={WORK}/descriptors.binpb"]
if protoc.main(["protoc", *arguments, *FILES]) != 0:
    sys.exit("protoc failed")
