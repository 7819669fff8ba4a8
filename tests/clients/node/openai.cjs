// OpenAI's client: recordings and events.
const fs = require("node:fs");
const { OpenAI } = require("openai");
const told = require("./told.cjs");

const client = new OpenAI({ apiKey: "any", baseURL: told.url + "/v1", maxRetries: 0 });
const transcribe = (options) =>
  client.audio.transcriptions.create({ file: fs.createReadStream(told.wav), ...options });

(async () => {
  await told.attempt("openai (js) transcriptions", "openai", async () => (await transcribe({ model: "whisper-1" })).text);
  await told.attempt("openai (js) stream", "openai", async () => {
    let text = "";
    for await (const event of await transcribe({ model: "gpt-4o-transcribe", stream: true }))
      if (event.type === "transcript.text.delta") text += event.delta;
    return text;
  });
  await told.attempt("openai (js) translations", "openai", async () =>
    (await client.audio.translations.create({ file: fs.createReadStream(told.wav), model: "whisper-1" })).text);
})();
