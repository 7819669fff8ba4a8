"""openai 0.28, whose functions are of the module."""

import openai

import told

openai.api_key = "any"
openai.api_base = told.URL + "/v1"
for call, name in ((openai.Audio.transcribe, "transcribe"), (openai.Audio.translate, "translate")):
    with open(told.WAV, "rb") as recording:
        told.tell(f"openai Audio.{name}", openai.VERSION, call("whisper-1", recording)["text"])
