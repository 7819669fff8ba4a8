/* A live stream that outlives its connection. Sound waits on a tape until a final has answered it; a new connection
 * begins where the last final ended, so that what was said meanwhile is heard, if later. */
import { Tape, Trouble } from "./sound.js";

const KEEP_S = 20 * 60;        // of sound, at most, while there is no connection
const BUFFER_BYTES = 256 << 10; // handed to the browser at once
const STUCK_MS = 15000;         // nothing leaves for so long: the connection is dead, whatever the browser thinks
const QUIET_S = 20;             // silence is told after so long, so that it need not be kept
const RETRY_MS = [300, 700, 1500, 3000, 5000];

/**
 * Asks the server, over HTTP, why a WebSocket was refused: a browser is not told. A Trouble that stays; or what will
 * pass: { full } or { away }; or nothing, where no reason is to be seen.
 */
async function whyRefused(key) {
  let answer, body;
  try {
    answer = await fetch("v1/listen", { method: "POST", body: "", headers: key ? { Authorization: `Token ${key}` } : {} });
    body = await answer.json();
  } catch {
    return { away: true };
  }
  if (answer.status === 401 || answer.status === 403)
    return new Trouble(key ? "The server does not know this key." : "This server asks for a key.",
      key ? "Look for a slip in Settings, or ask whoever runs the server for one." : "Put it in under Settings, then press Start again.", "key");
  if (answer.status === 429) return { full: true };
  if (answer.status >= 500) return { away: true };
  try {
    const { load } = await (await fetch("v1/capacity", { headers: key ? { Authorization: `Token ${key}` } : {} })).json();
    return load.live_streams >= load.max_live_streams || load.demand_at_floor >= load.headroom ? { full: true } : null;
  } catch {
    return { away: true };
  }
}

export class Live {
  /** tell: { state(name, detail), result(message, channel, offset_s), trouble(Trouble) } */
  constructor({ rate, channels, key, dials, tell }) {
    Object.assign(this, { rate, channels, key, dials, tell });
    this.tape = new Tape(channels, KEEP_S * rate);
    this.heard = new Array(channels).fill(0);     // frames that finals cover, by channel
    this.speaking = new Array(channels).fill(false);
    this.tries = 0;
    this.refusals = 0;
    this.cursor = 0;
    this.ending = this.over = false;
    this.floor = 1;
    this.quietSince = 0;
    this.pumping = setInterval(() => this.pump(), 50);
    this.online = () => { if (!this.socket) this.connect(); };
    window.addEventListener("online", this.online);
    this.connect();
  }

  connect() {
    if (this.over) return;
    clearTimeout(this.retry);
    this.tell.state(this.tries ? "reconnecting" : "connecting");
    const query = new URLSearchParams({ encoding: "linear16", sample_rate: this.rate, channels: this.channels,
      multichannel: this.channels > 1, interim_results: true, punctuate: true, vad_events: true, ...this.dials });
    const address = new URL(`v1/listen?${query}`, location.href.replace(/^http/, "ws"));
    const socket = this.socket = new WebSocket(address, this.key ? ["token", this.key] : []);
    let opened = false;
    socket.onopen = () => {
      opened = true;
      this.refusals = 0;
      this.base = this.cursor = Math.max(this.tape.start, Math.min(...this.heard));
      this.movedAt = performance.now();
      this.finishSent = false;
      this.quietSince = this.tape.end;
      this.speaking.fill(false);
      this.pump();
      this.tell.state(this.waits() > this.rate ? "catching-up" : "live");
    };
    socket.onmessage = ({ data }) => this.message(JSON.parse(data));
    socket.onclose = (event) => { if (this.socket === socket) this.closed(event, opened); };
  }

  message(said) {
    if (said.type === "SpeechStarted") this.speaking[said.channel[0]] = true;
    if (said.type !== "Results") return;
    this.tries = 0;
    const channel = said.channel_index[0], offset = this.base / this.rate;
    if (said.is_final) {
      this.heard[channel] = Math.max(this.heard[channel], Math.round((offset + said.start + said.duration) * this.rate));
      this.speaking[channel] = false;
      this.quietSince = this.tape.end;
      this.tape.trim(Math.min(...this.heard));
    }
    this.tell.result(said, channel, offset);
  }

  async closed({ code, reason }, opened) {
    this.socket = null;
    if (this.over) return;
    if (this.ending && this.finishSent && code === 1000) return this.end();
    if (code === 1008 || code === 1009)
      return this.fail(new Trouble("The server ended the stream.", reason || `It gave the code ${code}.`));
    let why = null;
    if (!opened) {
      why = await whyRefused(this.key);
      if (this.over) return;
      if (why instanceof Trouble) return this.fail(why);
      if (!why && ++this.refusals > 2)
        return this.fail(new Trouble("The server takes no stream from here.",
          "It may be full, or this key may have as many streams as its tier allows. Stop one of them, then press Start again.", "key"));
    }
    const wait = RETRY_MS[Math.min(this.tries++, RETRY_MS.length - 1)] * (0.8 + 0.4 * Math.random());
    this.tell.state("reconnecting", why);
    this.retry = setTimeout(() => this.connect(), wait);
  }

  /** Sound of a tenth of a second. */
  push(pcm, peaks) {
    if (this.ending || this.over) return;
    this.tape.push(pcm);
    const loud = Math.max(...peaks);
    this.floor = Math.min(this.floor * 1.01 + 1e-5, Math.max(loud, 1e-4)); // falls at once, rises in a minute
    if (loud > Math.max(0.004, 3 * this.floor)) this.loudAt = this.tape.end;
    this.pump();
  }

  /** Frames that have not been sent. */
  waits() {
    return this.tape.end - this.cursor;
  }

  pump() {
    const { socket } = this;
    if (!socket || socket.readyState !== WebSocket.OPEN) return;
    const now = performance.now();
    if (socket.bufferedAmount < BUFFER_BYTES) this.movedAt = now;
    else if (now - this.movedAt > STUCK_MS) return this.drop();
    while (socket.bufferedAmount < BUFFER_BYTES && this.waits() > 0) {
      const next = Math.min(this.tape.end, this.cursor + this.rate);
      socket.send(this.tape.read(this.cursor, next, this.heard));
      this.cursor = next;
      this.sentAt = now;
    }
    if (this.waits() === 0 && this.ending && !this.finishSent) {
      this.finishSent = true;
      socket.send('{"type":"CloseStream"}');
    }
    if (!this.ending && now - this.sentAt > 4000) {
      socket.send('{"type":"KeepAlive"}');
      this.sentAt = now;
    }
    this.tellQuiet();
  }

  /* Nobody speaks: a final without words lets the tape go. */
  tellQuiet() {
    const quiet = (frames) => this.tape.end - frames;
    if (this.ending || this.speaking.includes(true) || quiet(this.quietSince) < QUIET_S * this.rate ||
        quiet(this.loudAt ?? 0) < 2 * this.rate) return;
    this.quietSince = this.tape.end;
    this.socket.send('{"type":"Finalize"}');
  }

  /* A connection that is up and carries nothing. */
  drop() {
    const { socket } = this;
    this.socket = null;
    socket.close();
    this.closed({ code: 1006, reason: "" }, true);
  }

  /** Depth and latency from now on; the sentence that is open is heard anew. */
  configure(dials) {
    this.dials = dials;
    if (this.socket?.readyState === WebSocket.OPEN)
      this.socket.send(JSON.stringify({ type: "Configure", depth: null, partial_depth: null, latency_ms: null, partial_every_ms: null, ...dials }));
  }

  /** No more sound: the rest is heard, then the state is "done". */
  finish() {
    this.ending = true;
    this.tell.state("ending");
    this.pump();
    if (!this.socket) this.connect();
  }

  /** Gives up what is still waiting. */
  abandon() {
    this.end();
  }

  fail(trouble) {
    this.end();
    this.tell.trouble(trouble);
  }

  end() {
    if (this.over) return;
    this.over = true;
    clearInterval(this.pumping);
    clearTimeout(this.retry);
    window.removeEventListener("online", this.online);
    this.socket?.close();
    this.socket = null;
    this.tell.state("done");
  }
}
