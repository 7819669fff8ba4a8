"""Deepgram's client 3 and 4."""

import threading
import time

import deepgram
from deepgram import DeepgramClient, DeepgramClientOptions, LiveOptions, LiveTranscriptionEvents, PrerecordedOptions

import told

client = DeepgramClient("any", DeepgramClientOptions(url=told.URL))


def recording():
    with open(told.WAV, "rb") as file:
        answer = client.listen.rest.v("1").transcribe_file({"buffer": file.read()},
                                                           PrerecordedOptions(model="nova-3", smart_format=True))
    return answer.results.channels[0].alternatives[0].transcript


def live():
    texts, closed = [], threading.Event()
    connection = client.listen.websocket.v("1")

    def heard(_, result, **__):
        if result.is_final:
            texts.append(result.channel.alternatives[0].transcript)

    connection.on(LiveTranscriptionEvents.Transcript, heard)
    connection.on(LiveTranscriptionEvents.Metadata, lambda *_, **__: closed.set())
    assert connection.start(LiveOptions(model="nova-3", encoding="linear16", sample_rate=told.pcm()[1], channels=1,
                                        smart_format=True, interim_results=True, punctuate=True))
    for piece in told.pieces():
        connection.send(piece)
        time.sleep(0.012)
    connection.finish()
    closed.wait(20)
    return " ".join(t for t in texts if t)


told.attempt("deepgram-sdk recording", deepgram.__version__, recording)
told.attempt("deepgram-sdk live", deepgram.__version__, live)
