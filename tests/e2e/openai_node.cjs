// Batch transcription by the official JavaScript client: a chunked upload without a length.
//   node openai_node.cjs URL CLIP   prints one JSON object with what each call gave
const fs = require("fs");
const OpenAI = require("openai");

async function main() {
  const [url, clip] = process.argv.slice(2);
  const client = new OpenAI({ baseURL: url + "/v1", apiKey: "any", maxRetries: 0 });
  const transcribe = (options) =>
    client.audio.transcriptions.create({ file: fs.createReadStream(clip), model: "foldscribe", ...options });

  const seen = {};
  seen.json = await transcribe({});
  seen.shallow = await transcribe({ model: "foldscribe@1" });
  seen.text = await transcribe({ response_format: "text" });
  seen.verbose = await transcribe({ response_format: "verbose_json", timestamp_granularities: ["word", "segment"] });
  seen.events = [];
  for await (const event of await transcribe({ stream: true, draft: true })) seen.events.push(event.type);
  seen.models = (await client.models.list()).data.map((m) => m.id);
  try {
    await transcribe({ model: "no-such-model" });
  } catch (error) {
    seen.refused = { kind: error.constructor.name, status: error.status, code: error.code, param: error.param,
      requestID: error.requestID, message: error.message };
  }
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
