"""litellm with OpenAI's and Deepgram's providers."""

import importlib.metadata
import os

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # it would fetch prices at once

import litellm  # noqa: E402

import told

VERSION = importlib.metadata.version("litellm")


def transcribe(model, base):
    with open(told.WAV, "rb") as recording:
        return litellm.transcription(model=model, file=recording, api_key="any", api_base=base).text


told.attempt("litellm openai/whisper-1", VERSION, transcribe, "openai/whisper-1", told.URL + "/v1")
told.attempt("litellm deepgram/nova-2", VERSION, transcribe, "deepgram/nova-2", told.URL + "/v1")
