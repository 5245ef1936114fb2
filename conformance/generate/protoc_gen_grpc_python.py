# A protoc plugin that makes gRPC stubs: grpcio-tools has this plugin only inside its protoc, where buf does not find it.
import pathlib
import subprocess
import sys
import tempfile

from google.protobuf import descriptor_pb2
from google.protobuf.compiler import plugin_pb2

request = plugin_pb2.CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
answer = plugin_pb2.CodeGeneratorResponse(supported_features=plugin_pb2.CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL)
with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    image = folder / "image.binpb"
    image.write_bytes(descriptor_pb2.FileDescriptorSet(file=request.proto_file).SerializeToString())
    out = folder / "out"
    out.mkdir()
    protoc = [sys.executable, "-m", "grpc_tools.protoc", f"--descriptor_set_in={image}", f"--grpc_python_out={out}"]
    subprocess.run([*protoc, *request.file_to_generate], check=True)
    for path in sorted(out.rglob("*.py")):
        answer.file.add(name=path.relative_to(out).as_posix(), content=path.read_text())
sys.stdout.buffer.write(answer.SerializeToString())
