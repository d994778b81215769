"""Renders chat templates of well-known models with transformers, and writes what came out.

"$SLUICE_PYTHON" src/test/python/chat_golden.py xinference-1.5.0-py3-none-any.whl \
    src/test/resources/golden/chat/models.json
"$SLUICE_PYTHON" src/test/python/chat_golden.py WHEEL OUT all
"$SLUICE_PYTHON" src/test/python/chat_golden.py - src/test/resources/golden/chat/constructs.json
"$SLUICE_PYTHON" src/test/python/chat_golden.py dates src/test/resources/golden/chat/dates.json

The wheel is that of PyPI (Apache-2.0), which has the templates of many models. The file that is
committed has those of models whose licence is Apache-2.0 or MIT; `all` takes all. `-` renders small
templates of one construct each, `dates` what templates write on some days.
"""

import datetime
import json
import pathlib
import sys
import zipfile

from transformers.utils import chat_template_utils
from transformers.utils.chat_template_utils import render_jinja_template

CONVERSATIONS = {
    "question": [{"role": "user", "content": "What is a sluice? "}],
    "turns": [
        {"role": "user", "content": "Call me <b>Ishmael</b> & \"co\".\n"},
        {"role": "assistant", "content": "  Aye, it's 北京 🐋.\u00a0\n\n"},
        {"role": "user", "content": "{{ x }} {% y %} {# z #}"},
        {"role": "assistant", "content": "Done.\n"},
    ],
    "system": [
        {"role": "system", "content": "Be brief.\n "},
        {"role": "user", "content": "Who sails?"},
        {"role": "assistant", "content": "Ahab does."},
    ],
    "thinking": [
        {"role": "user", "content": "2+2?"},
        {"role": "assistant", "content": "<think>\neasy\n</think>\n\n4"},
        {"role": "user", "content": "ok"},
        {"role": "assistant", "content": "0"},
    ],
    "reasoning": [
        {"role": "user", "content": "3+3?"},
        {"role": "assistant", "reasoning_content": "count\n", "content": "6", "tool_calls": None},
    ],
    "beginsWithAssistant": [{"role": "assistant", "content": "I begin."}, {"role": "user", "content": "?"}],
    "twice": [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    "empty": [{"role": "user", "content": ""}, {"role": "assistant", "content": ""}],
    "false": [{"role": "system", "content": "False"}, {"role": "user", "content": "0"}, {"role": "assistant", "content": "none"}],
}
OPEN = [
    "phi-3-mini-4k-instruct", "qwen2-instruct", "qwen2.5-instruct", "QwQ-32B", "qwen2-vl-instruct", "mistral-instruct-v0.1",
    "mistral-instruct-v0.3", "mistral-nemo-instruct", "openhermes-2.5", "Yi-chat", "Yi-1.5-chat", "deepseek-r1",
    "deepseek-r1-distill-qwen", "glm4-0414", "moonlight-16b-a3b-instruct", "gorilla-openfunctions-v2", "marco-o1",
]
TOKENS = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}


def rendered(template, conversation):
    messages = [{k: v for k, v in message.items() if v is not None} for message in conversation]
    try:
        texts, _ = render_jinja_template([messages], chat_template=template, **TOKENS)
        return {"text": texts[0]}
    except Exception as error:
        return {"error": type(error).__name__}


DAYS = ["2026-01-05", "2024-02-29", "1999-12-31", "2025-09-07", "2027-06-30", "2030-05-11"]
FORMATS = [
    "%d %b %Y", "%Y-%m-%d", "%B %d, %Y", "%A, %-d %B %y", "%a %j %w %u", "%H:%M:%S.%f %I%p", "100 %%", "%-m/%-d/%-y %-j",
    "", "北京 %Y 🐋",
]


def days():
    """What templates write on days that have just begun."""
    real, result = datetime.datetime, []
    for day in DAYS:
        class Frozen(real):
            @classmethod
            def now(cls, tz=None):
                return real.fromisoformat(day)

        chat_template_utils.datetime = Frozen
        for format in FORMATS:
            template = "{%- if strftime_now is defined %}{{ '[' ~ strftime_now('" + format + "') ~ ']' }}{% endif %}"
            texts, _ = render_jinja_template([CONVERSATIONS["question"]], chat_template=template, **TOKENS)
            result.append({"day": day, "template": template, "text": texts[0]})
    return result


wheel, out = sys.argv[1], pathlib.Path(sys.argv[2])
if wheel == "dates":
    out.write_text(json.dumps(days(), ensure_ascii=False, indent=1) + "\n")
    sys.exit()
if wheel == "-":
    lines = pathlib.Path(__file__).with_name("chat_constructs.txt").read_text().split("\n====\n")
    templates = {f"construct {i}": line for i, line in enumerate(lines)}
    conversations = {"all": [
        {"role": "system", "content": " Be. \u00a0"}, {"role": "user", "content": "x\n"},
        {"role": "assistant", "content": "<think>a</think>b c"}, {"role": "user", "content": "0"},
    ]}
else:
    families = json.loads(zipfile.ZipFile(wheel).read("xinference/model/llm/llm_family.json"))
    templates = {f["model_name"]: f["chat_template"] for f in families if f.get("chat_template")}
    if sys.argv[3:] != ["all"]:
        templates = {name: templates[name] for name in OPEN}
    conversations = CONVERSATIONS
result = {
    "tokens": TOKENS,
    "conversations": conversations,
    "templates": [
        {"name": name, "template": template, "rendered": {key: rendered(template, value) for key, value in conversations.items()}}
        for name, template in templates.items()
    ],
}
out.parent.mkdir(parents=True, exist_ok=True)
out.write_text(json.dumps(result, ensure_ascii=False, indent=1) + "\n")
