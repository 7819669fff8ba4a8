"""LiveKit's agents with Deepgram's plugin, recordings, live and turns, and OpenAI's, all in one HTTP session."""

import asyncio
import importlib.metadata
import logging

import aiohttp
from livekit import rtc
from livekit.agents import APIConnectOptions, stt
from livekit.plugins import deepgram, openai

import told

logging.disable(logging.CRITICAL)
RATE = told.pcm()[1]


def frame(samples):
    return rtc.AudioFrame(data=samples, sample_rate=RATE, num_channels=1, samples_per_channel=len(samples) // 2)


async def recognise(model):
    samples, _ = told.pcm()
    event = await model.recognize([frame(samples)], conn_options=APIConnectOptions(max_retry=0))
    return event.alternatives[0].text


async def live(model):
    stream = model.stream(conn_options=APIConnectOptions(max_retry=0))

    async def feed():
        for piece in told.pieces():
            stream.push_frame(frame(piece))
            await asyncio.sleep(0.0125)
        stream.flush()
        await asyncio.sleep(1)
        stream.end_input()

    texts = []

    async def hear():
        async for event in stream:
            if event.type == stt.SpeechEventType.FINAL_TRANSCRIPT:
                texts.append(event.alternatives[0].text)

    hearing = asyncio.create_task(hear())
    await feed()
    await asyncio.wait({hearing}, timeout=4)  # OpenAI's stream does not end by itself
    if hearing.done():
        hearing.result()
    await stream.aclose()
    return " ".join(texts)


async def tell(client, package, coroutine):
    version = importlib.metadata.version(f"livekit-plugins-{package}")
    try:
        told.tell(client, version, await asyncio.wait_for(coroutine, 60))
    except Exception as problem:  # noqa: BLE001: whatever a client raises is its result
        told.fail(client, version, problem)


async def main():
    async with aiohttp.ClientSession() as session:
        one = deepgram.STT(api_key="any", base_url=told.URL + "/v1/listen", http_session=session)
        two = deepgram.STTv2(api_key="any", base_url=told.WS + "/v2/listen", http_session=session)
        await tell("livekit deepgram.STT live", "deepgram", live(one))
        await tell("livekit deepgram.STT recording", "deepgram", recognise(one))
        await tell("livekit deepgram.STT live, again", "deepgram", live(one))
        await tell("livekit deepgram.STTv2", "deepgram", live(two))
        batch = openai.STT(api_key="any", base_url=told.URL + "/v1")
        await tell("livekit openai.STT recording", "openai", recognise(batch))
        realtime = openai.STT(api_key="any", base_url=told.URL + "/v1", use_realtime=True)
        realtime._session = session  # the one that has no argument for it
        await tell("livekit openai.STT realtime", "openai", live(realtime))


asyncio.run(main())
