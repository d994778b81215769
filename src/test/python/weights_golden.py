"""Makes the small weight files that the tests of io.sluice.weights read.

Oracles: the safetensors and onnx packages. Usage: weights_golden.py FOLDER
"""

import json
import pathlib
import sys

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from safetensors.torch import save_file

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
torch.manual_seed(0)

tensors = {
    "f32": torch.randn(3, 4),
    "f64": torch.randn(2, 3, dtype=torch.float64),
    "f16": torch.randn(5).half(),
    "bf16": torch.randn(2, 2).bfloat16(),
    "i32": torch.arange(-3, 3, dtype=torch.int32),
    "i64": torch.tensor([[2**40, -1]]),
    "u8": torch.tensor([0, 127, 255], dtype=torch.uint8),
    "bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(2.5),
    "empty": torch.zeros(0, 7),
    "größe·层": torch.ones(1),
}
save_file(tensors, folder / "dtypes.safetensors", metadata={"format": "pt", "note": "größe"})

raw = np.arange(6, dtype=np.float32).reshape(2, 3) / 4
initializers = [
    numpy_helper.from_array(raw, "raw"),
    helper.make_tensor("listed", TensorProto.FLOAT, [3], [1.5, -2.0, 0.25]),
    helper.make_tensor("listed16", TensorProto.FLOAT16, [2], [1.0, -0.5]),
    helper.make_tensor("ids", TensorProto.INT64, [2], [7, -9]),
    helper.make_tensor("int8", TensorProto.INT8, [2], [1, 2]),
]
nodes = [
    helper.make_node("MatMul", ["x", "raw"], ["y"], name="/dense/MatMul"),
    helper.make_node(
        "Constant", [], ["eps"], name="/eps", value=helper.make_tensor("", TensorProto.FLOAT, [], [1e-12])
    ),
    helper.make_node("Add", ["y", "eps"], ["out"], name="/add"),
]
graph = helper.make_graph(
    nodes,
    "tiny",
    [helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])],
    [helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 3])],
    initializers,
)
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
model.ir_version = 8
onnx.save(model, folder / "tiny.onnx")

values = {name: t.double().flatten().tolist() for name, t in tensors.items()}
values |= {"raw": raw.flatten().tolist(), "listed": [1.5, -2.0, 0.25], "eps": [float(np.float32(1e-12))]}
(folder / "values.json").write_text(json.dumps(values, indent=1) + "\n")
