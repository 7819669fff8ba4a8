// A recording by Deepgram's client: who says what, by pauses.
//   npm install @deepgram/sdk
//   node deepgram_recording.mjs ../../tests/data/1320-122617-0014.flac
import fs from "node:fs";
import { DeepgramClient } from "@deepgram/sdk";

const server = process.env.FOLDSCRIBE_SERVER ?? "http://127.0.0.1:8080";
const live = server.replace(/^http/, "ws");
const client = new DeepgramClient({
  apiKey: process.env.FOLDSCRIBE_API_KEY ?? "any",
  environment: { base: server, production: live, agent: live, agentRest: server },
});

const { results } = await client.listen.v1.media.transcribeFile(fs.createReadStream(process.argv[2]), {
  model: "foldscribe", punctuate: true, utterances: true });
for (const { start, end, transcript } of results.utterances)
  console.log(`${start.toFixed(2)}-${end.toFixed(2)} s  ${transcript}`);
