"""Many clients of every kind for a while: does anything grow, and does every clip keep its one text?

    python tests/load/soak.py --minutes 30 --streams 100         starts the daemon of build-release/

Live streams in three dialects at the pace of speech, uploads in two, and among them those who leave in the middle, send
garbage, or do not read. Every ten seconds one line: resident memory, descriptors, threads, what was heard and
refused. At the end nothing may have grown since the first quarter, and every clip must have had one text by each way.
"""

import argparse
import asyncio
import collections
import contextlib
import http.client
import json
import os
import pathlib
import random
import socket
import sys
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import harness  # noqa: E402
import live  # noqa: E402
import websockets  # noqa: E402

FORM = "--b\r\nContent-Disposition: form-data; name=\"{}\"{}\r\n\r\n"


class Soak:
    def __init__(self, daemon, clips, options):
        self.daemon, self.clips, self.options = daemon, clips, options
        self.until = time.monotonic() + 60 * options.minutes
        self.texts = collections.defaultdict(collections.Counter)  # (way, clip) -> texts
        self.counts = collections.Counter()
        self.lock = threading.Lock()

    def note(self, way, clip, text):
        with self.lock:
            self.texts[way, clip.path.name][text] += 1
            self.counts[way] += 1

    def count(self, what):
        with self.lock:
            self.counts[what] += 1

    # ---- live ----------------------------------------------------------------------------------

    async def deepgram(self, clip, leaves):
        heard = live.Heard()
        async with live.connect(self.daemon, depth=1) as s:
            listening = asyncio.create_task(live.listen(s, heard))
            if leaves:
                await live.speak(s, clip.pcm()[:64000], pace=2)
                s.transport.abort()
                listening.cancel()
                return self.count("left")
            await live.speak(s, clip.pcm(), pace=self.options.pace)
            await live.say(s, "CloseStream")
            await asyncio.wait_for(listening, 120)
        if heard.close[0] == 1000:
            self.note("deepgram", clip, heard.text())
        else:
            self.count(f"closed {heard.close[0]}")

    async def vosk(self, clip, leaves):
        texts = []
        async with websockets.connect(self.daemon.ws + "/", compression=None) as s:
            await s.send(json.dumps({"config": {"sample_rate": harness.RATE}}))
            pcm = clip.pcm()
            for at in range(0, len(pcm), 8000):
                await s.send(pcm[at:at + 8000])
                said = json.loads(await asyncio.wait_for(s.recv(), 120))
                texts += [said["text"]] if said.get("text") else []
                if leaves and at > 40000:
                    s.transport.abort()
                    return self.count("left")
                await asyncio.sleep(0.25 / self.options.pace)
            await s.send('{"eof":1}')
            texts.append(json.loads(await asyncio.wait_for(s.recv(), 120)).get("text", ""))
        self.note("vosk", clip, " ".join(t for t in texts if t))

    async def garbage(self, clip, leaves):
        del clip, leaves
        async with live.connect(self.daemon, encoding=None, sample_rate=None, channels=None) as s:
            with contextlib.suppress(websockets.ConnectionClosed):  # 1008: it is no audio
                for _ in range(20):
                    await s.send(random.randbytes(2000))
                    await asyncio.sleep(0.05)
                await live.say(s, "CloseStream")
                async for _ in s:
                    pass
        self.count("garbage")

    async def speaker(self, index):
        ways = [self.deepgram, self.deepgram, self.vosk]
        while time.monotonic() < self.until:
            clip = random.choice(self.clips)
            way = self.garbage if index % 25 == 7 else ways[index % 3]
            try:
                await way(clip, leaves=random.random() < 0.1)
            except websockets.InvalidStatus as refused:
                self.count(f"refused {refused.response.status_code}")
                await asyncio.sleep(float(refused.response.headers.get("Retry-After", 1)))
            except (OSError, asyncio.TimeoutError, websockets.ConnectionClosed) as error:
                self.count(f"failed {type(error).__name__}")
                await asyncio.sleep(1)

    # ---- uploads -------------------------------------------------------------------------------

    def upload(self, clip, way):
        data = clip.path.read_bytes()
        connection = http.client.HTTPConnection("127.0.0.1", self.daemon.port, timeout=120)
        if way == "openai":
            data = (FORM.format("model", "").encode() + b"foldscribe@1\r\n" +
                    FORM.format("file", '; filename="a.flac"').encode() + data + b"\r\n--b--\r\n")
            connection.request("POST", "/v1/audio/transcriptions", data, {"Content-Type": "multipart/form-data; boundary=b"})
        else:
            connection.request("POST", "/v1/listen?depth=1", data)
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        if answer.status == 429:
            self.count("refused 429")
            time.sleep(float(answer.getheader("Retry-After", 1)))
        elif answer.status == 200:
            text = body["text"] if way == "openai" else body["results"]["channels"][0]["alternatives"][0]["transcript"]
            self.note(way, clip, text)
        else:
            self.count(f"answered {answer.status}")

    def rude(self, clip):
        """Leaves in the middle, sends rubbish, or does not read."""
        with socket.create_connection(("127.0.0.1", self.daemon.port), timeout=10) as s:
            data = clip.path.read_bytes()
            head = b"POST /v1/listen HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(data)
            s.sendall(random.choice([head + data[:5000], head + data, random.randbytes(3000), head + random.randbytes(len(data)),
                                     b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 200]))
            time.sleep(random.random() * 2)
        self.count("rude")

    def uploader(self, index):
        while time.monotonic() < self.until:
            clip = random.choice(self.clips)
            try:
                self.rude(clip) if index % 4 == 3 else self.upload(clip, ("openai", "listen")[index % 2])
            except OSError as error:
                self.count(f"failed {type(error).__name__}")
            time.sleep(random.random())

    # ---- what it holds -------------------------------------------------------------------------

    def holds(self):
        process = pathlib.Path(f"/proc/{self.daemon.process.pid}")
        return {"mib": self.daemon.memory_mib()[0], "descriptors": len(os.listdir(process / "fd")),
                "threads": len(os.listdir(process / "task"))}

    async def run(self):
        uploaders = [threading.Thread(target=self.uploader, args=(i,)) for i in range(self.options.uploads)]
        for u in uploaders:
            u.start()
        speakers = [asyncio.create_task(self.speaker(i)) for i in range(self.options.streams)]
        began, samples = time.monotonic(), []
        while time.monotonic() < self.until:
            await asyncio.sleep(min(10, max(self.until - time.monotonic(), 0.1)))
            samples.append(self.holds())
            print(f"{time.monotonic() - began:6.0f} s", samples[-1], dict(self.counts), flush=True)
        await asyncio.gather(*speakers)
        for u in uploaders:
            await asyncio.to_thread(u.join)
        return samples


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--uploads", type=int, default=8)
    parser.add_argument("--pace", type=float, default=1.0, help="times the speed of speech")
    options = parser.parse_args()
    random.seed(1)
    with harness.Daemon("--max-live", options.streams + 50) as daemon:
        soak = Soak(daemon, harness.clips(), options)
        before = soak.holds()
        samples = asyncio.run(soak.run())
        time.sleep(35)  # what clients left behind has its own clocks
        after = soak.holds()
    early = samples[len(samples) // 4:len(samples) // 2] or samples
    late = samples[-max(len(samples) // 4, 1):]
    print("before", before, "after", after)
    wrong = []
    for what, slack in (("mib", 40), ("descriptors", 60), ("threads", 2)):
        first, last = max(s[what] for s in early), max(s[what] for s in late)
        print(f"{what}: at most {first:.0f} early, {last:.0f} late")
        if last > first + slack:
            wrong.append(f"{what} grew from {first:.0f} to {last:.0f}")
    if after["descriptors"] > before["descriptors"] + 5:
        wrong.append(f"{after['descriptors'] - before['descriptors']} descriptors are left")
    many = {key: texts for key, texts in soak.texts.items() if len(texts) > 1}
    for key, texts in many.items():
        print("more than one text:", key, texts.most_common(3))
    wrong += [f"{len(many)} clips had more than one text"] if many else []
    wrong += [f"{n} {what}" for what, n in soak.counts.items() if what.startswith(("answered 5", "failed", "closed 1011"))]
    print("; ".join(wrong) or "nothing grew, and every clip had one text")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
