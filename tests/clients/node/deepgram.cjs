// Deepgram's client since 5: recordings, live streams, turns.
const fs = require("node:fs");
const told = require("./told.cjs");

const name = process.argv[4];
const { DeepgramClient } = require(name);
const client = new DeepgramClient({
  apiKey: "any", environment: { base: told.url, production: told.ws, agent: told.ws, agentRest: told.url } });

async function stream(listen, options, textOf, pauseMs = 0) {
  const texts = [];
  const connection = await listen.connect({ encoding: "linear16", sample_rate: told.pcm().rate, reconnectAttempts: 0,
                                            ...options });
  const closed = new Promise((resolve) => connection.on("close", resolve));
  connection.on("message", (message) => texts.push(textOf(message)));
  connection.connect();
  await connection.waitForOpen();
  for await (const piece of told.pieces()) connection.sendMedia(piece);
  await new Promise((resolve) => setTimeout(resolve, pauseMs));
  connection.sendCloseStream({ type: "CloseStream" });
  await closed;
  return texts.filter(Boolean).join(" ");
}

(async () => {
  await told.attempt("@deepgram/sdk recording", name, async () =>
    (await client.listen.v1.media.transcribeFile(fs.createReadStream(told.wav), { model: "nova-3", smart_format: true }))
      .results.channels[0].alternatives[0].transcript);
  await told.attempt("@deepgram/sdk listen.v1", name, () =>
    stream(client.listen.v1, { model: "nova-3", smart_format: "true" }, (m) =>
      m.type === "Results" && m.is_final ? m.channel.alternatives[0].transcript : ""));
  await told.attempt("@deepgram/sdk listen.v2", name, () =>
    stream(client.listen.v2, { model: "flux-general-en" }, (m) => (m.event === "EndOfTurn" ? m.transcript : ""), 1000));
  process.exit(0);
})();
