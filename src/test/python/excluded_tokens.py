"""Applies the rule by which a store's manifest leaves tokens out, with numpy.

Usage: excluded_tokens.py STORE

Prints by hook point how many rows from the store's first position on are used, the sum of their
mean, and the median norm; and under "all" how many are used when all hook points are read together.
"""

import json
import pathlib
import sys

import numpy as np
import pyarrow as pa

store = pathlib.Path(sys.argv[1])
manifest = json.loads(next(store.glob("*manifest.json")).read_text())
properties = manifest["properties"]
table = pa.concat_tables(pa.ipc.open_file(pa.memory_map(str(store / shard["file"]))).read_all() for shard in manifest["shards"])
ids = [int(each) for each in properties.get("excludedTokenIds", "").split(",") if each]
by_id = ~np.isin(table["token_id"].to_numpy(), ids)
position = table["position"].to_numpy() >= int(properties.get("firstPosition", 0))
result = {}
everywhere = by_id & position
for name in table.column_names:
    if not pa.types.is_fixed_size_list(table.schema.field(name).type):
        continue
    rows = np.concatenate([chunk.flatten().to_numpy() for chunk in table[name].chunks])
    if rows.dtype == np.uint16:  # bfloat16
        rows = (rows.astype(np.uint32) << 16).view(np.float32)
    rows = rows.reshape(table.num_rows, -1).astype(np.float64)
    norms = np.linalg.norm(rows, axis=1)
    median = float(np.median(norms[by_id]))
    small = norms <= float(properties.get("maxNormMultiple", "inf")) * median
    everywhere &= small
    kept = by_id & position & small
    result[name] = {"tokens": int(kept.sum()), "mean": float(rows[kept].mean(axis=0).sum()), "median": median}
result["all"] = int(everywhere.sum())
print(json.dumps(result))
