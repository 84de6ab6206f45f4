// SPDX-License-Identifier: Apache-2.0
//
// Pictures of one page in Chromium, without script: light and dark, on a desk, a tablet and a
// telephone. Fails where a page asks for anything but itself, says something on the console, is
// wider than its screen, or does not load itself again with ?refresh=1.
// node status_pictures.js URL NAME DIR; status_pictures.t calls it.
'use strict';
const { chromium } = require('playwright-core');
const [url, name, dir] = process.argv.slice(2);
const screens = [
  ['desktop', { viewport: { width: 1180, height: 500 } }],
  ['narrow', { viewport: { width: 1100, height: 500 } }],
  ['tablet', { viewport: { width: 820, height: 600 } }],
  ['phone', { viewport: { width: 375, height: 600 }, isMobile: true, deviceScaleFactor: 1.5 }],
];
const faults = [];

async function picture(browser, screen, options, colorScheme) {
  const tag = `${name}-${screen}-${colorScheme}`;
  const context = await browser.newContext({ ...options, colorScheme, javaScriptEnabled: false });
  const page = await context.newPage();
  page.on('console', m => faults.push(`${tag}: console: ${m.text()}`));
  page.on('request', r => r.url() === url || faults.push(`${tag}: asked for ${r.url()}`));
  await page.goto(url);
  await page.screenshot({ path: `${dir}/${tag}.png`, fullPage: true });
  await context.close();
}

// With scripts, which measure; the page has none.
async function measure(browser, screen, options) {
  const page = await (await browser.newContext(options)).newPage();
  await page.goto(url);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  if (wide > 0) faults.push(`${name}-${screen}: ${wide} pixels wider than the screen`);
}

async function reload(browser) {
  const page = await (await browser.newContext({ javaScriptEnabled: false })).newPage();
  await page.goto(`${url}?refresh=1`);
  await page.waitForRequest(r => r.url().endsWith('?refresh=1'), { timeout: 10000 })
    .catch(() => faults.push(`${name}: ?refresh=1 does not load the page again`));
}

(async () => {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
    args: ['--no-sandbox', '--host-resolver-rules=MAP * 127.0.0.1'],
  });
  for (const [screen, options] of screens) {
    for (const scheme of ['light', 'dark']) await picture(browser, screen, options, scheme);
    await measure(browser, screen, options);
  }
  await reload(browser);
  await browser.close();
  for (const fault of faults) console.log(fault);
  process.exit(faults.length ? 1 : 0);
})().catch(e => { console.log(String(e)); process.exit(2); });
