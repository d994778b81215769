"""Reads a safetensors file with the reference implementation and prints it as JSON.

Usage: read_safetensors.py FILE
"""

import json
import sys

from safetensors import safe_open

with safe_open(sys.argv[1], framework="pt") as file:
    tensors = {
        name: {
            "dtype": str(file.get_tensor(name).dtype).removeprefix("torch."),
            "shape": list(file.get_tensor(name).shape),
            "values": file.get_tensor(name).double().flatten().tolist(),
        }
        for name in file.keys()
    }
    print(json.dumps({"metadata": file.metadata(), "tensors": tensors}))
