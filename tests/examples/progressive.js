// node progressive.js <url> <folder of pictures> <chromium>; walks through the page and prints what it found as JSON.
const { chromium } = require("playwright-core");

const until = (page, test, argument) => page.waitForFunction(test, argument, { timeout: 60000 });

async function main(url, folder, program) {
  const browser = await chromium.launch({
    executablePath: program,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  });
  try {
    const page = await browser.newPage({ viewport: { width: 960, height: 740 } });
    const ranges = [];
    page.on("request", (request) => {
      const range = request.headers().range;
      if (range) ranges.push([new URL(request.url()).pathname, range]);
    });
    await page.goto(url);
    await until(page, () => viewer.state.error ||
      (viewer.state.slices.length && viewer.state.slices.every((s) => s.picture?.reduce <= 3)));
    const early = await page.evaluate(() => ({
      bytes: viewer.state.bytes,
      reduce: viewer.state.slices.map((s) => s.picture?.reduce),
    }));
    await page.screenshot({ path: `${folder}/early.png` });
    await page.locator("#picture").hover();
    await page.mouse.wheel(0, 100);
    const shown = await page.evaluate(() => viewer.state.shown);
    await until(page, (k) => viewer.state.error || viewer.state.slices[k].picture.reduce === 0, shown);
    const middle = await page.evaluate(() => viewer.state.slices.map((s) => s.picture.reduce));
    await page.screenshot({ path: `${folder}/middle.png` });
    await until(page, () => viewer.state.error || viewer.state.marks.original);
    await page.screenshot({ path: `${folder}/whole.png` });
    const found = await page.evaluate(async () => ({
      error: viewer.state.error,
      total: viewer.state.total,
      bytes: viewer.state.bytes,
      marks: viewer.state.marks,
      hashes: await Promise.all(viewer.state.slices.map((_, k) => viewer.samplesHash(k))),
    }));
    console.log(JSON.stringify({ early, shown, middle, ranges, ...found }));
  } finally {
    await browser.close();
  }
}

main(...process.argv.slice(2)).catch((error) => {
  console.error(error);
  process.exit(1);
});
