/* What was said: takes of segments of words, and how they are shown. Words that stand are never touched again, so
 * lines do not jump; of those that may change, the ones that two results agree on are solid already. */
import { clock } from "./formats.js";

const PARAGRAPH_S = 3;       // a pause that begins a new one
const PARAGRAPH_WORDS = 70;  // after so many words, a sentence's end does
const NEAR_PX = 48;          // so far from the end counts as being there

const element = (name, className = "", text = "") => {
  const made = document.createElement(name);
  if (className) made.className = className;
  made.textContent = text;
  return made;
};

const plain = (text) => text.toLowerCase().replace(/[^\p{L}\p{N}']/gu, "");

export class Transcript {
  /** changed(): what can be copied or saved is different. */
  constructor({ view, now, log, tip, changed }) {
    Object.assign(this, { view, now, log, tip, changed, takes: [], names: new Map(), following: true, missed: 0 });
    this.take = null;
    this.top = 0;
    view.addEventListener("scroll", () => this.scrolled());
    now.addEventListener("click", () => this.jump());
    new ResizeObserver(() => { this.relax(); this.follow(true); }).observe(view);
    view.addEventListener("pointerover", (event) => this.point(event));
    view.addEventListener("pointerleave", () => { tip.hidden = true; });
  }

  /* ---- takes: one press of Start, or one recording ---- */

  begin(title) {
    this.end();
    document.getElementById("welcome")?.remove();
    const section = element("section", "take");
    const head = element("header", "take-head");
    head.append(element("h3", "", title), element("span", "take-facts"));
    section.append(head);
    this.view.append(section);
    this.take = { title, segments: [], section, open: new Map(), last: null, length: 0 };
    this.takes.push(this.take);
    this.follow();
    return this.take;
  }

  facts(text) {
    if (this.take) this.take.section.querySelector(".take-facts").textContent = text;
  }

  /** What was open stays as it is: nothing more comes. A take without words goes. */
  end() {
    const { take } = this;
    if (!take) return;
    for (const [channel, open] of take.open) this.close(take, channel, open.words);
    if (!take.segments.length) {
      take.section.remove();
      this.takes = this.takes.filter((other) => other !== take);
    }
    this.take = null;
    this.changed();
  }

  clear() {
    this.take = null;
    this.takes = [];
    this.view.replaceChildren();
    this.log.replaceChildren();
    this.changed();
  }

  get isEmpty() {
    return !this.takes.some((take) => take.segments.length);
  }

  /** For formats.js: in the order in which they began. */
  content() {
    return this.takes.filter((take) => take.segments.length).map(({ title, segments, length }) => ({
      title, length, segments: [...segments].sort((a, b) => a.words[0].start - b.words[0].start) }));
  }

  /* ---- words ---- */

  /** A text that may change, or one that will not, of a channel of the take. */
  show(channel, words, final) {
    const { take } = this;
    if (!take) return;
    const open = take.open.get(channel);
    if (final) return this.close(take, channel, words);
    if (!words.length && !open) return;
    this.write(take, channel, words, open ?? this.open(take, channel, words));
    this.follow();
  }

  open(take, channel, words) {
    const { last } = take;
    const joins = last && last.channel === channel && take.open.size === 0 && words[0].start - last.end < PARAGRAPH_S &&
      (last.count < PARAGRAPH_WORDS || !last.sentence);
    const paragraph = joins ? last.paragraph : this.paragraph(take, channel, words[0].start);
    const text = paragraph.querySelector(".said");
    const span = element("span", "open");
    if (joins) text.append(" ");
    text.append(span);
    const open = { paragraph, span, words: [], nodes: [], count: joins ? last.count : 0 };
    take.open.set(channel, open);
    return open;
  }

  paragraph(take, channel, start) {
    const paragraph = element("p", `para speaker-${channel % 8}`);
    paragraph.dataset.channel = channel;
    const time = element("time", "", clock(start));
    time.dateTime = `PT${start.toFixed(1)}S`;
    paragraph.append(time, element("b", "who", this.names.get(channel) ?? ""), element("span", "said"));
    take.section.append(paragraph);
    return paragraph;
  }

  /* Keeps the nodes of words that have not changed. */
  write(take, channel, words, open) {
    const { nodes } = open;
    let settled = 0;
    while (settled < words.length && settled < open.words.length && plain(words[settled].text) === plain(open.words[settled].text)) settled++;
    words.forEach((word, i) => {
      let node = nodes[i];
      if (!node) {
        if (i) open.span.append(" ");
        open.span.append(node = nodes[i] = element("span", "w"));
      }
      if (node.textContent !== word.text) node.textContent = word.text;
      node.classList.toggle("maybe", i >= settled);
      node.word = word;
    });
    while (nodes.length > words.length) {
      const node = nodes.pop();
      if (node.previousSibling) node.previousSibling.remove(); // the space
      node.remove();
    }
    open.words = words;
    // A text that becomes shorter keeps its room until it is final: what is above stays where it is.
    const { paragraph } = open, height = paragraph.offsetHeight;
    if (!(parseFloat(paragraph.style.minHeight) >= height)) paragraph.style.minHeight = `${height}px`;
  }

  /** Lines are of another length: paragraphs that may still change find their height anew. */
  relax() {
    this.take?.open.forEach(({ paragraph }) => { paragraph.style.minHeight = ""; });
  }

  close(take, channel, words) {
    let open = take.open.get(channel);
    if (!words.length) {
      if (open) this.discard(take, channel, open);
      return;
    }
    open ??= this.open(take, channel, words);
    this.write(take, channel, words, open);
    open.nodes.forEach((node) => node.classList.remove("maybe"));
    open.span.classList.remove("open");
    open.paragraph.style.minHeight = "";
    take.open.delete(channel);
    take.segments.push({ channel, words });
    take.length = Math.max(take.length, words.at(-1).end);
    take.last = { channel, paragraph: open.paragraph, end: words.at(-1).end, count: open.count + words.length, sentence: /[.?!]$/.test(words.at(-1).text) };
    this.speak(channel, words);
    if (!this.following) this.tellMissed(++this.missed);
    this.changed();
    this.follow();
  }

  discard(take, channel, open) {
    take.open.delete(channel);
    const said = open.span.parentNode;
    open.span.remove();
    if (!said.querySelector(".w")) open.paragraph.remove();
    else open.paragraph.style.minHeight = "";
  }

  /* For screen readers: finals only, each once. */
  speak(channel, words) {
    const name = this.names.get(channel);
    this.log.append(element("p", "", (name ? `${name}: ` : "") + words.map((word) => word.text).join(" ")));
    while (this.log.children.length > 3) this.log.firstChild.remove();
  }

  name(channel, name) {
    this.names.set(channel, name);
    this.view.querySelectorAll(`.para[data-channel="${channel}"] .who`).forEach((who) => {
      if (who.closest(".take") === this.take?.section) who.textContent = name;
    });
  }

  /* ---- where the reader is ---- */

  get atEnd() {
    const { view } = this;
    return view.scrollHeight - view.clientHeight - view.scrollTop < NEAR_PX;
  }

  scrolled() {
    this.tip.hidden = true;
    const { view } = this;
    if (this.atEnd) this.setFollowing(true);
    else if (view.scrollTop < this.top - 2) this.setFollowing(false); // only a reader scrolls up
    this.top = view.scrollTop;
  }

  setFollowing(following) {
    if (following) this.missed = 0;
    if (this.following === following) return;
    this.following = following;
    this.now.hidden = following;
    this.tellMissed(this.missed);
  }

  tellMissed(count) {
    this.now.lastChild.textContent = count ? `Jump to now · ${count} new` : "Jump to now";
  }

  follow(atOnce = false) {
    if (!this.following) return;
    const { view } = this;
    const far = view.scrollHeight - view.clientHeight - view.scrollTop;
    if (far < 1) return;
    const still = atOnce || far > view.clientHeight || matchMedia("(prefers-reduced-motion: reduce)").matches;
    view.scrollTo({ top: view.scrollHeight, behavior: still ? "instant" : "smooth" });
  }

  jump() {
    this.setFollowing(true);
    this.follow(true);
    this.view.focus({ preventScroll: true });
  }

  /* ---- when a word was said ---- */

  point({ target }) {
    const { word } = target, { tip } = this;
    tip.hidden = !word;
    if (!word) return;
    const sure = word.confidence === undefined ? "" : ` · ${Math.round(100 * word.confidence)} % sure`;
    tip.textContent = `${clock(word.start)}.${Math.floor(word.start * 10) % 10} – ${clock(word.end)}.${Math.floor(word.end * 10) % 10}${sure}`;
    const at = target.getBoundingClientRect(), room = tip.getBoundingClientRect();
    tip.style.left = `${Math.max(8, Math.min(innerWidth - room.width - 8, at.left + at.width / 2 - room.width / 2))}px`;
    tip.style.top = `${at.top - room.height - 6 > 0 ? at.top - room.height - 6 : at.bottom + 6}px`;
  }
}
