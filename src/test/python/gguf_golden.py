"""Makes the small GGUF file that the tests of io.sluice.weights read, and what its tensors hold.

Oracle: the gguf package. Usage: gguf_golden.py FOLDER
"""

import pathlib
import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from safetensors.numpy import save_file

folder = pathlib.Path(sys.argv[1])
folder.mkdir(parents=True, exist_ok=True)
random = np.random.default_rng(7)

# Where the float16 numbers of each type's blocks are.
SCALES = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
}

writer = gguf.GGUFWriter(folder / "types.gguf", "none")
writer.add_custom_alignment(64)
writer.add_uint8("a.uint8", 200)
writer.add_int8("a.int8", -100)
writer.add_uint16("a.uint16", 60_000)
writer.add_int16("a.int16", -30_000)
writer.add_uint32("a.uint32", 4_000_000_000)
writer.add_int32("a.int32", -2_000_000_000)
writer.add_uint64("a.uint64", 2**63 + 5)
writer.add_int64("a.int64", -(2**40))
writer.add_float32("a.float32", 0.1)
writer.add_float64("a.float64", 0.1)
writer.add_bool("a.bool", True)
writer.add_string("a.string", "größe·层\n")
writer.add_array("a.strings", ["a", "", "größe"])
writer.add_array("a.numbers", [3, -1, 2])
writer.add_array("a.floats", [0.5, 0.25])

expected = {}
for kind in [Type.F32, Type.F16, Type.BF16]:
    values = random.standard_normal((3, 5), dtype=np.float32)
    raw = gguf.quantize(values, kind)
    writer.add_tensor(kind.name, raw, raw_dtype=kind)
    expected[kind.name] = gguf.dequantize(raw, kind)
for kind, places in SCALES.items():
    length, size = gguf.GGML_QUANT_SIZES[kind]
    blocks = random.integers(0, 256, (6, size), dtype=np.uint8)
    for place in places:
        scales = random.standard_normal(6).astype(np.float16)
        scales[1] = np.float16(6e-8)  # the smallest subnormal
        scales[2] = np.float16(-0.0)
        blocks[:, place : place + 2] = scales.view(np.uint8).reshape(6, 2)
    raw = blocks.reshape(3, 2 * size)
    writer.add_tensor(kind.name, raw, raw_dtype=kind)
    expected[kind.name] = gguf.dequantize(raw, kind)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
save_file(expected, folder / "types.safetensors")
