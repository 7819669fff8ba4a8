/* A recording: uploaded with its progress, its text as it comes. */
import { Trouble } from "./sound.js";

const wordsOf = (list) => list.map((w) => ({ text: w.punctuated_word ?? w.word, start: w.start, end: w.end, confidence: w.confidence }));

function trouble(file, status, text) {
  let said = "";
  try {
    const body = JSON.parse(text);
    said = body.error?.message ?? body.err_msg ?? "";
  } catch { /* not of this server */ }
  if (status === 401 || status === 403) return new Trouble("The server does not know this key.", "Put the right one in under Settings, then try the recording again.", "key");
  if (status === 413) return new Trouble(`${file.name} is too large for this server.`, said);
  if (status === 429 || status === 503) return new Trouble("The server has no room for a recording just now.", "Try again in a moment.");
  if (status === 400 && /not audio/.test(said))
    return new Trouble(`${file.name} is not a recording.`, "At least not of a kind that this server knows: those are wav, flac, mp3, ogg and webm.");
  if (status === 400) return new Trouble(`${file.name} cannot be read.`, said ? `The server says: ${said}.` : "");
  return new Trouble(`${file.name} was not transcribed.`, said || `The server answered ${status}.`);
}

/* Events in a text that grows: calls each(event) for those that are whole; returns where the next begins. */
function events(text, from, each) {
  for (let end; (end = text.indexOf("\n\n", from)) >= 0; from = end + 2)
    for (const line of text.slice(from, end).split("\n"))
      if (line.startsWith("data: ") && line !== "data: [DONE]") each(JSON.parse(line.slice(6)));
  return from;
}

/** How long it is, as far as the browser can tell: seconds, or null. */
export function lengthOf(url) {
  return new Promise((resolve) => {
    const audio = new Audio();
    const done = (value) => { audio.removeAttribute("src"); resolve(value); };
    audio.onloadedmetadata = () => done(Number.isFinite(audio.duration) ? audio.duration : null);
    audio.onerror = () => done(null);
    setTimeout(() => done(null), 3000);
    audio.src = url;
  });
}

/**
 * Sends a file. tell: { sent(share), words(channel, words), draft(text) }. Resolves to { duration, depth }; rejects with
 * a Trouble, or null when cancelled. cancel: an AbortSignal. channels: each is heard by itself.
 */
export function transcribe(file, { key, dials, channels, cancel, tell }) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    let read = 0, done = null, failed = null;
    const event = (said) => {
      if (said.type === "transcript.text.delta") tell.words(0, wordsOf(said.words));
      else if (said.type === "transcript.text.done") done = { duration: said.usage?.seconds, depth: said.depth };
      else if (said.type === "error" || said.error) failed = said.error ?? said;
    };
    const depth = dials.depth ? { depth: dials.depth } : {};
    const query = new URLSearchParams({ multichannel: true, utterances: true, punctuate: true, ...depth });
    request.open("POST", channels ? `v1/listen?${query}` : "v1/audio/transcriptions");
    if (key) request.setRequestHeader("Authorization", `${channels ? "Token" : "Bearer"} ${key}`);
    request.upload.onprogress = ({ loaded, total }) => tell.sent(total ? loaded / total : 0);
    request.upload.onload = () => tell.sent(1);
    request.onprogress = () => {
      if (!channels && request.status === 200) read = events(request.responseText, read, event);
    };
    request.onerror = () => reject(new Trouble("The server does not answer.", "Is it running, and is the network there? Try the recording again."));
    request.onabort = () => reject(null);
    request.onload = () => {
      if (request.status !== 200) return reject(trouble(file, request.status, request.responseText));
      if (channels) {
        const { metadata, results } = JSON.parse(request.responseText);
        results.utterances.forEach((said) => tell.words(said.channel, wordsOf(said.words)));
        return resolve({ duration: metadata.duration, depth: metadata.depth });
      }
      read = events(request.responseText, read, event);
      if (failed) reject(trouble(file, 400, JSON.stringify({ error: failed })));
      else if (done) resolve(done);
      else reject(new Trouble("The connection broke.", `Of ${file.name} only this much came. Try it again.`));
    };
    cancel.addEventListener("abort", () => request.abort());
    if (channels) {
      request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
      return request.send(file);
    }
    const form = new FormData();
    const fields = { model: "foldscribe", stream: "true", "timestamp_granularities[]": "word", ...depth };
    Object.entries(fields).forEach(([name, value]) => form.append(name, value));
    form.append("file", file);
    request.send(form);
  });
}
