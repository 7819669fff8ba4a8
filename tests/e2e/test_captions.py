"""The captions page in a real browser that hears recorded voices. What it looked like lies in build-check/captions."""

import hashlib
import json
import re
import time

import pytest
from websockets.sync.client import connect

import harness
from browser import Browser

SECOND = bytes(2 * harness.RATE)
STATE = "document.documentElement.dataset.state"


def talk(clips, pause_s=1.2, before_s=0.5):
    """Clips behind each other; silence behind ends the last one."""
    return SECOND[:int(before_s * harness.RATE) * 2] + b"".join(
        clip.pcm() + bytes(2 * int(pause_s * harness.RATE)) for clip in clips)


def seconds(pcm):
    return len(pcm) / 2 / harness.RATE


@pytest.fixture()
def hear(tmp_path):
    """Browsers whose microphone is these samples, spoken once."""
    opened = []

    def start(pcm=SECOND * 60):
        wav = tmp_path / f"microphone-{len(opened)}.wav"
        wav.write_bytes(harness.wav(pcm))
        opened.append(Browser(wav))
        return opened[-1]
    yield start
    for browser in opened:
        browser.__exit__()


def reference(clips):
    return " ".join(clip.text for clip in clips)


def word_errors(browser, clips):
    return harness.word_error_rate([(reference(clips), browser.finals())])


def stop(browser):
    browser.click("#start")
    browser.until(f"{STATE} === 'idle'", 30)


def test_text_appears_while_somebody_speaks_and_is_right_in_the_end(daemon, clips, deepest, hear):
    said = clips[1:4]
    browser = hear(talk(said) + SECOND * 20)
    browser.open(daemon.url)
    browser.until("document.getElementById('depth').max > 1" if deepest > 1 else "true")
    browser.shot("welcome")
    browser.click("#start")
    browser.until("document.querySelector('.open .maybe')", 10)  # faint: it may change
    browser.until("document.querySelector('.open .w:not(.maybe)')")  # two results agreed on it
    assert browser.finals() == "", "nothing is final while the first sentence is spoken"
    browser.until("document.querySelectorAll('.w').length > 30", 40)
    browser.shot("live")
    browser.until(f"document.querySelector('#transcript').textContent.includes('lakes')"
                  " && !document.querySelector('.open')", 60)
    # Words keep the time at which they were said, and show it.
    browser.do("await page.hover('.para .w >> nth=2')")
    assert re.fullmatch(r"0:0\d\.\d – 0:0\d\.\d · \d+ % sure", browser.text("#tip")[0])
    browser.shot("word-time")
    assert browser.text("#fact-depth") == [f"{deepest} of {deepest}"]
    assert re.fullmatch(r"\d+ ms", browser.text("#fact-compute")[0])
    assert re.fullmatch(r"[\d.]+ m?s", browser.text("#fact-behind")[0])
    stop(browser)
    assert word_errors(browser, said) < 0.25
    assert browser.text("#state-text") == ["Ready"] and browser.errors() == []


def test_what_was_said_can_be_taken_away(daemon, clips, hear):
    browser = hear(talk(clips[1:3]) + SECOND * 5)
    browser.open(daemon.url)
    assert browser.look("document.getElementById('save').disabled")
    browser.click("#start")
    browser.until("document.querySelectorAll('.w').length > 30 && !document.querySelector('.open')", 40)
    stop(browser)
    words = browser.finals()
    browser.click("#copy")
    assert browser.do("return page.evaluate(() => navigator.clipboard.readText())").split() == words.split()

    def download(kind):
        browser.click("#save")
        return browser.do("const [saved] = await Promise.all([page.waitForEvent('download'),"
                          f"page.click('[data-format={kind}]')]); const chunks = [];"
                          "for await (const chunk of await saved.createReadStream()) chunks.push(chunk);"
                          "return [saved.suggestedFilename(), Buffer.concat(chunks).toString()]")
    name, text = download("txt")
    assert name.endswith(".txt") and text.split() == words.split()
    name, srt = download("srt")
    cues = re.findall(r"(\d+)\n(\d\d:\d\d:\d\d,\d{3}) --> (\d\d:\d\d:\d\d,\d{3})\n((?:.+\n){1,2})", srt)
    assert [int(number) for number, *_ in cues] == list(range(1, len(cues) + 1)) and len(cues) >= 3
    assert " ".join(" ".join(lines.split()) for *_, lines in cues) == words
    assert all(len(line) <= 42 for *_, lines in cues for line in lines.splitlines())
    assert all(a < b for _, a, b, _ in cues) and all(a[1] <= b[1] for a, b in zip(cues, cues[1:]))
    name, vtt = download("vtt")
    assert vtt.startswith("WEBVTT\n\n00:00:") and vtt.count("-->") == len(cues)


AT_END = "(() => { const t = document.getElementById('transcript');" \
         " return t.scrollHeight - t.clientHeight - t.scrollTop < 50; })()"
SCROLLS = "(() => { const t = document.getElementById('transcript'); return t.scrollHeight > t.clientHeight + 100; })()"


def test_new_text_stays_in_view_unless_the_reader_scrolled_back(daemon, clips, hear):
    browser = hear(talk(clips, pause_s=1) + SECOND * 5)
    browser.do("await page.setViewportSize({ width: 700, height: 480 })")
    browser.open(daemon.url)
    browser.click("#start")
    browser.until(SCROLLS, 60)
    for _ in range(10):  # also while it grows
        browser.until(AT_END, 2)
        time.sleep(0.3)
    assert browser.look("document.scrollingElement.scrollHeight <= innerHeight"), "the page itself never scrolls"
    browser.do("await page.mouse.move(300, 200); await page.mouse.wheel(0, -300)")
    browser.until("!document.getElementById('now').hidden", 5)
    at = browser.look("document.getElementById('transcript').scrollTop")
    words = browser.look("document.querySelectorAll('.w').length")
    browser.until(f"document.querySelectorAll('.w').length > {words + 12}", 40)
    assert browser.look("document.getElementById('transcript').scrollTop") == at, "the reader stays where he is"
    browser.until("/new/.test(document.getElementById('now').textContent)", 40)
    browser.shot("scrolled-back")
    browser.click("#now")
    browser.until(f"{AT_END} && document.getElementById('now').hidden", 5)
    words = browser.look("document.querySelectorAll('.w').length")
    browser.until(f"document.querySelectorAll('.w').length > {words + 6} && {AT_END}", 40)


def test_lines_do_not_jump_while_words_change(daemon, clips, hear):
    browser = hear(talk([clips[3], clips[10]]) + SECOND * 5)
    browser.open(daemon.url)
    browser.click("#start")
    browser.until("document.querySelector('.open .w')", 10)
    # The first word of the open sentence, and the paragraph's height, from one frame to the next.
    jumps = browser.do("""return page.evaluate(() => new Promise((resolve) => {
      const seen = []; let last = null, left = 450;
      const look = () => {
        const open = document.querySelector('.open .w'), para = open?.closest('.para');
        if (para) {
          const now = { para, top: open.offsetTop, height: para.offsetHeight };
          if (last && last.para === para && last.word === open && (now.top !== last.top || now.height < last.height))
            seen.push([last.top, now.top, last.height, now.height]);
          last = { ...now, word: open };
        }
        if (left--) requestAnimationFrame(look); else resolve(seen);
      };
      look();
    }))""")
    assert jumps == []


def test_the_dials_act_while_somebody_speaks(daemon, clips, deepest, hear):
    browser = hear(talk([clips[10], clips[3], clips[10]], pause_s=0.3))
    browser.open(daemon.url)
    browser.until("document.getElementById('depth').max > 1" if deepest > 1 else "true")
    browser.click("#start")
    browser.until("document.querySelectorAll('.open .w').length > 3", 15)
    assert browser.text("#fact-depth") == [f"1 of {deepest}"]  # partials, as the server does them
    browser.do(f"await page.locator('#depth').fill('{deepest}')")
    browser.until(f"document.getElementById('fact-depth').textContent === '{deepest} of {deepest}'", 2)
    assert browser.text("#depth-text") == [f"{deepest} of {deepest}"]
    sent = [json.loads(text) for text in browser.do("return page.sent")]
    assert sent[-1] == {"type": "Configure", "depth": deepest, "partial_depth": deepest, "latency_ms": None,
                        "partial_every_ms": None}

    def changes(seconds):
        """How often the text changed."""
        return browser.do(f"""return page.evaluate(() => new Promise((resolve) => {{
          let count = 0;
          const watch = new MutationObserver(() => count++);
          watch.observe(document.getElementById('fact-behind'), {{ childList: true }});
          setTimeout(() => {{ watch.disconnect(); resolve(count); }}, {seconds * 1000});
        }}))""")
    usual = changes(3)
    browser.do("await page.locator('#latency').fill('1')")
    quick = changes(3)
    assert quick > 1.5 * usual, (usual, quick)
    browser.do("await page.keyboard.press('1')")  # a key, too
    browser.until(f"document.getElementById('fact-depth').textContent === '1 of {deepest}'", 3)


def test_no_word_is_lost_when_the_server_dies_and_comes_back(clips, hear):
    said = clips[1:6]
    pcm = talk(said, pause_s=0.8)
    browser = hear(pcm + SECOND * 20)
    with harness.Daemon() as daemon:
        browser.open(daemon.url)
        browser.click("#start")
        began = time.monotonic()
        browser.until("document.querySelectorAll('.w').length > 22", 40)  # within the second sentence
        daemon.process.kill()
        daemon.process.wait()
        assert "Keep talking" in browser.notice()
        browser.until("/Server away, [2-9] s of sound kept/.test(document.getElementById('state').textContent)", 12)
        browser.shot("server-away")
        time.sleep(5)
        daemon.__enter__()
        browser.until("document.getElementById('notice').hidden", 15)
        browser.until(f"['live', 'catching-up'].includes({STATE})", 15)
        time.sleep(max(0, seconds(pcm) + 2 - (time.monotonic() - began)))
        stop(browser)
        assert word_errors(browser, said) < 0.15, browser.finals()  # neither lost nor told twice
        times = browser.look("[...document.querySelectorAll('.w')].map((w) => w.word.start)")
        assert times == sorted(times) and times[-1] < seconds(pcm) + 1
        assert browser.errors() == []


def test_a_full_server_is_told_from_one_that_is_away(clips, hear):
    said = clips[1:3]
    browser = hear(talk(said) + SECOND * 20)
    with harness.Daemon("--max-live", 1) as daemon:
        with connect(f"{daemon.ws}/v1/listen?encoding=linear16&sample_rate=16000") as other:
            browser.open(daemon.url)
            browser.click("#start")
            assert "no room" in browser.notice() and "Keep talking" in browser.notice()
            browser.until("/Server full, [3-9] s of sound kept/.test(document.getElementById('state').textContent)", 15)
            other.send('{"type": "CloseStream"}')
            for _ in other:
                pass
        browser.until(f"['live', 'catching-up'].includes({STATE}) && document.getElementById('notice').hidden", 30)
        browser.until("document.querySelectorAll('.w').length > 30 && !document.querySelector('.open')", 40)
        stop(browser)
        assert word_errors(browser, said) < 0.25


def test_caption_mode_shows_the_last_lines_and_nothing_else(daemon, clips, hear):
    browser = hear(talk(clips) + SECOND * 5)
    browser.open(daemon.url)
    browser.click("#start")
    browser.until("document.querySelectorAll('.w').length > 8", 20)
    browser.do("await page.keyboard.press('c')")
    browser.until("document.querySelectorAll('.w').length > 40", 40)

    def lines():
        return browser.look("(() => { const t = document.getElementById('transcript'), s = getComputedStyle(t);"
                            " return Math.round(10 * t.clientHeight / parseFloat(s.lineHeight)) / 10; })()")
    assert lines() == 3
    shown = "(() => { const t = document.getElementById('transcript').getBoundingClientRect();" \
            " const w = [...document.querySelectorAll('.w')].at(-1).getBoundingClientRect();" \
            " return w.top >= t.top - 4 && w.bottom <= t.bottom + 4; })()"
    for _ in range(8):
        browser.until(shown, 2)
        time.sleep(0.25)
    assert browser.look("getComputedStyle(document.querySelector('.dock')).display") == "none"
    assert browser.look("parseFloat(getComputedStyle(document.getElementById('transcript')).fontSize)") > 60
    browser.shot("caption-mode")
    browser.do("await page.mouse.move(400, 300); await page.waitForTimeout(400)")
    browser.click("#lines")
    assert lines() == 2
    assert browser.axe() == []
    browser.do("await page.keyboard.press('Escape')")
    assert browser.look("document.documentElement.dataset.mode") == "transcript"


def test_recordings_have_a_bar_a_title_and_an_end(daemon, clips, deepest, hear):
    browser = hear()
    browser.open(daemon.url)
    files = json.dumps([str(clips[2].path), str(clips[3].path)])
    browser.do(f"await page.setInputFiles('#file', {files})")
    browser.until(f"document.querySelectorAll('.take').length === 2 && {STATE} === 'idle'")
    assert browser.text(".take-head h3") == [clips[2].path.name, clips[3].path.name]
    assert all(f"depth {deepest} of {deepest}" in facts for facts in browser.text(".take-facts"))
    takes = browser.text(".take .said")
    assert harness.word_error_rate(list(zip([clips[2].text, clips[3].text], takes))) < 0.2
    browser.do("await page.click('.take:last-child .w >> nth=4')")  # a word plays from there
    browser.until("document.getElementById('player').currentTime > 0.3", 10)
    browser.shot("recordings")
    # Long ones show how far they are, and can be left.
    hour = bytes(2 * harness.RATE) + clips[2].pcm() * 120
    browser.do("await page.route('**/v1/audio/transcriptions', async (route) => {"
               "  await new Promise((resolve) => setTimeout(resolve, 1500)); await route.continue(); })")
    path = harness.ROOT / "build-check/captions/long.wav"
    path.write_bytes(harness.wav(hour))
    browser.do(f"await page.setInputFiles('#file', {json.dumps(str(path))})")
    browser.until("!document.getElementById('job').hidden && /long.wav/.test(document.getElementById('job-text').textContent)")
    browser.shot("progress")
    browser.click("#job-stop")
    browser.until(f"document.getElementById('job').hidden && {STATE} === 'idle'", 10)
    path.unlink()
    assert len(browser.text(".take")) == 2 and browser.errors() == []


def test_each_channel_of_a_recording_may_be_a_speaker(daemon, clips, hear, tmp_path):
    left, right = clips[2], clips[5]
    stereo = tmp_path / "interview.wav"
    harness.sox("-M", left.path, right.path, stereo)
    browser = hear()
    browser.open(daemon.url)
    browser.do("await page.check('#channels', { force: true }).catch(() => {});"
               "await page.evaluate(() => { document.getElementById('channels').checked = true; })")
    browser.do(f"await page.setInputFiles('#file', {json.dumps(str(stereo))})")
    browser.until(f"document.querySelector('.take .w') && {STATE} === 'idle'")
    whose = browser.look("[...document.querySelectorAll('.para')].map((p) =>"
                         " [p.querySelector('.who').textContent, p.querySelector('.said').textContent])")
    said = {name: " ".join(text for who, text in whose if who == name) for name in ("Left", "Right")}
    assert harness.word_error_rate([(left.text, said["Left"]), (right.text, said["Right"])]) < 0.3


NO_SOUND = """await context.addInitScript(() => {
  navigator.mediaDevices.getDisplayMedia = async () => document.createElement('canvas').captureStream();
})"""
TAB = """await context.addInitScript(() => {
  navigator.mediaDevices.getDisplayMedia = async () => {
    const context = new AudioContext(), to = context.createMediaStreamDestination(), tone = context.createOscillator();
    tone.connect(to); tone.start();
    return to.stream;
  };
})"""


def test_a_microphone_and_a_tab_are_two_speakers(daemon, clips, hear):
    browser = hear(talk(clips[1:2]) + SECOND * 30)
    browser.do(TAB)
    browser.open(daemon.url)
    browser.do("await page.selectOption('#source', 'both')")
    browser.click("#start")
    browser.until("document.querySelector('.who')?.textContent === 'Microphone' && !document.querySelector('.open')", 30)
    assert browser.look("document.querySelectorAll('#level i').length") == 2
    browser.click("#settings")
    browser.do("await page.fill('#speakers input >> nth=0', 'Ada')")
    assert browser.text(".who") == ["Ada"] * len(browser.text(".who"))
    assert browser.axe() == []
    browser.click("#panel-close")
    stop(browser)
    assert word_errors(browser, clips[1:2]) < 0.3


def test_trouble_is_said_where_the_eye_is_with_what_to_do(daemon, clips, hear, tmp_path):
    notes = tmp_path / "notes.txt"
    notes.write_text("no sound at all")
    browser = hear()
    browser.do(NO_SOUND)
    browser.open(daemon.url)
    browser.do("await page.selectOption('#source', 'tab')")
    browser.click("#start")
    assert "without its sound" in browser.notice() and "tick" in browser.notice()
    # Also with a screen full of text.
    for clip in clips[:6]:
        browser.do(f"await page.setInputFiles('#file', {json.dumps(str(clip.path))})")
        browser.until(f"document.querySelectorAll('.take').length > {clips.index(clip)} && {STATE} === 'idle'")
    browser.do(f"await page.setInputFiles('#file', {json.dumps(str(notes))})")
    browser.until("document.getElementById('notice-title').textContent.includes('notes.txt')")
    assert "wav, flac, mp3" in browser.notice()
    browser.shot("error")
    assert browser.axe() == []
    browser.click("#notice-close")
    assert browser.look("document.getElementById('notice').hidden")
    # A microphone that is muted.
    browser.do("await page.selectOption('#source', 'microphone')")
    browser.click("#start")
    assert "No sound comes in" in browser.notice()


def test_no_microphone_and_one_that_is_refused_are_told_apart(daemon, hear):
    with Browser() as browser:  # this machine has none
        browser.open(daemon.url)
        browser.click("#start")
        assert re.search("There is no microphone|is blocked", browser.notice())
        browser.do("await context.addInitScript(() => { navigator.mediaDevices.getUserMedia = async () => {"
                   " throw new DOMException('Permission denied', 'NotAllowedError'); }; })")
        browser.open(daemon.url)
        browser.click("#start")
        assert "blocked" in browser.notice() and "Allow it" in browser.notice()
        assert browser.text("#start-text") == ["Start"]


def test_a_wrong_key_is_told_from_a_missing_one(clips, hear, tmp_path):
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps({"tiers": [{"name": "all"}], "keys": [
        {"sha256": hashlib.sha256(b"open-sesame").hexdigest(), "tier": "all", "name": "ann"}]}))
    browser = hear(talk(clips[1:2]) + SECOND * 20)
    with harness.Daemon("--keys", keys) as daemon:
        browser.open(daemon.url)
        browser.click("#start")
        assert "asks for a key" in browser.notice()
        browser.click("#notice-act")
        browser.do("await page.fill('#key', 'abracadabra'); await page.keyboard.press('Escape')")
        browser.click("#start")
        browser.until("document.getElementById('notice-title').textContent.includes('does not know')")
        browser.do(f"await page.setInputFiles('#file', {json.dumps(str(clips[2].path))})")
        browser.until("document.getElementById('notice-text').textContent.includes('recording again')")
        browser.do("await page.click('#settings'); await page.fill('#key', 'open-sesame');"
                   "await page.keyboard.press('Escape')")
        browser.do(f"await page.setInputFiles('#file', {json.dumps(str(clips[2].path))})")
        browser.until("document.querySelector('.take .w')")
        browser.until(f"{STATE} === 'idle'")
        browser.click("#start")
        browser.until(f"{STATE} === 'live'", 10)
        stop(browser)


def test_it_can_be_read_by_everybody(daemon, clips, hear):
    browser = hear(talk(clips[1:4]) + SECOND * 30)
    browser.open(daemon.url)
    assert browser.axe() == []
    browser.click("#start")
    browser.until("document.querySelectorAll('.w').length > 25", 40)
    for scheme, theme in [("light", "auto"), ("dark", "auto"), ("light", "light"), ("light", "dark"), ("light", "contrast")]:
        browser.do(f"await page.emulateMedia({{ colorScheme: '{scheme}', reducedMotion: 'reduce' }});"
                   f"await page.evaluate(() => {{ document.documentElement.dataset.theme = '{theme}'; }})")
        assert browser.axe() == [], (scheme, theme)
        paper = browser.look("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]")
        assert (paper < 40) == (scheme == "dark" or theme in ("dark", "contrast"))
        browser.shot(f"{scheme}-{theme}")
    browser.do("await page.setViewportSize({ width: 390, height: 844 });"
               "await page.evaluate(() => { document.documentElement.dataset.theme = 'auto'; })")
    assert browser.look("document.scrollingElement.scrollWidth <= innerWidth")
    assert browser.look("(() => { const b = document.getElementById('start').getBoundingClientRect();"
                        " return b.bottom <= innerHeight && b.height >= 44; })()")
    assert browser.axe() == []
    browser.shot("phone")
    browser.click("#settings")
    assert browser.axe() == []
    browser.shot("phone-settings")


def test_a_screen_reader_hears_each_sentence_once(daemon, clips, hear):
    said = clips[1:4]
    browser = hear(talk(said) + SECOND * 20)
    browser.open(daemon.url)
    assert browser.look("document.querySelector('#transcript').closest('[aria-live]')") is None
    browser.do("""await page.evaluate(() => {
      window.read = []; window.states = [];
      new MutationObserver(() => window.states.push(document.querySelector('[role=status]').textContent)).observe(
        document.querySelector('[role=status]'), { childList: true, subtree: true, characterData: true });
      new MutationObserver((changes) => changes.forEach(({ addedNodes }) =>
        addedNodes.forEach((node) => window.read.push(node.textContent)))).observe(
        document.getElementById('log'), { childList: true, subtree: true, characterData: true });
    })""")
    browser.click("#start")
    browser.until("window.read.length >= 3 && !document.querySelector('.open')", 60)
    states = browser.look("window.states")
    assert set(states) <= {"Opening…", "Connecting…", "Live"} and len(states) < 6, "no seconds are counted aloud"
    stop(browser)
    assert " ".join(browser.look("window.read")) == browser.finals()
    assert browser.look("document.getElementById('log').getAttribute('aria-live')") == "polite"


def test_the_keyboard_reaches_everything(daemon, hear):
    browser = hear()
    browser.open(daemon.url)
    reached = []
    for _ in range(12):
        browser.do("await page.keyboard.press('Tab')")
        reached.append(browser.look("document.activeElement.id"))
    assert {"captions", "settings", "transcript", "start", "source", "depth", "latency"} <= set(reached), reached
    assert browser.look("getComputedStyle(document.activeElement).outlineStyle") != "none"
    browser.do("await page.locator('body').press('s')")
    browser.until(f"{STATE} === 'live'", 10)
    browser.do("await page.keyboard.press('s')")
    browser.until(f"{STATE} === 'idle'", 20)
    browser.do("await page.click('#settings'); await page.uncheck('#keys-on'); await page.keyboard.press('Escape')")
    browser.do("await page.keyboard.press('c')")
    assert browser.look("document.documentElement.dataset.mode") == "transcript"
