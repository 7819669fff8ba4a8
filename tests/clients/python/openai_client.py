"""OpenAI's client since 1.0: recordings, events, Realtime."""

import base64
import time

import openai

import told

# client 1 speaks Realtime by TLS alone where it is not told otherwise
client = openai.OpenAI(api_key="any", base_url=told.URL + "/v1", websocket_base_url=told.WS + "/v1", max_retries=0)


def transcribe(**options):
    with open(told.WAV, "rb") as recording:
        return client.audio.transcriptions.create(file=recording, **options)


def translate():
    with open(told.WAV, "rb") as recording:
        return client.audio.translations.create(model="whisper-1", file=recording).text


def stream():
    events = transcribe(model="gpt-4o-mini-transcribe", stream=True)
    return "".join(e.delta for e in events if e.type == "transcript.text.delta")


def realtime():
    samples, rate = told.pcm()
    texts = []
    by_model = {} if openai.__version__ >= "2" else {"model": "gpt-realtime"}
    with client.realtime.connect(extra_query={"intent": "transcription"}, **by_model) as connection:
        connection.session.update(session={"type": "transcription", "audio": {"input": {
            "format": {"type": "audio/pcm", "rate": rate}, "transcription": {"model": "gpt-4o-transcribe"},
            "turn_detection": None}}})
        for at in range(0, len(samples), 9600):
            connection.input_audio_buffer.append(audio=base64.b64encode(samples[at:at + 9600]).decode())
            time.sleep(0.01)
        connection.input_audio_buffer.commit()
        for event in connection:
            if event.type == "error":
                raise RuntimeError(event.error.message)
            if event.type.endswith("input_audio_transcription.completed"):
                texts.append(event.transcript)
                return " ".join(texts)


V = openai.__version__
told.attempt("openai transcriptions, whisper-1", V, lambda: transcribe(model="whisper-1").text)
told.attempt("openai transcriptions, gpt-4o-transcribe", V, lambda: transcribe(model="gpt-4o-transcribe").text)
told.attempt("openai verbose_json", V,
             lambda: " ".join(w.word for w in transcribe(model="whisper-1", response_format="verbose_json",
                                                         timestamp_granularities=["word"]).words))
told.attempt("openai stream", V, stream)
told.attempt("openai translations", V, translate)
if hasattr(client, "realtime"):
    told.attempt("openai realtime", V, realtime)
