"""SpeechRecognition with OpenAI's recogniser, which is pointed elsewhere by the environment."""

import importlib.metadata
import os

import speech_recognition
from speech_recognition.recognizers.whisper_api import openai

import told

os.environ.update(OPENAI_API_KEY="any", OPENAI_BASE_URL=told.URL + "/v1")


def recognise():
    recogniser = speech_recognition.Recognizer()
    with speech_recognition.AudioFile(told.WAV) as source:
        return openai.recognize(recogniser, recogniser.record(source))


told.attempt("SpeechRecognition recognize_openai", importlib.metadata.version("SpeechRecognition"), recognise)
