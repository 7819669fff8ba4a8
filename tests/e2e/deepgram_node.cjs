// Live transcription by Deepgram's own JavaScript client.
//   node deepgram_node.cjs WS_URL HTTP_URL < s16le-16kHz   prints all messages as a JSON array
const fs = require("fs");
const { DeepgramClient } = require("@deepgram/sdk");

async function main() {
  const [ws, http] = process.argv.slice(2);
  const audio = fs.readFileSync(0);
  const client = new DeepgramClient({
    apiKey: "any",
    environment: { base: http, production: ws, agent: ws, agentRest: http },
  });
  const connection = await client.listen.v1.connect({
    model: "foldscribe", encoding: "linear16", sample_rate: 16000, interim_results: "true",
    Authorization: "Token any", reconnectAttempts: 0,
  });
  const messages = [];
  connection.on("message", (message) => messages.push(message));
  const closed = new Promise((resolve, reject) => {
    connection.on("close", resolve);
    connection.on("error", reject);
  });
  connection.connect();
  await connection.waitForOpen();
  for (let at = 0; at < audio.length; at += 3200) connection.sendMedia(audio.subarray(at, at + 3200));
  connection.sendCloseStream({ type: "CloseStream" });
  await closed;
  console.log(JSON.stringify(messages));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
