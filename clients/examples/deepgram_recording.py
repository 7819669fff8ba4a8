"""A recording by Deepgram's client: who says what, by pauses.

    pip install deepgram-sdk
    python deepgram_recording.py ../../tests/data/1320-122617-0014.flac
"""

import os
import sys

from deepgram import DeepgramClient
from deepgram.environment import DeepgramClientEnvironment

server = os.environ.get("FOLDSCRIBE_SERVER", "http://127.0.0.1:8080")
live = server.replace("http", "ws", 1)
client = DeepgramClient(api_key=os.environ.get("FOLDSCRIBE_API_KEY", "any"), environment=DeepgramClientEnvironment(
    base=server, production=live, agent=live, agent_rest=server))

with open(sys.argv[1], "rb") as recording:
    answer = client.listen.v1.media.transcribe_file(request=recording.read(), model="foldscribe", punctuate=True,
                                                    utterances=True)
for utterance in answer.results.utterances:
    print(f"{utterance.start:6.2f}-{utterance.end:.2f} s  {utterance.transcript}")
