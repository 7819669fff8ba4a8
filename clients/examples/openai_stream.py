"""A long recording by OpenAI's client: a draft of the whole at once, then the better text as it comes.

    pip install openai
    python openai_stream.py ../../tests/data/1320-122617-0014.flac
"""

import os
import sys

from openai import OpenAI

server = os.environ.get("FOLDSCRIBE_SERVER", "http://127.0.0.1:8080")
client = OpenAI(base_url=f"{server}/v1", api_key=os.environ.get("FOLDSCRIBE_API_KEY", "any"))

with open(sys.argv[1], "rb") as recording:
    events = client.audio.transcriptions.create(model="foldscribe", file=recording, stream=True,
                                                extra_body={"draft": True})
    for event in events:
        if event.type == "foldscribe.draft":  # this server's own: a shallow run over everything
            print("draft:", event.text)
            print("text:  ", end="")
        elif event.type == "transcript.text.delta":
            print(event.delta, end="", flush=True)
        elif event.type == "transcript.text.done":
            print()
