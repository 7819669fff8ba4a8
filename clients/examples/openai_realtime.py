"""Live captions by OpenAI's Realtime client: words that no longer change, while somebody speaks.

    pip install "openai[realtime]"
    sox ../../tests/data/1320-122617-0014.flac -t raw -e signed -b 16 -c 1 -r 24000 - | python openai_realtime.py
    arecord -q -t raw -f S16_LE -c 1 -r 24000 | python openai_realtime.py
"""

import base64
import os
import sys
import threading
import time

from openai import OpenAI

server = os.environ.get("FOLDSCRIBE_SERVER", "http://127.0.0.1:8080")
client = OpenAI(base_url=f"{server}/v1", websocket_base_url=server.replace("http", "ws", 1) + "/v1",
                api_key=os.environ.get("FOLDSCRIBE_API_KEY", "any"))


def speak(connection):
    """Standard input, a tenth of a second at a time; then that there is no more."""
    while data := sys.stdin.buffer.read(4800):
        connection.input_audio_buffer.append(audio=base64.b64encode(data).decode())
        time.sleep(0.1)
    connection.input_audio_buffer.commit()


with client.realtime.connect(extra_query={"intent": "transcription"}) as connection:
    connection.session.update(session={"type": "transcription", "audio": {"input": {
        "format": {"type": "audio/pcm", "rate": 24000}, "transcription": {"model": "foldscribe"},
        "turn_detection": None}}})
    threading.Thread(target=speak, args=(connection,), daemon=True).start()
    for event in connection:
        if event.type == "conversation.item.input_audio_transcription.delta":
            print(event.delta, end="", flush=True)
        elif event.type == "conversation.item.input_audio_transcription.completed":
            print()
            break
        elif event.type == "error":
            sys.exit(event.error.message)
