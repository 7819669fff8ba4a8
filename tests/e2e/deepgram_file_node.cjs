// A recording by Deepgram's own JavaScript client, and a refusal.
//   node deepgram_file_node.cjs WS_URL HTTP_URL CLIP   prints one JSON object
const fs = require("fs");
const { DeepgramClient } = require("@deepgram/sdk");

async function main() {
  const [ws, http, clip] = process.argv.slice(2);
  const client = new DeepgramClient({
    apiKey: "any",
    environment: { base: http, production: ws, agent: ws, agentRest: http },
    maxRetries: 0,
  });
  const seen = {};
  const answer = await client.listen.v1.media.transcribeFile(fs.createReadStream(clip), { model: "nova-3" });
  seen.transcript = answer.results.channels[0].alternatives[0].transcript;
  try {
    await client.listen.v1.media.transcribeUrl({ url: "http://127.0.0.1/clip.wav" });
  } catch (error) {
    seen.refused = { status: error.statusCode, body: error.body, message: error.message };
  }
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
