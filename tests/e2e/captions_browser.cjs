// The captions page in a real browser, whose microphone is a file.
//   node captions_browser.cjs URL CHROMIUM WAV RECORDING   prints what the page showed
// WAV is spoken once, at its own pace; then RECORDING is chosen as a file.
const { chromium } = require("playwright-core");

const paragraphs = (page, selector) => page.locator(selector).allTextContents();

async function main() {
  const [url, executablePath, wav, recording] = process.argv.slice(2);
  const browser = await chromium.launch({
    executablePath,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${wav}%noloop`],
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(60000);
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  await page.goto(url);
  const seen = { errors };

  await page.click("#speak");
  await page.waitForSelector("main > p.partial:not(:text('Press Speak'))"); // words that may still change
  await page.waitForSelector("main > p:not(.partial)"); // and words that will not
  await page.click("#speak");
  await page.waitForSelector("#speak[aria-pressed=false]");
  seen.spoken = { text: await paragraphs(page, "main > p"), status: await page.textContent("#status") };

  await page.setInputFiles("#file", recording);
  await page.waitForSelector("#status:text('at depth')");
  seen.chosen = { text: (await paragraphs(page, "main > p")).slice(seen.spoken.text.length),
    status: await page.textContent("#status") };
  seen.depths = await page.locator("#depth option").allTextContents();
  await browser.close();
  console.log(JSON.stringify(seen));
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
