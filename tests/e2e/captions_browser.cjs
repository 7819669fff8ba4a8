// A browser for test_captions.py, whose microphone is a file.
//   node captions_browser.cjs CHROMIUM [WAV]
// Every line of standard input is {"code"}: the body of an async function of browser, context, page and axe, run as it
// comes. What it returns comes back as a line {"value"}, or {"error"}. Without WAV there is no microphone.
const fs = require("node:fs");
const readline = require("node:readline");
const { chromium } = require("playwright-core");

const AsyncFunction = Object.getPrototypeOf(async () => {}).constructor;
const AXE = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

/* Findings that keep somebody out: "rule: where". */
async function axe(page) {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter(({ impact }) => impact === "serious" || impact === "critical")
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(" ")).join(", ")}`);
}

async function main() {
  const [executablePath, wav] = process.argv.slice(2);
  const microphone = wav ? ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream",
    `--use-file-for-fake-audio-capture=${wav}%noloop`] : [];
  const browser = await chromium.launch({ executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", ...microphone] });
  const permissions = wav ? ["microphone", "clipboard-read", "clipboard-write"] : [];
  const context = await browser.newContext({ viewport: { width: 1280, height: 760 }, permissions, acceptDownloads: true });
  const page = await context.newPage();
  page.setDefaultTimeout(30000);
  page.errors = [];
  page.sent = [];
  page.on("pageerror", (error) => page.errors.push(error.message));
  page.on("websocket", (socket) => socket.on("framesent", ({ payload }) => {
    if (typeof payload === "string") page.sent.push(payload);
  }));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    let answer;
    try {
      answer = { value: (await new AsyncFunction("browser", "context", "page", "axe", JSON.parse(line).code)(
        browser, context, page, axe)) ?? null };
    } catch (error) {
      answer = { error: error.message };
    }
    console.log(JSON.stringify(answer));
  }
  await browser.close();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
