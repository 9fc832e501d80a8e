"""Both engines as servers, under the load of scripts/peers/chat_load.py and of one long prompt."""
import asyncio
import json
import os
import pathlib
import subprocess
import sys

import long_prompt
import servers

CHAT_LOAD = pathlib.Path(__file__).resolve().parent.parent / "peers/chat_load.py"
USERS, TOKENS = 16, 96


def two_rounds_of_llama_server(asked, setting):
    with servers.llama_server(asked, setting, slots=USERS, context=32768) as server:
        return two_rounds(server)


def two_rounds_of_redoubt(asked):
    with servers.demo(asked) as server:
        return two_rounds(server)


def two_rounds(server):
    """The second round asks the same again."""
    first, second = chat_load(server), chat_load(server)
    return {"first_tps": first["tps"], "first_ttft": first["ttft_p95"], "second_tps": second["tps"], "second_ttft": second["ttft_p95"]}


def chat_load(server):
    command = [sys.executable, CHAT_LOAD, server.url, USERS, TOKENS, server.model]
    done = subprocess.run(list(map(str, command)), env=os.environ | server.environment(), stdout=subprocess.PIPE, text=True, check=True, timeout=1200)
    return json.loads(done.stdout)


def pause_of_llama_server(asked, setting):
    # One answer and one long prompt, each with a whole context of the model.
    with servers.llama_server(asked, setting, slots=2, context=16384) as server:
        return asyncio.run(long_prompt.longest_pause(server))


def pause_of_redoubt(asked):
    with servers.demo(asked) as server:
        return asyncio.run(long_prompt.longest_pause(server))


def start_of_llama_server(asked, setting):
    with servers.llama_server(asked, setting, slots=USERS, context=32768) as server:
        return {"ready_s": server.ready_s}


def start_of_redoubt(asked):
    """`servers.demo` has made the people and the store before: this is not the first start."""
    with servers.demo(asked) as server:
        return {"ready_s": server.ready_s}
