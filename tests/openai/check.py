"""The openai package, unchanged, against a running appliance.

usage: check.py BASE_URL KEY CA_FILE MODEL     (BASE_URL ends with /v1)

Ends with 0 if everything a program needs works, else with the failed assertion.
"""

import ssl
import sys

import openai

FRANCE = [{"role": "user", "content": "What is the capital of France?"}]


def main(base_url: str, key: str, ca: str, model: str) -> None:
    http = openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=ca))
    client = openai.OpenAI(base_url=base_url, api_key=key, http_client=http, max_retries=0)
    check_models(client, model)
    check_whole(client, model)
    check_stream(client, model)
    check_refusals(client, model, base_url, http)
    print(f"openai {openai.__version__}: models, completions, streams and refusals work")


def check_models(client: openai.OpenAI, model: str) -> None:
    assert model in [found.id for found in client.models.list()]


def check_whole(client: openai.OpenAI, model: str) -> None:
    answer = client.chat.completions.create(model=model, messages=FRANCE, temperature=0, max_tokens=40)
    choice = answer.choices[0]
    assert "Paris" in choice.message.content, choice
    assert choice.message.role == "assistant" and choice.finish_reason in ("stop", "length"), choice
    assert answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens


def check_stream(client: openai.OpenAI, model: str) -> None:
    chunks = list(
        client.chat.completions.create(
            model=model,
            messages=FRANCE,
            temperature=0,
            max_tokens=40,
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    texts = [chunk.choices[0].delta.content for chunk in chunks if chunk.choices]
    texts = [text for text in texts if text]
    assert len(texts) > 1 and "Paris" in "".join(texts), texts
    assert chunks[-1].usage.completion_tokens >= len(texts), chunks[-1]
    with client.chat.completions.create(model=model, messages=FRANCE, stream=True) as stream:
        next(iter(stream))  # and leaves, which must trouble nobody


def check_refusals(client: openai.OpenAI, model: str, base_url: str, http: openai.DefaultHttpxClient) -> None:
    stranger = openai.OpenAI(base_url=base_url, api_key="wrong", http_client=http, max_retries=0)
    refused(openai.AuthenticationError, lambda: stranger.models.list())
    ask = client.chat.completions.create
    refused(openai.NotFoundError, lambda: ask(model="no-such-model", messages=FRANCE))
    refused(openai.UnprocessableEntityError, lambda: ask(model=model, messages=FRANCE, temperature=-1))


def refused(expected: type[openai.APIStatusError], call) -> None:
    try:
        call()
    except expected as error:
        assert error.body["message"], error.body
        return
    raise AssertionError(f"not refused with {expected.__name__}")


if __name__ == "__main__":
    if len(sys.argv) != 5:
        sys.exit(__doc__)
    main(*sys.argv[1:])
