/* The page: what is pressed, what runs, and what is said about it. */
import { asSrt, asText, asVtt, clock } from "./formats.js";
import { Live } from "./live.js";
import { lengthOf, transcribe } from "./recording.js";
import { Settings } from "./settings.js";
import { openSound, Trouble } from "./sound.js";
import { Transcript } from "./transcript.js";

const $ = (id) => document.getElementById(id);
const root = document.documentElement;
const SILENT_S = 6;         // without any sound before that is said
const SILENT_PEAK = 0.0006; // -64 dB: a microphone that is on has more noise than that

/* ---- what is said to the reader ---- */

let noticed = null; // what the notice is about
function notice(kind, title, text, act = null) {
  noticed = kind;
  root.dataset.notice = kind;
  $("notice-title").textContent = title;
  $("notice-text").textContent = text;
  $("notice-act").hidden = !act;
  if (act) {
    $("notice-act").textContent = act.label;
    $("notice-act").onclick = act.run;
  }
  $("notice").hidden = false;
}
function quiet(kind = noticed) {
  if (noticed !== kind) return;
  noticed = null;
  $("notice").hidden = true;
}
$("notice-close").onclick = () => quiet();

function troubled(error) {
  if (!(error instanceof Trouble)) error = new Trouble("That did not work.", `The browser says: ${error.message}`);
  notice("error", error.title, error.text, error.act === "key" ? { label: "Settings", run: () => settings.askKey() } : null);
}

/* text: told by a screen reader when it changes; more: seconds that pass. */
function state(name, text, more = "") {
  root.dataset.state = name;
  if ($("state-text").textContent !== text) $("state-text").textContent = text;
  $("state-more").textContent = more;
}

const fact = (name, text) => { $(`fact-${name}`).textContent = text; };

/* ---- transcript and settings ---- */

const transcript = new Transcript({
  view: $("transcript"), now: $("now"), log: $("log"), tip: $("tip"),
  changed: () => { for (const id of ["copy", "save", "clear"]) $(id).disabled = transcript.isEmpty; },
});
const settings = new Settings({
  dialled: () => live?.configure(settings.dials),
  named: (channel, name) => transcript.name(channel, name),
});

/* ---- live ---- */

let live = null, sound = null, begun = 0, starting = false, awake = null, silentS = 0, heardAt = 0;

function sayStart(text) {
  $("start-text").textContent = $("start-too").textContent = text;
}
function pressed(on) {
  $("start").setAttribute("aria-pressed", String(on));
  sayStart(on ? "Stop" : "Start");
  $("source").disabled = on;
}

const titles = { microphone: "Microphone", tab: "Tab", both: "Microphone and tab" };

async function start() {
  const [kind, device] = settings.source.split(":");
  if (kind === "file") return $("file").click();
  if (job) return notice("error", "A recording is being transcribed.", "Wait for it, or cancel it, then press Start.");
  starting = true;
  quiet();
  state("connecting", "Opening…");
  try {
    sound = await openSound(kind, device, settings.stereo, heard, gone);
  } catch (error) {
    state("idle", "Ready");
    troubled(error);
    return;
  } finally {
    starting = false;
  }
  begun = Date.now();
  silentS = 0;
  $("player").pause();
  $("player").hidden = true;
  transcript.begin(`${titles[kind]}, ${new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" })}`);
  settings.showSpeakers(sound.names);
  settings.listDevices();
  pressed(true);
  live = new Live({ rate: sound.rate, channels: sound.channels, key: settings.key, dials: settings.dials,
    tell: { state: told, result, trouble: troubled } });
  awake = await navigator.wakeLock?.request("screen").catch(() => null);
}

function heard(pcm, peaks) {
  if (!live) return;
  heardAt = performance.now();
  live.push(pcm, peaks);
  meter(peaks);
  silentS = Math.max(...peaks) > SILENT_PEAK ? 0 : silentS + 0.1;
  if (silentS > SILENT_S && !noticed)
    notice("silent", "No sound comes in.", settings.source === "tab" ? "Is the tab playing, and not muted?"
      : "Is the microphone muted, or is another one meant? Choose it under “Sound from”.");
  else if (!silentS) quiet("silent");
}

/* The source went away by itself: unplugged, or "Stop sharing". */
function gone() {
  if (!live) return;
  notice("gone", "The sound ended.", "The microphone was unplugged, or sharing was stopped. What was said is kept; press Start to go on.");
  stop();
}

function stop() {
  sound?.stop();
  sound = null;
  meter([]);
  if (live?.ending) live.abandon(); // the second time it is meant
  else live?.finish();
}

function told(name, detail) {
  if (name === "reconnecting") {
    const [title, text] = detail?.full ? ["The server has no room just now.", "what is said now is kept, and heard as soon as there is."]
      : ["The server went away.", "what is said now is kept, and heard when the server is back."];
    if (noticed !== "away" || $("notice-title").textContent !== title) notice("away", title, `Keep talking: ${text}`);
  }
  if (name === "live" || name === "catching-up" || name === "done") quiet("away");
  if (name === "done") return over();
  root.dataset.state = name;
  tick();
}

function over() {
  const { lost } = live.tape, { rate } = live;
  live = null;
  sound?.stop();
  sound = null;
  awake?.release();
  meter([]);
  pressed(false);
  transcript.end();
  state("idle", "Ready");
  if (lost) notice("error", "Some sound was lost.", `The server was away for so long that ${Math.round(lost / rate)} seconds could not be kept.`);
}

function tick() {
  if (!live) return;
  const waits = Math.round((live.tape.end - Math.max(...live.heard, live.socket ? live.cursor : 0)) / live.rate);
  const name = root.dataset.state;
  if (name === "catching-up" && live.waits() < live.rate) root.dataset.state = "live";
  sayStart(live.ending ? "Don’t wait" : "Stop");
  const kept = ["Server away", `, ${waits} s of sound kept`];
  state(root.dataset.state, ...{
    connecting: ["Connecting…"],
    live: ["Live", ` ${clock((Date.now() - begun) / 1000)}`],
    reconnecting: noticed === "away" && /room/.test($("notice-title").textContent) ? ["Server full", kept[1]] : kept,
    "catching-up": ["Catching up", `, ${waits} s to go`],
    ending: live.socket ? ["Finishing…"] : kept,
  }[root.dataset.state] ?? ["Ready"]);
}
setInterval(tick, 250);

const WHY = { load: "server is busy", budget: "to be in time" };
const depthText = ({ used }) => `${used} of ${settings.deepest}`;
function tellDepth(depth) {
  fact("depth", depthText(depth));
  fact("why", WHY[depth.reason] ?? "");
}

function result(said, channel, offset) {
  const { words } = said.channel.alternatives[0];
  transcript.show(channel, words.map((w) => ({
    text: w.punctuated_word ?? w.word, start: w.start + offset, end: w.end + offset, confidence: w.confidence })), said.is_final);
  if (said.depth && words.length) {
    tellDepth(said.depth);
    if (said.depth.actual_ms) fact("compute", `${Math.round(said.depth.actual_ms)} ms`);
  }
  if (words.length && live) {
    const now = live.tape.end / live.rate + (performance.now() - heardAt) / 1000;
    const behind = Math.max(0, now - offset - said.start - said.duration);
    fact("behind", behind < 1 ? `${Math.round(1000 * behind)} ms` : `${behind.toFixed(1)} s`);
  }
}

/* ---- level ---- */

function meter(peaks) {
  const level = $("level");
  while (level.children.length < Math.max(1, peaks.length)) level.append(document.createElement("i"));
  while (level.children.length > Math.max(1, peaks.length)) level.lastChild.remove();
  [...level.children].forEach((bar, c) => {
    const db = Math.max(-60, 20 * Math.log10((peaks[c] ?? 0) + 1e-6));
    bar.style.setProperty("--level", (db + 60) / 60);
    bar.classList.toggle("hot", db > -1);
  });
  const loudest = Math.round(Math.max(-60, 20 * Math.log10(Math.max(0, ...peaks) + 1e-6)));
  level.setAttribute("aria-valuenow", loudest);
  level.setAttribute("aria-valuetext", loudest > -1 ? "too loud" : loudest > -40 ? "good" : loudest > -55 ? "low" : "silent");
}
meter([]);

/* ---- recordings ---- */

let job = null; // the AbortController of the one that runs
const waiting = [];

async function recording(file) {
  const url = URL.createObjectURL(file);
  const take = transcript.begin(file.name);
  const cancel = job = new AbortController();
  let sent = 0, at = 0;
  const channels = settings.stereo;
  settings.showSpeakers(channels ? ["Left", "Right"] : [""]);
  const progress = () => {
    const bar = $("job-bar"), left = waiting.length ? `, ${waiting.length} more` : "";
    if (sent < 1) bar.value = sent;
    else if (length && at) bar.value = Math.min(1, at / length);
    else bar.removeAttribute("value");
    $("job-text").textContent = sent < 1 ? `Sending ${file.name}: ${Math.round(100 * sent)} %${left}`
      : `Listening to ${file.name}${at ? `: ${clock(at)}${length ? ` of ${clock(length)}` : ""}` : " …"}${left}`;
  };
  let length = null;
  $("job").hidden = false;
  state("working", "Transcribing…");
  progress();
  lengthOf(url).then((seconds) => { length = seconds; });
  try {
    const { duration, depth } = await transcribe(file, {
      key: settings.key, dials: settings.dials, channels, cancel: cancel.signal,
      tell: {
        sent: (share) => { sent = share; progress(); },
        words: (channel, words) => {
          at = words.at(-1)?.end ?? at;
          transcript.show(channel, words, true);
          progress();
        },
      },
    });
    take.length = Math.max(take.length, duration ?? 0);
    transcript.facts(`${clock(duration)} · depth ${depthText(depth)}`);
    tellDepth(depth);
    fact("compute", `${Math.round(depth.actual_ms)} ms`);
    if (transcript.take.segments.length === 0) notice("error", `No words were found in ${file.name}.`, "It may hold no speech, or speech that is very faint.");
    take.url = url;
    play(url);
  } catch (error) {
    URL.revokeObjectURL(url);
    if (error) troubled(error);
  } finally {
    transcript.end();
    job = null;
    $("job").hidden = true;
    state("idle", "Ready");
  }
}

async function recordings(files) {
  if (live || starting) return notice("error", "Captions are running.", "Press Stop first, then choose the recording again.");
  waiting.push(...files);
  if (job) return;
  quiet();
  while (waiting.length) await recording(waiting.shift());
}

$("job-stop").onclick = () => { waiting.length = 0; job?.abort(); };
$("file").onchange = () => { recordings([...$("file").files]); $("file").value = ""; };
$("source").addEventListener("change", () => { if (settings.source === "file") $("file").click(); });

for (const kind of ["dragenter", "dragover"])
  document.addEventListener(kind, (event) => {
    event.preventDefault();
    if (event.dataTransfer.types.includes("Files")) root.dataset.dropping = "";
  });
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) delete root.dataset.dropping; });
document.addEventListener("drop", (event) => {
  event.preventDefault();
  delete root.dataset.dropping;
  if (event.dataTransfer.files.length) recordings([...event.dataTransfer.files]);
});

/* A press on a word of a recording plays it from there. */
function play(url) {
  if ($("player").src !== url) $("player").src = url;
  $("player").hidden = false;
}
$("transcript").addEventListener("click", ({ target }) => {
  const take = target.word && transcript.takes.find(({ section }) => section.contains(target));
  if (!take?.url || !getSelection().isCollapsed) return;
  play(take.url);
  $("player").currentTime = target.word.start;
  $("player").play();
});

/* ---- copy and download ---- */

const nameOf = (channel) => (transcript.names.size > 1 ? transcript.names.get(channel) ?? "" : "");
const formats = { txt: [asText, "text/plain"], srt: [asSrt, "application/x-subrip"], vtt: [asVtt, "text/vtt"] };

$("copy").onclick = async () => {
  try {
    await navigator.clipboard.writeText(asText(transcript.content(), nameOf));
    $("copy").querySelector(".word").textContent = "Copied";
    setTimeout(() => { $("copy").querySelector(".word").textContent = "Copy"; }, 1500);
  } catch (error) {
    notice("error", "The text was not copied.", `The browser does not allow it here; Download works. It says: ${error.message}`);
  }
};

function menu(open) {
  $("formats").hidden = !open;
  $("save").setAttribute("aria-expanded", String(open));
  if (open) $("formats").querySelector("button").focus();
}
$("save").onclick = () => menu($("formats").hidden);
document.addEventListener("click", (event) => { if (!event.target.closest(".menu")) menu(false); });
$("formats").addEventListener("keydown", (event) => {
  const items = [...$("formats").querySelectorAll("button")], at = items.indexOf(document.activeElement);
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step) items[(at + step + items.length) % items.length].focus();
  if (event.key === "Escape") { menu(false); $("save").focus(); }
});
$("formats").addEventListener("click", ({ target }) => {
  const kind = target.closest("[data-format]")?.dataset.format;
  if (!kind) return;
  const [write, type] = formats[kind];
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([write(transcript.content(), nameOf)], { type }));
  link.download = `captions-${new Date().toISOString().slice(0, 16).replace(/[T:]/g, "-")}.${kind}`;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  menu(false);
});
$("clear").onclick = () => { if (!live && !job) { transcript.clear(); $("player").hidden = true; $("panel").close(); } };

/* ---- caption mode, keys ---- */

function captionMode(on) {
  root.dataset.mode = on ? "captions" : "transcript";
  $("captions").setAttribute("aria-pressed", String(on));
  if (!on && document.fullscreenElement) document.exitFullscreen();
  transcript.setFollowing(true);
  transcript.relax();
  requestAnimationFrame(() => transcript.follow(true));
  if (on) $("leave").focus({ preventScroll: true });
}
const fullScreen = () => (document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen?.().catch(() => {}));
$("captions").onclick = () => captionMode(root.dataset.mode !== "captions");
$("leave").onclick = () => { captionMode(false); $("captions").focus(); };
$("full").onclick = fullScreen;
$("lines").onclick = () => { settings.toggleLines(); transcript.follow(true); };
$("smaller").onclick = () => settings.resize(-10);
$("larger").onclick = () => settings.resize(10);

$("start").onclick = $("start-too").onclick = () => (live ? stop() : starting ? null : start());

const keys = {
  s: () => $("start").click(),
  c: () => captionMode(root.dataset.mode !== "captions"),
  f: fullScreen,
  j: () => transcript.jump(),
  "+": () => settings.resize(10),
  "-": () => settings.resize(-10),
};
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && root.dataset.mode === "captions" && !$("panel").open) captionMode(false);
  const typing = event.target.matches("input:not([type=range]):not([type=checkbox]), select, textarea") || $("panel").open;
  if (event.ctrlKey || event.altKey || event.metaKey || typing || !settings.shortcuts) return;
  if (/^[0-9]$/.test(event.key)) settings.setDepth(Number(event.key));
  else keys[event.key.toLowerCase()]?.();
});
// Tools of the caption mode show themselves when somebody is there.
let idle;
document.addEventListener("pointermove", () => {
  root.dataset.awake = "";
  clearTimeout(idle);
  idle = setTimeout(() => delete root.dataset.awake, 2500);
});
window.addEventListener("beforeunload", (event) => { if (live) event.preventDefault(); });
