"""A recording by OpenAI's client: its text, its words' times, subtitles, and how deep the server went.

    pip install openai
    python openai_recording.py ../../tests/data/1320-122617-0014.flac
"""

import os
import sys

from openai import OpenAI

server = os.environ.get("FOLDSCRIBE_SERVER", "http://127.0.0.1:8080")
client = OpenAI(base_url=f"{server}/v1", api_key=os.environ.get("FOLDSCRIBE_API_KEY", "any"))


def transcribe(**options):
    with open(sys.argv[1], "rb") as recording:
        return client.audio.transcriptions.create(model="foldscribe", file=recording, **options)


# "depth" is this server's own field: one unfold is the cheapest text, more are better ones.
answer = transcribe(response_format="verbose_json", timestamp_granularities=["word"], extra_body={"depth": 1})
print(answer.text)
for word in answer.words[:5]:
    print(f"{word.start:6.2f} s  {word.word}")
print("depth:", answer.depth["used"], "because", answer.depth["reason"])

print(transcribe(response_format="srt"))
