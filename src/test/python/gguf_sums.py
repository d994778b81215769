"""Prints each tensor of a GGUF file with the SHA-256 of its float32 values.

Oracle: the gguf package. Usage: gguf_sums.py FILE
"""

import hashlib
import sys

import gguf

for tensor in gguf.GGUFReader(sys.argv[1]).tensors:
    values = gguf.dequantize(tensor.data, tensor.tensor_type)
    print(tensor.name, hashlib.sha256(values.tobytes()).hexdigest())
