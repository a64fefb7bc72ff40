"""Split MediaPipe's attention mesh into networks that OpenCV reads: the face's, the lips' and each eye's.

    pip download --no-deps mediapipe==0.10.21
    pip install flatbuffers
    python plugins/extractors/blazeface/tools/split_attention.py mediapipe-0.10.21-*.whl

Between the face's network and the others stand three operations that only MediaPipe has; they cut the features around
the lips and the eyes, and `src/mien_extractor_blazeface/attention.py` does the same. The weights stay as they are, to
the bit. Writes src/mien_extractor_blazeface/networks/attention_*.tflite.
"""

import argparse
import hashlib
import importlib.util
import sys
import tempfile
import zipfile
from pathlib import Path
from types import ModuleType
from typing import Any

import flatbuffers

NETWORKS = Path(__file__).resolve().parents[1] / "src" / "mien_extractor_blazeface" / "networks"
MODEL = "mediapipe/modules/face_landmark/face_landmark_with_attention.tflite"
SHA256 = "e06a804e0144f9929eda782122916b35d60c697c3c9344013ca2bbe76a6ce2b4"
SCHEMA = "mediapipe/tasks/metadata/schema_py_generated.py"
PARTS = {
    "face": ("input_1", ("output_mesh", "p_re_lu_3")),
    "lips": ("transform_tensor_bilinear_v2", ("conv_lips",)),
    "right_eye": ("transform_tensor_bilinear_v2_1", ("conv_left_eye",)),
    "left_eye": ("transform_tensor_bilinear_v2_2", ("conv_right_eye",)),
}
"""The tensors that each part begins with, and ends with. MediaPipe calls left what is left in the image."""


def main() -> None:
    """Read, split and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    with zipfile.ZipFile(parser.parse_args().wheel) as wheel:
        data, schema = wheel.read(MODEL), schema_of(wheel.read(SCHEMA))
    if hashlib.sha256(data).hexdigest() != SHA256:
        sys.exit(f"{MODEL} is another one: {hashlib.sha256(data).hexdigest()}")
    for name, (first, last) in PARTS.items():
        part = part_of(schema, schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0)), first, last)
        path = NETWORKS / f"attention_{name}.tflite"
        path.write_bytes(part)
        sys.stdout.write(f"{hashlib.sha256(part).hexdigest()}  {path.name}  {len(part)} bytes\n")


def schema_of(source: bytes) -> ModuleType:
    """The classes that read and write the format, as the wheel has them, without importing all of it."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "schema.py"
        path.write_bytes(source)
        spec = importlib.util.spec_from_file_location("schema", path)
        if spec is None or spec.loader is None:
            sys.exit(f"{SCHEMA} cannot be imported.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return module


def part_of(schema: ModuleType, model: Any, first: str, last: tuple[str, ...]) -> bytes:
    """The part of a network from one tensor to others, as a network of its own."""
    (graph,) = model.subgraphs
    number = {tensor.name.decode(): index for index, tensor in enumerate(graph.tensors)}
    made_by = {output: operator for operator in graph.operators for output in operator.outputs}
    used, waiting = [], [number[name] for name in last]
    tensors = {number[first], *waiting}
    while waiting:
        tensor = waiting.pop()
        operator = made_by.get(tensor)
        if tensor == number[first] or operator is None or operator in used:
            continue
        used.append(operator)
        tensors.update([*operator.inputs, *operator.outputs])
        waiting += list(operator.inputs)
    kept = sorted(tensors - {-1})
    place = {tensor: index for index, tensor in enumerate(kept)} | {-1: -1}
    operators = [operator for operator in graph.operators if operator in used]
    codes = sorted({operator.opcodeIndex for operator in operators})
    buffers = [schema.BufferT()]
    for tensor in kept:
        data = model.buffers[graph.tensors[tensor].buffer]
        graph.tensors[tensor].buffer = len(buffers) if data.data is not None else 0
        buffers += [data] if data.data is not None else []
    for operator in operators:
        operator.inputs = [place[tensor] for tensor in operator.inputs]
        operator.outputs = [place[tensor] for tensor in operator.outputs]
        operator.opcodeIndex = codes.index(operator.opcodeIndex)
    graph.tensors = [graph.tensors[tensor] for tensor in kept]
    graph.operators = operators
    graph.inputs, graph.outputs = [place[number[first]]], [place[number[name]] for name in last]
    model.buffers = buffers
    model.operatorCodes = [model.operatorCodes[code] for code in codes]
    model.metadata, model.metadataBuffer, model.signatureDefs = None, None, None
    builder = flatbuffers.Builder(0)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


if __name__ == "__main__":
    main()
