"""Live captions by Deepgram's client, whose depth is changed while somebody speaks.

    pip install deepgram-sdk
    sox ../../tests/data/1320-122617-0014.flac -t raw -e signed -b 16 -c 1 -r 16000 - | python deepgram_live.py
    arecord -q -t raw -f S16_LE -c 1 -r 16000 | python deepgram_live.py
"""

import os
import sys
import threading
import time

from deepgram import DeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment
from deepgram.listen.v1.types import ListenV1Configure

server = os.environ.get("FOLDSCRIBE_SERVER", "http://127.0.0.1:8080")
live = server.replace("http", "ws", 1)
client = DeepgramClient(api_key=os.environ.get("FOLDSCRIBE_API_KEY", "any"), environment=DeepgramClientEnvironment(
    base=server, production=live, agent=live, agent_rest=server))


def show(message):
    if message.type != "Results":
        return
    text = message.channel.alternatives[0].transcript
    if text:
        print(f"{'final  ' if message.is_final else 'interim'} depth {message.depth['used']}: {text}", flush=True)


with client.listen.v1.connect(model="foldscribe", encoding="linear16", sample_rate=16000, interim_results=True,
                              punctuate=True) as connection:
    connection.on(EventType.MESSAGE, show)
    connection.on(EventType.ERROR, lambda error: print(error, file=sys.stderr))
    listening = threading.Thread(target=connection.start_listening)
    listening.start()
    spoken_s = 0.0
    while data := sys.stdin.buffer.read(3200):
        connection.send_media(data)
        time.sleep(0.1)
        spoken_s += 0.1
        if 2 <= spoken_s < 2.1:
            # This server's own setting in the client's message: the open sentence is told anew, deeper.
            connection.send_configure(ListenV1Configure(partial_depth=2))
    connection.send_close_stream()
    listening.join()
