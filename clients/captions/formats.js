/* A transcript as text and as subtitles. Pure: takes = [{ title, segments }], segments = [{ channel, words }],
 * words = [{ text, start, end }] in seconds. */

const WIDTH = 42, LINES = 2, LONGEST_S = 6, PAUSE_S = 1.2;

const pad = (value, width) => String(value).padStart(width, "0");

/** Hours, minutes, seconds and thousandths of them; mark: what stands before these. */
export function stamp(seconds, mark) {
  const ms = Math.max(0, Math.round(seconds * 1000));
  return `${pad(Math.floor(ms / 3600000), 2)}:${pad(Math.floor(ms / 60000) % 60, 2)}:${pad(Math.floor(ms / 1000) % 60, 2)}${mark}${pad(ms % 1000, 3)}`;
}

/** 1:02, or 1:02:03. */
export function clock(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  const minutes = Math.floor(s / 60);
  return minutes < 60 ? `${minutes}:${pad(s % 60, 2)}` : `${Math.floor(minutes / 60)}:${pad(minutes % 60, 2)}:${pad(s % 60, 2)}`;
}

const saying = (words) => words.map((word) => word.text).join(" ");

/* Words in lines no wider than WIDTH; a longer word has a line of its own. */
function fold(words) {
  const lines = [];
  for (const { text } of words) {
    const last = lines.length - 1;
    if (last >= 0 && lines[last].length + 1 + text.length <= WIDTH) lines[last] += ` ${text}`;
    else lines.push(text);
  }
  return lines;
}

/** Cues of two lines at most, cut at pauses and sentences where one has been going on for a while. */
export function cues(segments) {
  const all = [];
  for (const { channel, words } of segments) {
    let cue = [];
    const close = () => {
      if (cue.length) all.push({ channel, start: cue[0].start, end: cue[cue.length - 1].end, lines: fold(cue) });
      cue = [];
    };
    for (const word of words) {
      const last = cue[cue.length - 1];
      const over = last && (fold([...cue, word]).length > LINES || word.end - cue[0].start > LONGEST_S ||
        word.start - last.end > PAUSE_S || (/[.?!]$/.test(last.text) && saying(cue).length > WIDTH));
      if (over) close();
      cue.push(word);
    }
    close();
  }
  all.sort((a, b) => a.start - b.start);
  // Long enough to be read, where the next one of that speaker leaves the time.
  all.forEach((cue, i) => {
    const next = all.slice(i + 1).find((other) => other.channel === cue.channel);
    cue.end = Math.max(cue.end, Math.min(cue.start + 1.2, next ? next.start : Infinity));
  });
  return all;
}

/* Takes follow each other on one clock. */
function inOneClock(takes) {
  let base = 0;
  return takes.flatMap(({ segments, length }) => {
    const moved = segments.map((s) => ({ ...s, words: s.words.map((w) => ({ ...w, start: w.start + base, end: w.end + base })) }));
    base += Math.max(length ?? 0, ...segments.map((s) => s.words.at(-1)?.end ?? 0));
    return moved;
  });
}

const named = (name, text) => (name ? `${name}: ${text}` : text);

export function asText(takes, nameOf) {
  return takes.map(({ title, segments }) => {
    const lines = [];
    let last = null;
    for (const { channel, words } of segments) {
      if (!words.length) continue;
      const gap = last && words[0].start - last.end;
      if (last && last.channel === channel && gap < 3) lines[lines.length - 1] += ` ${saying(words)}`;
      else lines.push(named(nameOf(channel), saying(words)));
      last = { channel, end: words.at(-1).end };
    }
    return (takes.length > 1 ? `${title}\n\n` : "") + lines.join("\n");
  }).join("\n\n") + "\n";
}

export function asSrt(takes, nameOf) {
  return cues(inOneClock(takes)).map((cue, i) =>
    `${i + 1}\n${stamp(cue.start, ",")} --> ${stamp(cue.end, ",")}\n${named(nameOf(cue.channel), cue.lines.join("\n"))}\n`).join("\n");
}

const escaped = (text) => text.replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");

export function asVtt(takes, nameOf) {
  return "WEBVTT\n" + cues(inOneClock(takes)).map((cue) => {
    const name = nameOf(cue.channel);
    return `\n${stamp(cue.start, ".")} --> ${stamp(cue.end, ".")}\n${name ? `<v ${escaped(name)}>` : ""}${escaped(cue.lines.join("\n"))}\n`;
  }).join("");
}
