"""A headless Chromium whose microphone is a recording, by captions_browser.cjs. NODE_PATH holds what it needs (./check)."""

import json
import pathlib
import shutil
import subprocess

import harness

HERE = pathlib.Path(__file__).parent
# What the tests saw; ./check keeps it as an artefact.
SHOTS = harness.ROOT / "build-check/captions"


class Browser:
    def __init__(self, wav=None):
        chromium = shutil.which("chromium")
        assert chromium, "there is no chromium: deploy/install-packages.sh test"
        command = ["node", str(HERE / "captions_browser.cjs"), chromium, *([str(wav)] if wav else [])]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        SHOTS.mkdir(parents=True, exist_ok=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()

    def do(self, code):
        """Runs the body of an async function of page (playwright's) -> what it returns."""
        self.process.stdin.write(json.dumps({"code": code}) + "\n")
        self.process.stdin.flush()
        answer = json.loads(self.process.stdout.readline())
        assert "error" not in answer, f"{code}\n{answer['error']}"
        return answer["value"]

    def open(self, url):
        self.do(f"await page.goto({json.dumps(url)})")

    def look(self, expression):
        """Value of an expression in the page."""
        return self.do(f"return page.evaluate(() => {expression})")

    def until(self, expression, seconds=30):
        """Waits for an expression of the page to be true -> its value."""
        return self.do(f"return (await page.waitForFunction(() => {expression}, null, "
                       f"{{ timeout: {seconds * 1000}, polling: 50 }})).jsonValue()")

    def click(self, selector):
        self.do(f"await page.click({json.dumps(selector)})")

    def shot(self, name):
        self.do(f"await page.screenshot({{ path: {json.dumps(str(SHOTS / name) + '.png')} }})")

    def text(self, selector="#transcript .said"):
        """Of all that match, as a reader sees them."""
        return self.look(f"[...document.querySelectorAll({json.dumps(selector)})].map((e) => e.textContent.trim())")

    def finals(self):
        """Words that will not change."""
        return self.look("[...document.querySelectorAll('#transcript .w')].filter((w) => !w.closest('.open'))"
                         ".map((w) => w.textContent).join(' ')")

    def notice(self, seconds=20):
        """What is said above the text, which must be on the screen."""
        self.until("!document.getElementById('notice').hidden", seconds)
        assert self.look("(() => { const at = document.getElementById('notice').getBoundingClientRect();"
                         " return at.top >= 0 && at.bottom <= innerHeight && at.height > 0; })()"), "off the screen"
        return " ".join(self.text("#notice-title, #notice-text"))

    def axe(self):
        return self.do("return axe(page)")

    def errors(self):
        return self.do("return page.errors")
