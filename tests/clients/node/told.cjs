// What every program here is started with, and how it tells what its client heard.
const fs = require("node:fs");
const path = require("node:path");

const [url, wav] = process.argv.slice(2); // http://HOST:PORT, a recording of 16-bit mono samples
const ws = url.replace("http:", "ws:");

function version(name) {
  for (const folder of module.paths.concat(process.env.NODE_PATH || [])) {
    const file = path.join(folder, name, "package.json");
    if (fs.existsSync(file)) return JSON.parse(fs.readFileSync(file)).version;
  }
  return "?";
}

async function attempt(client, name, call) {
  try {
    console.log(JSON.stringify({ client, version: version(name), text: await call() }));
  } catch (problem) {
    console.error(problem);
    console.log(JSON.stringify({ client, version: version(name), problem: String(problem).slice(0, 300) }));
  }
}

function pcm() {
  const bytes = fs.readFileSync(wav);
  return { samples: bytes.subarray(44), rate: bytes.readUInt32LE(24) };
}

// The recording and silence behind it, in pieces as a microphone gives them.
async function* pieces(tailSeconds = 2) {
  const { samples, rate } = pcm();
  const all = Buffer.concat([samples, Buffer.alloc(2 * rate * tailSeconds)]);
  const step = rate / 10;
  for (let at = 0; at < all.length; at += step) {
    yield all.subarray(at, at + step);
    await new Promise((resolve) => setTimeout(resolve, 12));
  }
}

module.exports = { url, ws, wav, attempt, pcm, pieces };
