/* Where sound comes from: a microphone, a tab, or both; and the tape that keeps what the server has not heard. */

/** Something that a person has to do; said in the notice. */
export class Trouble extends Error {
  constructor(title, text, act = null) {
    super(`${title} ${text}`);
    Object.assign(this, { title, text, act });
  }
}

const RATE = 16000;

async function microphone(device, stereo) {
  if (!navigator.mediaDevices?.getUserMedia)
    throw new Trouble("The browser keeps the microphone to itself.",
      "It gives it only to pages from https:// or from this machine (localhost). Ask whoever runs this server for an https address.");
  const audio = {
    ...(device && { deviceId: { exact: device } }),
    ...(stereo ? { channelCount: 2, echoCancellation: false, noiseSuppression: false, autoGainControl: false } : { channelCount: 1 }),
  };
  try {
    return await navigator.mediaDevices.getUserMedia({ audio });
  } catch (error) {
    if (error.name === "NotAllowedError")
      throw new Trouble("The microphone is blocked.",
        "Allow it for this page, in the address bar or in the browser's settings, then press Start again.");
    if (error.name === "NotFoundError" || error.name === "OverconstrainedError")
      throw new Trouble("There is no microphone.", "Plug one in or switch it on, then press Start again. A recording works without one.");
    throw new Trouble("The microphone does not open.", `Another program may hold it. The browser says: ${error.message}`);
  }
}

async function tab() {
  if (!navigator.mediaDevices?.getDisplayMedia)
    throw new Trouble("This browser cannot share a tab's sound.", "Chrome and Edge on a computer can. The microphone works here.");
  let media;
  try {
    media = await navigator.mediaDevices.getDisplayMedia({ video: true, audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false } });
  } catch (error) {
    if (error.name === "NotAllowedError")
      throw new Trouble("Nothing was shared.", "Press Start again and choose a tab; tick “Also share tab audio”.");
    throw new Trouble("The tab cannot be shared.", `The browser says: ${error.message}`);
  }
  if (!media.getAudioTracks().length) {
    media.getTracks().forEach((track) => track.stop());
    throw new Trouble("That tab was shared without its sound.", "Press Start again and tick “Also share tab audio” beside the tab's name.");
  }
  media.getVideoTracks().forEach((track) => track.stop());
  return media;
}

/* At the recogniser's own rate where the browser converts (Firefox does not). */
function connect(medias) {
  for (const options of [{ sampleRate: RATE }, {}]) {
    const context = new AudioContext(options);
    try {
      return { context, sources: medias.map((media) => context.createMediaStreamSource(new MediaStream(media.getAudioTracks()))) };
    } catch (error) {
      context.close();
      if (!("sampleRate" in options)) throw error;
    }
  }
}

/**
 * Opens a source, kind "microphone" (of a device, or the usual one), "tab" or "both": { rate, channels, names, stop() }. hear(pcm, peaks): Int16Array, frames interleaved, and the peak of
 * each channel, ten times a second. ended(): the source went away (unplugged, "Stop sharing").
 */
export async function openSound(kind, device, stereo, hear, ended) {
  const medias = [];
  const stop = () => medias.forEach((media) => media.getTracks().forEach((track) => track.stop()));
  try {
    // The tab first: browsers ask for it only right after a press.
    if (kind !== "microphone") medias.push(await tab());
    if (kind !== "tab") medias.unshift(await microphone(device, kind === "microphone" && stereo));
    const { context, sources } = connect(medias);
    const pair = kind === "both";
    const channels = pair || stereo ? 2 : 1;
    await context.audioWorklet.addModule("captions/worklet.js");
    const node = new AudioWorkletNode(context, "samples", {
      numberOfOutputs: 0, channelCount: channels, channelCountMode: "explicit", processorOptions: { channels } });
    node.port.onmessage = ({ data }) => hear(data.pcm, data.peaks);
    if (pair) {
      const merger = context.createChannelMerger(2);
      sources.forEach((source, index) => {
        const mono = new GainNode(context, { channelCount: 1, channelCountMode: "explicit" });
        source.connect(mono).connect(merger, 0, index);
      });
      merger.connect(node);
    } else {
      sources[0].connect(node);
    }
    medias.flatMap((media) => media.getAudioTracks()).forEach((track) => track.addEventListener("ended", () => ended(track)));
    await context.resume();
    return {
      rate: context.sampleRate,
      channels,
      names: pair ? ["Microphone", "Tab"] : channels === 2 ? ["Left", "Right"] : [""],
      stop: () => { stop(); context.close(); },
    };
  } catch (error) {
    stop();
    throw error;
  }
}

/**
 * Sound by its place in time: frames are counted from the start. What the server has answered with finals is let go;
 * of the rest the last `keep` frames stay, so that a connection that breaks loses none of it.
 */
export class Tape {
  constructor(channels, keep) {
    Object.assign(this, { channels, keep, start: 0, end: 0, lost: 0, pieces: [] });
  }

  push(pcm) {
    this.pieces.push(pcm);
    this.end += pcm.length / this.channels;
    if (this.end - this.start > this.keep) this.lost += this.trim(this.end - this.keep);
  }

  /** Lets go of what is before a frame; only whole pieces go. Returns how many frames went. */
  trim(frame) {
    const before = this.start;
    while (this.pieces.length && this.start + this.pieces[0].length / this.channels <= frame)
      this.start += this.pieces.shift().length / this.channels;
    return this.start - before;
  }

  /** Frames from..to (at most), as a copy; silence[c]: before that frame channel c is made silent. */
  read(from, to, silence) {
    const { channels } = this;
    from = Math.max(from, this.start);
    to = Math.min(to, this.end);
    const out = new Int16Array(Math.max(0, to - from) * channels);
    let at = this.start;
    for (const piece of this.pieces) {
      const next = at + piece.length / channels;
      if (next > from && at < to) {
        const first = Math.max(from, at), last = Math.min(to, next);
        out.set(piece.subarray((first - at) * channels, (last - at) * channels), (first - from) * channels);
      }
      if ((at = next) >= to) break;
    }
    silence.forEach((frame, c) => {
      for (let f = from; f < Math.min(frame, to); f++) out[(f - from) * channels + c] = 0;
    });
    return out;
  }
}
