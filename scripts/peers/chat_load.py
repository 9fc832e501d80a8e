"""USERS streaming chats at once against an OpenAI-compatible server: one shared system prompt, each its own question.

    scripts/peers/chat_load.py URL USERS TOKENS [MODEL]

Prints one line of JSON: tokens a second over all users, seconds to the first token, and gaps between tokens.
Needs Python and aiohttp. OPENAI_API_KEY is sent where it is set; CHAT_CA names a private certificate authority.
"""
import asyncio
import json
import os
import ssl
import sys
import time

import aiohttp

RULES = " ".join(f"Rule {n}: answer plainly, cite the paragraph, and mark uncertainty level {n % 7}." for n in range(48))
SYSTEM = f"You are a careful analyst assistant. {RULES}"


def question(user):
    return f"Question {user}: describe item number {user * 17} in detail and give {user + 3} examples."


async def chat(session, url, model, tokens, user):
    """Times of the tokens of one answer, counted from the request."""
    body = {
        "model": model,
        "stream": True,
        "max_tokens": tokens,
        "temperature": 0,
        "ignore_eos": True,
        "messages": [{"role": "system", "content": SYSTEM}, {"role": "user", "content": question(user)}],
    }
    start, times = time.perf_counter(), []
    async with session.post(f"{url}/v1/chat/completions", json=body) as reply:
        reply.raise_for_status()
        async for line in reply.content:
            if not line.startswith(b"data: ") or b"[DONE]" in line:
                continue
            choices = json.loads(line[6:]).get("choices") or []
            if choices and choices[0]["delta"].get("content"):
                times.append(time.perf_counter() - start)
    return times


async def load(url, users, tokens, model):
    tls = ssl.create_default_context(cafile=os.environ["CHAT_CA"]) if "CHAT_CA" in os.environ else True
    key = os.environ.get("OPENAI_API_KEY")
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    connector = aiohttp.TCPConnector(limit=0, ssl=tls)
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=900), connector=connector, headers=headers) as session:
        start = time.perf_counter()
        answers = await asyncio.gather(*(chat(session, url, model, tokens, user) for user in range(users)))
        wall = time.perf_counter() - start
    if not all(answers):
        sys.exit(f"{sum(not times for times in answers)} of {users} chats got no token")
    first = sorted(times[0] for times in answers)
    gaps = sorted(later - sooner for times in answers for sooner, later in zip(times, times[1:])) or [0.0]
    total = sum(map(len, answers))
    return {
        "users": users,
        "tokens": total,
        "wall": round(wall, 2),
        "tps": round(total / wall, 1),
        "ttft_p50": round(quantile(first, 0.5), 2),
        "ttft_p95": round(quantile(first, 0.95), 2),
        "gap_p50": round(quantile(gaps, 0.5), 3),
        "gap_p95": round(quantile(gaps, 0.95), 3),
        "gap_max": round(gaps[-1], 2),
    }


def quantile(values, share):
    return values[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    if len(sys.argv) not in (4, 5):
        sys.exit(__doc__)
    url, users, tokens, model = *sys.argv[1:4], sys.argv[4] if len(sys.argv) == 5 else "any"
    print(json.dumps(asyncio.run(load(url.rstrip("/"), int(users), int(tokens), model))))
