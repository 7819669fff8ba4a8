// Deepgram's client 3 and 4: the argument behind the recording names the package.
const fs = require("node:fs");
const told = require("./told.cjs");

const name = process.argv[4];
const { createClient, LiveTranscriptionEvents } = require(name);
const client = createClient("any", {
  global: { fetch: { options: { url: told.url } }, websocket: { options: { url: told.ws } } },
});

const live = () =>
  new Promise((resolve, reject) => {
    const texts = [];
    const connection = client.listen.live({
      model: "nova-3", encoding: "linear16", sample_rate: told.pcm().rate, smart_format: true, interim_results: true });
    connection.on(LiveTranscriptionEvents.Error, reject);
    connection.on(LiveTranscriptionEvents.Transcript, (data) => {
      if (data.is_final) texts.push(data.channel.alternatives[0].transcript);
    });
    connection.on(LiveTranscriptionEvents.Metadata, () => resolve(texts.filter(Boolean).join(" ")));
    connection.on(LiveTranscriptionEvents.Open, async () => {
      for await (const piece of told.pieces()) connection.send(piece);
      connection.requestClose();
    });
  });

(async () => {
  await told.attempt("@deepgram/sdk recording", name, async () => {
    const { result, error } = await client.listen.prerecorded.transcribeFile(fs.readFileSync(told.wav), {
      model: "nova-3", smart_format: true });
    if (error) throw error;
    return result.results.channels[0].alternatives[0].transcript;
  });
  await told.attempt("@deepgram/sdk live", name, live);
  process.exit(0);
})();
