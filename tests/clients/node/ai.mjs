// Vercel's ai with OpenAI's and Deepgram's providers.
import fs from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_PATH + "/");
const told = createRequire(import.meta.url)("./told.cjs");
const load = (name) => import(require.resolve(name)).then((m) => m.default?.__esModule ? m.default : m);

const { experimental_transcribe, transcribe = experimental_transcribe } = await load("ai");
const { createOpenAI } = await load("@ai-sdk/openai");
const { createDeepgram } = await load("@ai-sdk/deepgram");

const hear = async (model) => (await transcribe({ model, audio: fs.readFileSync(told.wav), maxRetries: 0 })).text;
// Deepgram's provider has no base url, so its requests are sent elsewhere on their way.
const elsewhere = (url, options) =>
  fetch(String(url instanceof Request ? url.url : url).replace("https://api.deepgram.com", told.url), options);

await told.attempt("ai with @ai-sdk/openai", "@ai-sdk/openai", () =>
  hear(createOpenAI({ apiKey: "any", baseURL: told.url + "/v1" }).transcription("whisper-1")));
await told.attempt("ai with @ai-sdk/deepgram", "@ai-sdk/deepgram", () =>
  hear(createDeepgram({ apiKey: "any", fetch: elsewhere }).transcription("nova-3")));
