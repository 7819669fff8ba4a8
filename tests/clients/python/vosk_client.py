"""vosk's protocol as its server's test client speaks it: a config, pieces each of which is answered, the end."""

import asyncio
import importlib.metadata
import json

import websockets

import told


async def converse():
    samples, rate = told.pcm()
    texts = []
    async with websockets.connect(told.WS) as socket:
        await socket.send(json.dumps({"config": {"sample_rate": rate}}))
        step = int(rate * 0.2) * 2
        for at in range(0, len(samples), step):
            await socket.send(samples[at:at + step])
            texts.append(json.loads(await socket.recv()).get("text", ""))
        await socket.send('{"eof" : 1}')
        texts.append(json.loads(await socket.recv()).get("text", ""))
    return " ".join(t for t in texts if t)


told.attempt("vosk-server's protocol, by websockets", importlib.metadata.version("websockets"), converse)
