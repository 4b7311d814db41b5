// The console in a real browser: console.js ORDERS PICTURES.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { mailServer, start } from './orders.js';

const [program, pictures] = process.argv.slice(2);
const KEY = '0123456789abcdef0123456789abcdef';

/** A page that must not complain: no error, nothing that its policy forbids, no dialog. */
async function open(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, ...options });
  const page = await context.newPage();
  page.complaints = [];
  // Chromium says so of each answer that is an error, also where one is expected.
  page.on('console', (message) => message.type() === 'error' && !/status of 40/.test(message.text()) && page.complaints.push(message.text()));
  page.on('pageerror', (error) => page.complaints.push(String(error)));
  page.on('dialog', (dialog) => { page.complaints.push('a dialog: ' + dialog.message()); dialog.dismiss(); });
  await page.goto(url + '/api/console');
  return page;
}

async function close(page) {
  assert.deepEqual(page.complaints, []);
  await page.context().close();
}

const text = (page, words) => page.getByText(words).first().waitFor();
const delivery = (page, address) => page.locator('#deliveries li', { hasText: address });

async function anOrderPostedAppearsWithoutReload({ browser, orders }) {
  const page = await open(browser, orders.url);
  await text(page, 'No orders yet.');
  await page.evaluate(() => { window.sameDocument = true; });
  await orders.place({ customer: { name: 'Ada Lovelace', email: 'ada@example.com' } });
  await page.locator('#orders').getByText('Ada Lovelace').waitFor({ timeout: 5000 });
  await text(page, '25.00 EUR');
  assert.equal(await page.evaluate(() => window.sameDocument), true);
  assert.equal(await page.locator('#live').textContent(), 'live');
  await close(page);
}

async function anOrderShowsItsTimelineItsDeliveriesAndItsEmail({ browser, orders }) {
  const id = await orders.place({ customer: { name: 'Grace Hopper', email: 'grace@example.com' }, notify: { locale: 'de' } });
  const page = await open(browser, orders.url);
  await page.locator(`[data-order="${id}"]`).click();
  const detail = page.locator('#detail');
  await detail.locator('svg .dot.good').nth(1).waitFor();
  assert.ok((await detail.locator('svg .dot').count()) >= 4);
  await detail.locator('li', { hasText: 'to grace@example.com' }).getByText('told').waitFor();
  const letter = detail.frameLocator('iframe');
  await letter.getByText('Vielen Dank für Ihre Bestellung').first().waitFor();
  await detail.getByRole('button', { name: 'Text' }).click();
  await detail.locator('pre', { hasText: 'Guten Tag Grace Hopper' }).waitFor();
  await orders.change(id, 1, '', 'PATCH', { status: 'confirmed' });
  await orders.change(id, 2, '', 'PATCH', { status: 'shipped' });
  await detail.getByText('email: told').nth(1).waitFor();
  await detail.getByRole('button', { name: 'shipped' }).click();
  await detail.locator('pre', { hasText: 'ist auf dem Weg zu Ihnen' }).waitFor();
  await close(page);
}

async function aFailureSaysWhyAndIsTriedAgainByTheButton({ browser, orders, mail }) {
  mail.refused.set('alan@example.com', '550 5.1.1 no such user');
  const page = await open(browser, orders.url);
  const id = await orders.place({ customer: { name: 'Alan Turing', email: 'alan@example.com' } });
  const row = delivery(page, 'alan@example.com');
  await row.getByText('the mail server refused the recipient: 550 5.1.1 no such user').waitFor();
  await row.getByText('failed').first().waitFor();
  mail.refused.delete('alan@example.com');
  await row.getByRole('button', { name: 'Retry' }).click();
  await row.waitFor({ state: 'detached' });
  await page.locator(`[data-order="${id}"]`).click();
  await page.locator('#detail').getByText('email: told').waitFor();
  await close(page);
}

async function nothingThatACustomerTypedIsMarkup({ browser, orders }) {
  const name = '<img src=x onerror=alert(1)><script>alert(2)</script>';
  const id = await orders.place({ customer: { name, email: 'mallory@example.com' }, lines: [{ sku: name.slice(0, 40), quantity: 1, unitPrice: 1 }] });
  const page = await open(browser, orders.url);
  await page.locator('#orders').getByText(name).waitFor();
  await page.locator(`[data-order="${id}"]`).click();
  await page.locator('#detail').frameLocator('iframe').getByText('onerror').first().waitFor();
  assert.equal(await page.locator('img').count(), 0);
  await close(page);
}

async function withAKeyThePageAsksForItAndTakesNoClientsKey({ browser }) {
  const clients = 'fedcba9876543210fedcba9876543210';
  const locked = await start(program, { ORDERS_CONSOLE_KEY: `ada=${KEY}`, ORDERS_KEYS: `shop=${clients}`, RUST_LOG: 'warn' });
  try {
    const page = await open(browser, locked.url);
    const enter = async (key) => {
      await page.getByLabel('Key').fill(key);
      await page.getByRole('button', { name: 'Open' }).click();
    };
    for (const wrong of ['wrong', clients, '\u201c' + KEY + '\u201d']) {
      await enter(wrong);
      await text(page, 'This is not a key.');
    }
    // As `orders keys new` prints it.
    await enter('ada=' + KEY);
    await text(page, 'No orders yet.');
    assert.equal(await page.locator('#ask').isVisible(), false);
    await close(page);
  } finally {
    await locked.stop();
  }
}

/** Every state on one page, for people to look at, and nothing wider than the screen. */
async function thePageFitsTheScreenInBothThemes({ browser, orders, mail }) {
  mail.refused.set('kurt@example.com', '451 4.7.1 greylisted, come back later');
  mail.refused.set('emmy@example.com', '550 5.1.1 no such user here, and this explanation is as long as some mail servers like to make theirs');
  await orders.place({ customer: { name: 'Kurt Gödel', email: 'kurt@example.com' }, currency: 'JPY' });
  const id = await orders.place({ customer: { name: 'Emmy Noether, Professorin für Mathematik an der Universität', email: 'emmy@example.com' }, notify: { locale: 'de-DE', channels: ['log', 'email'] } });
  await orders.change(id, 1, '/cancel', 'POST', { reason: 'inventory' });
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 390]) {
      const page = await open(browser, orders.url, { colorScheme, viewport: { width, height: 860 } });
      await delivery(page, 'kurt@example.com').getByText('451').waitFor();
      await delivery(page, 'emmy@example.com').getByText('550').first().waitFor();
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= width, `wider than ${width}`);
      await page.screenshot({ path: join(pictures, `console-${colorScheme}-${width}.png`), fullPage: true });
      await page.locator(`[data-order="${id}"]`).click();
      await page.locator('#detail').frameLocator('iframe').getByText('Bestellnummer').first().waitFor();
      await page.locator('#detail').getByText('email: could not be told').nth(1).waitFor();
      assert.ok((await page.locator('#detail').evaluate((detail) => detail.scrollWidth <= detail.clientWidth)), `the order is wider than ${width}`);
      await page.screenshot({ path: join(pictures, `order-${colorScheme}-${width}.png`) });
      await page.locator('iframe').scrollIntoViewIfNeeded();
      await page.locator('#detail').evaluate((detail) => detail.scrollTo(0, detail.scrollHeight));
      await page.screenshot({ path: join(pictures, `email-${colorScheme}-${width}.png`) });
      await close(page);
    }
  }
}

const checks = [
  anOrderPostedAppearsWithoutReload,
  anOrderShowsItsTimelineItsDeliveriesAndItsEmail,
  aFailureSaysWhyAndIsTriedAgainByTheButton,
  nothingThatACustomerTypedIsMarkup,
  withAKeyThePageAsksForItAndTakesNoClientsKey,
  thePageFitsTheScreenInBothThemes,
];

// As root Chromium has no sandbox of its own; what it is shown here is ours.
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM, args: process.getuid() === 0 ? ['--no-sandbox'] : [] });
const mail = await mailServer();
const orders = await start(program, { NOTIFY_CHANNELS: 'log,email', EMAIL_SERVER: mail.url, EMAIL_FROM: 'Shop <shop@example.com>', RUST_LOG: 'off' });
let failed = 0;
for (const check of checks) {
  try {
    await check({ browser, orders, mail });
    console.log('pass', check.name);
  } catch (error) {
    failed += 1;
    console.log('FAIL', check.name, error);
  }
}
await orders.stop();
mail.close();
await browser.close();
console.log(`${checks.length - failed} passed, ${failed} failed`);
process.exit(failed ? 1 : 0);
