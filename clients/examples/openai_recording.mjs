// A recording by OpenAI's client: its text and its words' times, and a draft before the better text.
//   npm install openai
//   node openai_recording.mjs ../../tests/data/1320-122617-0014.flac
import fs from "node:fs";
import OpenAI from "openai";

const server = process.env.FOLDSCRIBE_SERVER ?? "http://127.0.0.1:8080";
const client = new OpenAI({ baseURL: `${server}/v1`, apiKey: process.env.FOLDSCRIBE_API_KEY ?? "any" });
const transcribe = (options) =>
  client.audio.transcriptions.create({ model: "foldscribe", file: fs.createReadStream(process.argv[2]), ...options });

const answer = await transcribe({ response_format: "verbose_json", timestamp_granularities: ["word"] });
console.log(answer.text);
for (const { start, word } of answer.words.slice(0, 5)) console.log(`${start.toFixed(2)} s  ${word}`);
console.log("depth:", answer.depth.used, "because", answer.depth.reason); // this server's own

for await (const event of await transcribe({ stream: true, draft: true })) {
  if (event.type === "foldscribe.draft") console.log("draft:", event.text);
  if (event.type === "transcript.text.delta") process.stdout.write(event.delta);
}
console.log();
