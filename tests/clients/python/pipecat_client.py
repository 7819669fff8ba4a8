"""pipecat's four services: Deepgram, Deepgram Flux, OpenAI, OpenAI Realtime, each in a pipeline of its own."""

import asyncio
import importlib.metadata

from loguru import logger

logger.remove()

from pipecat.frames.frames import (EndFrame, InputAudioRawFrame, TranscriptionFrame,  # noqa: E402
                                   VADUserStartedSpeakingFrame, VADUserStoppedSpeakingFrame)
from pipecat.pipeline.pipeline import Pipeline  # noqa: E402
from pipecat.pipeline.runner import PipelineRunner  # noqa: E402
from pipecat.pipeline.task import PipelineParams, PipelineTask  # noqa: E402
from pipecat.processors.frame_processor import FrameProcessor  # noqa: E402
from pipecat.services.deepgram.flux.stt import DeepgramFluxSTTService  # noqa: E402
from pipecat.services.deepgram.stt import DeepgramSTTService  # noqa: E402
from pipecat.services.openai.stt import OpenAIRealtimeSTTService, OpenAISTTService  # noqa: E402

import told

VERSION = importlib.metadata.version("pipecat-ai")
RATE = told.pcm()[1]


class Listener(FrameProcessor):
    def __init__(self):
        super().__init__()
        self.texts = []

    async def process_frame(self, frame, direction):
        await super().process_frame(frame, direction)
        if isinstance(frame, TranscriptionFrame):
            self.texts.append(frame.text)
        await self.push_frame(frame, direction)


async def hear(service):
    listener = Listener()
    task = PipelineTask(Pipeline([service, listener]), params=PipelineParams(audio_in_sample_rate=RATE))

    async def feed():
        await asyncio.sleep(1)  # until it is connected
        await task.queue_frame(VADUserStartedSpeakingFrame())
        for piece in told.pieces():
            await task.queue_frame(InputAudioRawFrame(audio=piece, sample_rate=RATE, num_channels=1))
            await asyncio.sleep(0.02)
        await task.queue_frame(VADUserStoppedSpeakingFrame())
        await asyncio.sleep(3)
        await task.queue_frame(EndFrame())

    await asyncio.gather(PipelineRunner(handle_sigint=False).run(task), feed())
    return " ".join(listener.texts)


async def tell(client, make):
    try:
        told.tell(client, VERSION, await asyncio.wait_for(hear(make()), 60))
    except Exception as problem:  # noqa: BLE001: whatever a client raises is its result
        told.fail(client, VERSION, problem)


async def main():
    await tell("pipecat DeepgramSTTService", lambda: DeepgramSTTService(api_key="any", base_url=told.URL))
    await tell("pipecat DeepgramFluxSTTService",
               lambda: DeepgramFluxSTTService(api_key="any", url=told.WS + "/v2/listen"))
    await tell("pipecat OpenAISTTService", lambda: OpenAISTTService(api_key="any", base_url=told.URL + "/v1"))
    await tell("pipecat OpenAIRealtimeSTTService",
               lambda: OpenAIRealtimeSTTService(api_key="any", base_url=told.WS + "/v1/realtime"))


asyncio.run(main())
