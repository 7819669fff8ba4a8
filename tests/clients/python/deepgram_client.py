"""Deepgram's client since 5: recordings, live streams, and turns (listen.v2)."""

import importlib.metadata
import inspect
import threading
import time

from deepgram import DeepgramClient
from deepgram.core.events import EventType
from deepgram.environment import DeepgramClientEnvironment

import told

PLACES = {"base": told.URL, "production": told.WS, "agent": told.WS, "agent_rest": told.URL}
KNOWN = inspect.signature(DeepgramClientEnvironment.__init__).parameters
client = DeepgramClient(api_key="any", environment=DeepgramClientEnvironment(
    **{name: place for name, place in PLACES.items() if name in KNOWN}))


def recording():
    with open(told.WAV, "rb") as file:
        answer = client.listen.v1.media.transcribe_file(request=file.read(), model="nova-3", smart_format=True)
    return answer.results.channels[0].alternatives[0].transcript


def stream(listen, text_of, control, before_close=0, **options):
    texts, closed = [], threading.Event()
    with listen.connect(encoding="linear16", sample_rate=options.pop("rate"), **options) as connection:
        connection.on(EventType.MESSAGE, lambda message: texts.append(text_of(message)))
        connection.on(EventType.ERROR, lambda error: texts.append(str(error)))
        connection.on(EventType.CLOSE, lambda _: closed.set())
        listening = threading.Thread(target=connection.start_listening, daemon=True)
        listening.start()
        for piece in told.pieces():
            connection.send_media(piece)
            time.sleep(0.012)
        time.sleep(before_close)
        if hasattr(connection, "send_close_stream"):
            connection.send_close_stream()
        else:
            connection.send_control(control(type="CloseStream"))
        closed.wait(20)
    return " ".join(t for t in texts if t)


def of_results(message):
    if message.type == "Results" and message.is_final:
        return message.channel.alternatives[0].transcript
    return ""


def of_turn(message):
    return message.transcript if message.type == "TurnInfo" and message.event == "EndOfTurn" else ""


def control_of(version):
    """The class of control messages that client 5 has; the later ones have a method for each message."""
    try:
        sockets = importlib.import_module("deepgram.extensions.types.sockets")
        return getattr(sockets, f"ListenV{version}ControlMessage")
    except (ImportError, AttributeError):
        return None


V = importlib.metadata.version("deepgram-sdk")
RATE = told.pcm()[1]
told.attempt("deepgram-sdk recording", V, recording)
told.attempt("deepgram-sdk listen.v1", V,
             lambda: stream(client.listen.v1, of_results, control_of(1), model="nova-3", rate=RATE))
told.attempt("deepgram-sdk listen.v2", V,
             lambda: stream(client.listen.v2, of_turn, control_of(2), 1, model="flux-general-en", rate=RATE))
