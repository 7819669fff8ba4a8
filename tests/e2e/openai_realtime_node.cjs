// Realtime transcription by the official JavaScript client. It always speaks wss, so TLS ends here, in front of the
// daemon, as it would at a balancer.
//   node openai_realtime_node.cjs PORT KEY CERTIFICATE < SAMPLES   prints the events heard; 24 kHz s16le
const fs = require("fs");
const net = require("net");
const tls = require("tls");
const OpenAI = require("openai");
const { OpenAIRealtimeWS } = require("openai/realtime/ws");

function terminate(port, key, cert) {
  const proxy = tls.createServer({ key, cert }, (client) => {
    const daemon = net.connect(port, "127.0.0.1");
    client.pipe(daemon).pipe(client);
    client.on("error", () => daemon.destroy());
    daemon.on("error", () => client.destroy());
  });
  return new Promise((resolve) => proxy.listen(0, "127.0.0.1", () => resolve(proxy)));
}

async function main() {
  const [port, key, certificate] = process.argv.slice(2);
  const cert = fs.readFileSync(certificate);
  const pcm = fs.readFileSync(0);
  const proxy = await terminate(Number(port), fs.readFileSync(key), cert);
  const client = new OpenAI({ baseURL: `https://localhost:${proxy.address().port}/v1`, apiKey: "any" });
  const realtime = new OpenAIRealtimeWS({ model: "foldscribe", options: { ca: cert } }, client);
  const events = [];
  realtime.on("event", (event) => events.push(event));
  realtime.on("error", (error) => {
    throw error;
  });
  realtime.on("session.created", () =>
    realtime.send({
      type: "session.update",
      session: {
        type: "transcription",
        audio: {
          input: {
            format: { type: "audio/pcm", rate: 24000 },
            transcription: { model: "foldscribe", prompt: "A tale of Hawkeye" },
            turn_detection: null,
          },
        },
      },
    })
  );
  realtime.on("session.updated", () => {
    for (let at = 0; at < pcm.length; at += 48000)
      realtime.send({ type: "input_audio_buffer.append", audio: pcm.subarray(at, at + 48000).toString("base64") });
    realtime.send({ type: "input_audio_buffer.commit" });
  });
  realtime.on("conversation.item.input_audio_transcription.completed", () => realtime.close());
  realtime.socket.on("close", () => {
    console.log(JSON.stringify({ url: realtime.url.toString(), events }));
    proxy.close();
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
