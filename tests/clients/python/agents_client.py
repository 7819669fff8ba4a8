"""openai-agents' voice: a recording, and a session in which it is heard as it comes."""

import asyncio
import importlib.metadata

import numpy
import openai
from agents.voice import AudioInput, OpenAISTTModel, StreamedAudioInput, STTModelSettings

import told

VERSION = importlib.metadata.version("openai-agents")
RATE = 24000  # all that its sessions take


def samples():
    heard, rate = told.pcm()
    values = numpy.frombuffer(heard, numpy.int16)
    at = numpy.arange(int(len(values) * RATE / rate)) * rate / RATE
    return numpy.interp(at, numpy.arange(len(values)), values).astype(numpy.int16)


def model(name):
    return OpenAISTTModel(name, openai.AsyncOpenAI(api_key="any", base_url=told.URL + "/v1"))


async def recording():
    return await model("gpt-4o-transcribe").transcribe(AudioInput(samples(), frame_rate=RATE), STTModelSettings(),
                                                       False, False)


async def live():
    given, texts = StreamedAudioInput(), []
    session = await model("gpt-4o-transcribe").create_session(given, STTModelSettings(), False, False)

    async def feed():
        heard = numpy.concatenate([samples(), numpy.zeros(2 * RATE, numpy.int16)])
        for at in range(0, len(heard), RATE // 20):
            await given.add_audio(heard[at:at + RATE // 20])
            await asyncio.sleep(0.0125)
        await asyncio.sleep(2)
        await session.close()

    async def hear():
        async for text in session.transcribe_turns():
            texts.append(text)

    hearing = asyncio.create_task(hear())
    await feed()
    await asyncio.wait({hearing}, timeout=5)
    return " ".join(texts)


told.attempt("openai-agents voice, recording", VERSION, recording)
told.attempt("openai-agents voice, session", VERSION, live)
