"""Live transcription by Deepgram's own Python client, pointed at this daemon."""

import threading

from deepgram import DeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

import harness


def test_the_official_client_hears_the_same_words(daemon, clip):
    client = DeepgramClient(api_key="any", environment=DeepgramClientEnvironment(
        base=daemon.url, production=daemon.ws, agent=daemon.ws, agent_rest=daemon.url))
    results, closed = [], threading.Event()
    with client.listen.v1.connect(model="foldscribe", encoding="linear16", sample_rate=harness.RATE,
                                  interim_results=True) as connection:
        connection.on(EventType.MESSAGE, results.append)
        connection.on(EventType.CLOSE, lambda _: closed.set())
        listening = threading.Thread(target=connection.start_listening)
        listening.start()
        pcm = clip.pcm()
        for at in range(0, len(pcm), 3200):
            connection.send_media(pcm[at:at + 3200])
        connection.send_close_stream()
        assert closed.wait(60)
        listening.join(10)
    text = " ".join(m.channel.alternatives[0].transcript for m in results
                    if m.type == "Results" and m.is_final and m.channel.alternatives[0].transcript)
    assert results[-1].type == "Metadata"
    assert harness.word_error_rate([(clip.text, text)]) < 0.5
