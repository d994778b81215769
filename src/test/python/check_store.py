"""Opens an activation store with pyarrow by memory map, proves that nothing is copied, and prints
what it holds.

usage: check_store.py STORE

Prints one JSON object: rows, the bytes pyarrow allocated, and per column the sum of absolute values
and a sum weighted by place, which a writer can work out by itself.
"""

import json
import pathlib
import sys

import numpy as np
import pyarrow as pa
import pyarrow.ipc


def address(array):
    return array.__array_interface__["data"][0]


def main(store):
    store = pathlib.Path(store)
    manifest = json.loads((store / ".manifest.json").read_text())
    before = pa.total_allocated_bytes()
    rows = 0
    columns = {}
    for shard in manifest["shards"]:
        source = pa.memory_map(str(store / shard["file"]))
        table = pa.ipc.open_file(source).read_all()
        table.validate(full=True)
        assert table.num_rows == shard["rows"], (table.num_rows, shard)
        mapped = source.size()
        whole = pa.memory_map(str(store / shard["file"])).read_buffer()
        assert whole.size == mapped == shard["bytes"]
        for name in table.column_names:
            chunk = table.column(name).chunk(0)
            metadata = table.schema.field(name).metadata or {}
            dtype = metadata.get(b"sluice.dtype", b"int32").decode()
            if pa.types.is_fixed_size_list(chunk.type):
                width = chunk.type.list_size
                flat = chunk.flatten()
            else:
                width, flat = 1, chunk
            values = flat.to_numpy(zero_copy_only=True)
            assert address(values) == flat.buffers()[1].address
            assert address(values) % 64 == 0, "aligned for vector loads"
            if dtype == "bfloat16":
                assert values.dtype == np.uint16
                values = (values.astype(np.uint32) << 16).view(np.float32)
            else:
                assert values.dtype == np.dtype(dtype)
            values = values.reshape(-1, width).astype(np.float64)
            place = np.arange(values.size).reshape(values.shape) + rows * width
            entry = columns.setdefault(
                name, {"width": width, "dtype": dtype, "sum": 0.0, "weighted": 0.0}
            )
            entry["sum"] += float(np.abs(values).sum())
            entry["weighted"] += float((values * (place % 97)).sum())
        rows += table.num_rows
    print(
        json.dumps(
            {"rows": rows, "allocated": pa.total_allocated_bytes() - before, "columns": columns}
        )
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
