"""vosk's own transcriber, talking to a server; the command always takes the one at port 2700. It has ffmpeg resample."""

import argparse
import asyncio
import importlib.metadata
import pathlib
import tempfile

from vosk.transcriber import transcriber

import told


def transcribe():
    with tempfile.TemporaryDirectory() as folder:
        output = pathlib.Path(folder) / "text"
        transcriber.Model = lambda **_: None  # it would fetch one, though a server does the work
        client = transcriber.Transcriber(argparse.Namespace(
            server=told.WS, tasks=1, output_type="txt", output=str(output), model=None, model_name=None, lang="en-us"))
        asyncio.run(client.process_task_list_server([(told.WAV, str(output))]))
        return output.read_text()


told.attempt("vosk-transcriber --server", importlib.metadata.version("vosk"), transcribe)
