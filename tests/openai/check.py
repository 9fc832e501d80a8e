"""The openai package, unchanged, against a running appliance.

usage: check.py BASE_URL KEY CA_FILE MODEL EMBEDDING_MODEL     (BASE_URL ends with /v1)

Ends with 0 if everything a program needs works, else with the failed assertion.
"""

import ssl
import sys

import openai

FRANCE = [{"role": "user", "content": "What is the capital of France?"}]


def main(base_url: str, key: str, ca: str, model: str, embedding: str) -> None:
    http = openai.DefaultHttpxClient(verify=ssl.create_default_context(cafile=ca))
    client = openai.OpenAI(base_url=base_url, api_key=key, http_client=http, max_retries=0)
    check_models(client, [model, embedding])
    check_whole(client, model)
    check_stream(client, model)
    check_embeddings(client, embedding)
    check_refusals(client, model, base_url, http)
    print(f"openai {openai.__version__}: models, completions, streams, embeddings and refusals work")


def check_models(client: openai.OpenAI, models: list[str]) -> None:
    assert [found.id for found in client.models.list()] == models


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


def check_embeddings(client: openai.OpenAI, model: str) -> None:
    texts = ["How deep is the harbour?", "What is the depth of the port?", "My invoice is wrong."]
    create = client.embeddings.create
    # The package asks for base64 unless it is told otherwise, and gives numbers.
    vectors = [found.embedding for found in create(model=model, input=texts).data]
    plain = [found.embedding for found in create(model=model, input=texts, encoding_format="float").data]
    assert all(abs(a - b) < 1e-6 for one, other in zip(vectors, plain, strict=True) for a, b in zip(one, other, strict=True))
    cosine = [sum(a * b for a, b in zip(vectors[0], vector, strict=True)) for vector in vectors]
    assert abs(cosine[0] - 1) < 1e-4 and cosine[1] > 0.5 > 0.3 > cosine[2], cosine
    one = create(model=model, input=texts[0])
    assert len(one.data) == 1 and one.usage.prompt_tokens == one.usage.total_tokens > 0, one.usage
    refused(openai.NotFoundError, lambda: create(model="no-such-model", input="x"))
    refused(openai.UnprocessableEntityError, lambda: create(model=model, input=[1, 2, 3]))
    refused(openai.UnprocessableEntityError, lambda: create(model=model, input="x", dimensions=128))


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
    if len(sys.argv) != 6:
        sys.exit(__doc__)
    main(*sys.argv[1:])
