"""Loads a file that Sluice wrote, and saves tensors in every way that readers must know or refuse.

Usage: python torch_save.py OURS.pt OUT
"""

import collections
import os
import sys
from pathlib import Path

import torch

ours, out = sys.argv[1], Path(sys.argv[2])
out.mkdir()

for mmap in (False, True):
    loaded = torch.load(ours, weights_only=True, mmap=mmap)
    assert list(loaded) == ["a.weight", "k", "sizes", "empty"], loaded
    assert torch.equal(loaded["a.weight"], torch.tensor([[1.0, 2, 3], [4, 5, 6]]))
    assert loaded["k"].shape == () and loaded["k"].dtype == torch.int32 and loaded["k"].item() == 7
    assert loaded["sizes"].tolist() == [8, 9]
    assert loaded["empty"].shape == (0, 3)

x = torch.tensor([[1.0, 2, 3], [4, 5, 6]])
tensors = dict(
    transposed=x.T, slice=x[:, 1], half=x.half(), bfloat16=x.bfloat16(), double=x.double(),
    long=x.long(), scalar=torch.tensor(-1.0),
)
torch.save(tensors, out / "plain.pt")
torch.save(tensors, out / "protocol4.pt", pickle_protocol=4)
# What a state_dict is: ordered, with versions of modules as an attribute.
state = collections.OrderedDict(tensors, half=torch.nn.Parameter(x.half()))
state._metadata = collections.OrderedDict({"": dict(version=1)})
torch.save(state, out / "parameters.pt")
torch.save(collections.Counter(a=1), out / "module.pt")
torch.save(tensors, out / "legacy.pt", _use_new_zipfile_serialization=False)
torch.save(dict(wide=torch.ones(1).expand(10**12)), out / "expanded.pt")
torch.save(dict(inner=dict(x=x)), out / "nested.pt")
torch.save(dict(k=3.5, x=x), out / "number.pt")
torch.save(dict(x=torch.zeros(2, dtype=torch.complex64)), out / "complex.pt")


class Evil:
    def __reduce__(self):
        return os.system, (f"touch {out / 'was-run'}",)


torch.save(dict(x=x, y=Evil()), out / "evil.pt")
