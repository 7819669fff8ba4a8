// Live captions by Deepgram's client.
//   npm install @deepgram/sdk
//   sox ../../tests/data/1320-122617-0014.flac -t raw -e signed -b 16 -c 1 -r 16000 - | node deepgram_live.mjs
//   arecord -q -t raw -f S16_LE -c 1 -r 16000 | node deepgram_live.mjs
import { DeepgramClient } from "@deepgram/sdk";

const server = process.env.FOLDSCRIBE_SERVER ?? "http://127.0.0.1:8080";
const key = process.env.FOLDSCRIBE_API_KEY ?? "any";
const live = server.replace(/^http/, "ws");
const client = new DeepgramClient({ apiKey: key,
  environment: { base: server, production: live, agent: live, agentRest: server } });

const connection = await client.listen.v1.connect({ model: "foldscribe", encoding: "linear16", sample_rate: 16000,
  interim_results: "true", punctuate: "true", Authorization: `Token ${key}` });
connection.on("message", (message) => {
  if (message.type !== "Results") return;
  const { transcript } = message.channel.alternatives[0];
  if (transcript) console.log(`${message.is_final ? "final  " : "interim"} depth ${message.depth.used}: ${transcript}`);
});
const closed = new Promise((resolve, reject) => {
  connection.on("close", resolve);
  connection.on("error", reject);
});
connection.connect();
await connection.waitForOpen();
for await (const data of process.stdin) connection.sendMedia(data);
connection.sendCloseStream({ type: "CloseStream" });
await closed;
