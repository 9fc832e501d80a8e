"""How long an answer that is being written stands still while somebody else sends a long prompt."""
import asyncio
import json
import ssl
import time

import aiohttp

# Tokens of the running answer before the long prompt is sent; the answer is far longer than both take.
BEFORE, ANSWER = 24, 3500
# With the chat template around them about 4,000 tokens of the demo model.
SENTENCES = 172


async def longest_pause(server):
    """In milliseconds, from the moment that the long prompt is sent until its first token is there."""
    tls = ssl.create_default_context(cafile=server.ca) if server.ca else True
    headers = {"Authorization": f"Bearer {server.key}"} if server.key else {}
    timeout = aiohttp.ClientTimeout(total=600)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=tls), headers=headers, timeout=timeout) as session:
        times, running = [], asyncio.Event()
        answer = asyncio.create_task(write(session, server, times, running))
        await asyncio.wait_for(running.wait(), 120)
        sent = time.perf_counter()
        prompt_tokens = await read(session, server)
        # The token that ends the pause may come just after the other one's.
        arrived = time.perf_counter()
        while not times or times[-1] < arrived:
            if answer.done():
                raise SystemExit("scripts/bench: the running answer ended before the long prompt was read")
            await asyncio.sleep(0.01)
        answer.cancel()
    before = max(at for at in times if at <= sent)
    after = min(at for at in times if at >= arrived)
    during = [at for at in times if before <= at <= after]
    pause = max(later - sooner for sooner, later in zip(during, during[1:]))
    return {"pause_ms": 1000 * pause, "prompt_tokens": prompt_tokens, "prompt_s": arrived - sent}


async def write(session, server, times, running):
    question = "Write a very long story about a lighthouse, its keeper and the sea."
    body = {**base(server, question, ANSWER), "stream": True, "ignore_eos": True}
    async with session.post(f"{server.url}/v1/chat/completions", json=body) as reply:
        reply.raise_for_status()
        async for line in reply.content:
            if not line.startswith(b"data: ") or b"[DONE]" in line:
                continue
            choices = json.loads(line[6:]).get("choices") or []
            if choices and choices[0]["delta"].get("content"):
                times.append(time.perf_counter())
                if len(times) == BEFORE:
                    running.set()


async def read(session, server):
    """Sends the long prompt, waits for its one token, and gives the tokens that the server counted in it."""
    entries = (f"Entry {number}: pump {number % 7} was checked at hour {number % 24}, found in order and signed for." for number in range(SENTENCES))
    async with session.post(f"{server.url}/v1/chat/completions", json=base(server, " ".join(entries), 1)) as reply:
        reply.raise_for_status()
        return (await reply.json())["usage"]["prompt_tokens"]


def base(server, question, tokens):
    return {"model": server.model, "max_tokens": tokens, "temperature": 0, "messages": [{"role": "user", "content": question}]}
