"""Three daemons behind the balancers that people have, with the configurations of deploy/fleet."""

import asyncio
import collections
import contextlib
import csv
import io
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request

import pytest

import harness
import live
from test_drain import parts

FLEET = harness.ROOT / "deploy/fleet"
HOSTS = ["127.0.0.11", "127.0.0.12", "127.0.0.13"]


class Member(harness.Daemon):
    """A daemon at an address of its own and the fleet's port, that the environment of a pod would make."""

    def __init__(self, host, port, agent, *options):
        super().__init__("--drain-s", 20, *options)
        self.host, self.port, self.url, self.ws = host, port, f"http://{host}:{port}", f"ws://{host}:{port}"
        self.command[self.command.index("--listen") + 1] = f"{host}:{port}"
        self.command[self.command.index("--drain-grace-ms") + 1] = "2500"
        self.command += ["--agent", f"{host}:{agent}"]

    def status(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as answer:
                return answer.status
        except urllib.error.HTTPError as error:
            return error.code
        except OSError:
            return None

    def restart(self):
        """As an orchestrator does: SIGTERM, its end, a new one that is ready."""
        self.terminate()
        assert self.wait() == 0, self.said()
        self.__enter__()


class Fleet:
    """Members and a balancer in front of them; url and ws are the balancer's."""

    def __init__(self, kind, folder, *options):
        self.kind, self.folder, self.options = kind, folder, options
        self.port, self.stats = harness.free_port(), harness.free_port()
        self.url, self.ws = f"http://127.0.0.1:{self.port}", f"ws://127.0.0.1:{self.port}"
        self.members, self.balancer = [], None

    def __enter__(self):
        self.inside = contextlib.ExitStack()
        port, agent = harness.free_port(), harness.free_port()
        self.members = [self.inside.enter_context(Member(host, port, agent, *self.options)) for host in HOSTS]
        environment = {**os.environ, "FLEET_LISTEN": f"127.0.0.1:{self.port}", "FLEET_STATS": f"127.0.0.1:{self.stats}",
                       "DAEMON_PORT": str(port), "AGENT_PORT": str(agent),
                       **{f"DAEMON_{i + 1}": host for i, host in enumerate(HOSTS)}}
        command = ["haproxy", "-db", "-f", FLEET / "haproxy.cfg"]
        if self.kind == "nginx":
            command = ["nginx", "-p", self.folder, "-c", self.nginx(port), "-g", "daemon off;"]
        self.log = open(self.folder / "balancer.log", "w+")
        self.balancer = subprocess.Popen(command, env=environment, stdout=self.log, stderr=subprocess.STDOUT)
        self.inside.callback(self.stop)
        deadline = time.monotonic() + 20
        while self.healthy() != 200:
            assert self.balancer.poll() is None and time.monotonic() < deadline, self.said()
            time.sleep(0.1)
        return self

    def __exit__(self, *error):
        return self.inside.__exit__(*error)

    def nginx(self, port):
        """deploy/nginx.conf without TLS, deploy/fleet/nginx.conf with our addresses -> a whole configuration."""
        front = (harness.ROOT / "deploy/nginx.conf").read_text()
        front = re.sub(r"listen 443 ssl;", f"listen 127.0.0.1:{self.port};", front)
        front = re.sub(r"ssl_.*\n", "\n", front).replace("http://127.0.0.1:8080", "http://foldscribe")
        front = front.replace("speech.example.org", "localhost 127.0.0.1")
        group = (FLEET / "nginx.conf").read_text()
        for i, host in enumerate(HOSTS):
            group = group.replace(f"10.0.0.1{i + 1}:8080", f"{host}:{port}")
        file = self.folder / "nginx.conf"
        file.write_text("pid nginx.pid; error_log stderr warn; events { }\nhttp { access_log off;\n"
                        f"client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;\n{group}\n{front} }}\n")
        return file

    def stop(self):
        self.balancer.terminate()
        try:
            self.balancer.wait(10)
        except subprocess.TimeoutExpired:
            self.balancer.kill()
        self.log.close()

    def said(self):
        self.log.seek(0)
        return self.log.read()

    def healthy(self):
        try:
            with urllib.request.urlopen(self.url + "/readyz", timeout=5) as answer:
                return answer.status
        except OSError:
            return None

    def servers(self, backend="live"):
        """HAProxy's own view: {server: row of its statistics}."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.stats}/;csv", timeout=5) as answer:
            rows = csv.DictReader(io.StringIO(answer.read().decode().lstrip("# ")))
            return {row["svname"]: row for row in rows if row["pxname"] == backend and row["svname"] not in ("FRONTEND", "BACKEND")}


@pytest.fixture(params=["haproxy", "nginx"])
def fleet(request, tmp_path):
    with Fleet(request.param, tmp_path) as fleet:
        yield fleet


async def upload(fleet, clip):
    """A recording through the balancer, on a connection of its own -> (status, answer)."""
    kind, head, _, tail = parts(clip)
    body = head + harness.wav(clip.pcm()) + tail
    reader, writer = await asyncio.open_connection("127.0.0.1", fleet.port)
    writer.write((f"POST /v1/audio/transcriptions HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n"
                  f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n").encode() + body)
    answer = await reader.read()
    writer.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split()[1]), body.decode(errors="replace")


def test_a_rolling_restart_loses_no_word_and_no_request(fleet, clips):
    """Every member is replaced while people speak and upload."""
    clip, recording = clips[1], clips[2]

    async def go():
        plain = (await live.stream(fleet, clip.pcm(), pace=8)).text()
        _, wanted = await upload(fleet, recording)
        wanted = json.loads(wanted)["text"]
        over, streams, uploads = asyncio.Event(), [], []

        async def speak():
            while not over.is_set():
                heard = await live.stream(fleet, clip.pcm(), pace=3)
                streams.append((heard.close[0], heard.text()))

        async def send():
            while not over.is_set():
                uploads.append(await upload(fleet, recording))

        talking = [asyncio.create_task(speak()) for _ in range(6)] + [asyncio.create_task(send()) for _ in range(2)]
        for member in fleet.members:
            await asyncio.to_thread(member.restart)
        over.set()
        await asyncio.gather(*talking)
        return plain, wanted, streams, uploads

    plain, wanted, streams, uploads = asyncio.run(go())
    assert plain and len(streams) >= 12 and len(uploads) >= 12
    assert collections.Counter(streams) == {(1000, plain): len(streams)}
    assert {status for status, _ in uploads} == {200}, collections.Counter(s for s, _ in uploads)
    assert {json.loads(body)["text"] for _, body in uploads} == {wanted}


def test_a_member_that_is_killed_costs_its_own_streams_alone(fleet, clips):
    """kill -9: streams elsewhere do not notice, those of the dead one end, and whoever connects anew is served."""
    clip = clips[1]

    async def go():
        plain = (await live.stream(fleet, clip.pcm(), pace=8)).text()
        talking = [asyncio.create_task(live.stream(fleet, clip.pcm(), pace=2)) for _ in range(9)]
        await asyncio.sleep(1.5)
        fleet.members[0].process.kill()
        fleet.members[0].process.wait()
        heard = await asyncio.gather(*talking, return_exceptions=True)
        again = await asyncio.gather(*(live.stream(fleet, clip.pcm(), pace=8) for _ in range(6)))
        return plain, heard, again

    plain, heard, again = asyncio.run(go())
    whole = [h for h in heard if not isinstance(h, Exception) and h.close[0] == 1000]
    assert {h.text() for h in whole} == {plain}
    assert len(whole) == 6, "a third of them was its own"
    assert [h.text() for h in again] == [plain] * 6
    fleet.members[0].__enter__()


@pytest.fixture()
def haproxy(tmp_path):
    with Fleet("haproxy", tmp_path, "--max-live", 20) as fleet:
        yield fleet


def test_headroom_is_the_weight_so_that_load_evens_out(haproxy, clips):
    """One member carries streams that did not come through the balancer: newcomers go to the others."""
    busy, *others = haproxy.members

    async def go():
        async with contextlib.AsyncExitStack() as held:
            for _ in range(14):
                await held.enter_async_context(live.connect(busy))
            weights = lambda: {name: int(row["weight"]) for name, row in haproxy.servers().items()}
            await asyncio.to_thread(harness.until, lambda: weights()["one"] <= 35)
            assert min(weights()["two"], weights()["three"]) > 80, weights()
            before = {name: int(row["stot"]) for name, row in haproxy.servers().items()}
            for _ in range(12):
                await held.enter_async_context(live.connect(haproxy))
            rows = haproxy.servers()
            return {name: int(row["stot"]) - before[name] for name, row in rows.items()}

    came = asyncio.run(go())
    assert sum(came.values()) == 12 and came["one"] <= 3 and min(came["two"], came["three"]) >= 4, came


def test_a_member_that_hangs_is_left_and_its_clients_may_reconnect(haproxy, clips):
    """SIGSTOP: it holds its sockets open and says nothing. Its streams are cut, others and newcomers are served."""
    clip = clips[1]
    hung = haproxy.members[1]

    async def go():
        sockets = [await live.connect(haproxy) for _ in range(6)]
        hung.process.send_signal(signal.SIGSTOP)
        try:
            cut = [asyncio.create_task(s.wait_closed()) for s in sockets]
            done, _ = await asyncio.wait(cut, timeout=20, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.sleep(1)
            closed = sum(task.done() for task in cut)
            again = await live.stream(haproxy, clip.pcm(), pace=8)
            status, _ = await upload(haproxy, clip)
        finally:
            hung.process.send_signal(signal.SIGCONT)
            await asyncio.gather(*(s.close() for s in sockets))
        return closed, again, status

    closed, again, status = asyncio.run(go())
    assert closed == 2 and again.close[0] == 1000 and again.text() and status == 200
    harness.until(lambda: haproxy.servers()["two"]["status"].startswith("UP"))


def test_a_plain_check_by_http_1_0_is_answered():
    """HAProxy's `option httpchk GET /readyz` sends no Host; so does many a script."""
    with harness.Daemon() as daemon:
        with socket.create_connection(("127.0.0.1", daemon.port), timeout=10) as s:
            s.sendall(b"GET /readyz HTTP/1.0\r\n\r\n")
            answer = b"".join(iter(lambda: s.recv(4096), b""))
        assert answer.startswith(b"HTTP/1.") and answer.split()[1] == b"200" and answer.endswith(b"ready\n"), answer
