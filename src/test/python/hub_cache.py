"""What huggingface_hub finds in a cache that Sluice filled, and fills for Sluice to find.

hub_cache.py find HOME NAME COMMIT FILE…   without a network; prints one JSON object
hub_cache.py load HOME NAME                loads model and tokenizer without a network; prints their ids
hub_cache.py fetch HOME ENDPOINT NAME      fetches a snapshot; prints its folder
"""

import json
import os
import sys

mode, home = sys.argv[1:3]
os.environ.update(HF_HOME=home, HF_HUB_DISABLE_XET="1", HF_HUB_DISABLE_TELEMETRY="1")
for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_TOKEN", "HF_ENDPOINT"):
    os.environ.pop(name, None)
if mode in ("find", "load"):
    os.environ["HF_HUB_OFFLINE"] = "1"
else:
    os.environ["HF_ENDPOINT"] = sys.argv[3]
    os.environ.pop("HF_HUB_OFFLINE", None)  # the tests of everything else are offline

import huggingface_hub as hub

if mode == "find":
    name, commit, *files = sys.argv[3:]
    scan = hub.scan_cache_dir()
    print(
        json.dumps(
            {
                "files": [hub.hf_hub_download(name, file) for file in files],
                "byCommit": [hub.hf_hub_download(name, file, revision=commit) for file in files],
                "tried": [hub.try_to_load_from_cache(name, file) for file in files],
                "snapshot": hub.snapshot_download(name),
                "warnings": [str(warning) for warning in scan.warnings],
                "repositories": {repo.repo_id: repo.nb_files for repo in scan.repos},
                "refs": [sorted(rev.refs) for repo in scan.repos for rev in repo.revisions],
            }
        )
    )
elif mode == "load":
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(sys.argv[3])
    ids = AutoTokenizer.from_pretrained(sys.argv[3])("call me for a whale")["input_ids"]
    print(json.dumps({"layers": model.config.num_hidden_layers, "ids": ids}))
else:
    print(hub.snapshot_download(sys.argv[4]))
