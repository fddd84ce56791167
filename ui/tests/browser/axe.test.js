import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { after, before, test } from 'node:test';
import { open, painted } from './support.js';

const AXE = await readFile(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let browser;
before(async () => {
  browser = await open();
});
after(() => browser.close());

async function lucia(page) {
  await page.click('[role=option]:has-text("Lucía Ferrán")');
  await page.waitForSelector('[data-message]');
}

const SCREENS = [
  ['sign-in', 'signedout', async () => {}],
  [
    'sign-in after a wrong password',
    'signedout',
    async (page) => {
      await page.fill('#email', 'a@b.example');
      await page.fill('#password', 'wrong');
      await page.keyboard.press('Enter');
      await page.waitForSelector('[role=alert]');
    },
  ],
  ['sign-in without a keychain', 'blocked=no_keychain', async () => {}],
  ['locked keychain', 'blocked=keychain_locked', async () => {}],
  ['inbox', '', lucia],
  ['inbox with unread, late and failed', '', (page) => page.click('[role=option]:has-text("Iker Zubeldia")')],
  ['closed window', '', (page) => page.click('[role=option]:has-text("Dana Whitlock")')],
  [
    'offline with a queue and the open switcher',
    'offline',
    async (page) => {
      await lucia(page);
      await page.fill('textarea', 'queued');
      await page.keyboard.press('Control+Enter');
      await page.waitForSelector('[data-state=waiting]');
      await page.keyboard.press('Escape');
      await page.keyboard.press('v');
      await page.waitForSelector('[role=menu]');
    },
  ],
  ['empty inbox', 'n=0', async () => {}],
  ['loading inbox', 'n=0&loading', async () => {}],
  ['inbox that failed to load', 'fail=list:storage', async () => {}],
  ['thread that failed to load', 'fail=thread:storage', (page) => page.click('[role=option]:has-text("Lucía Ferrán")')],
  ['20,000 conversations', 'n=20000', (page) => page.click('[role=option] >> nth=3')],
  ['long thread', 'long', lucia],
  [
    'shortcut sheet',
    '',
    async (page) => {
      await page.waitForSelector('[role=option]');
      await page.keyboard.press('?');
      await page.waitForSelector('dialog');
    },
  ],
  [
    'sign-out',
    'offline',
    async (page) => {
      await lucia(page);
      await page.fill('textarea', 'queued');
      await page.keyboard.press('Control+Enter');
      await page.waitForSelector('[data-state=waiting]');
      await page.click('[aria-haspopup=menu][title="Nadia Brandt"]');
      await page.keyboard.press('Enter');
      await page.waitForSelector('dialog');
    },
  ],
];

async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate(() =>
    window.axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'] }),
  );
  return found.violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html.slice(0, 160)).join(' | ')}`);
}

test('every screen is accessible, light and dark', async (t) => {
  for (const [name, query, act] of SCREENS) {
    await t.test(name, async () => {
      const { page, close } = await browser.window(`${query}&theme=light`);
      try {
        await act(page);
        await painted(page);
        assert.deepEqual(await violations(page), [], 'light');
        await page.evaluate(() => (document.documentElement.dataset.theme = 'dark'));
        await painted(page);
        assert.deepEqual(await violations(page), [], 'dark');
      } finally {
        await close();
      }
    });
  }
});

test('the search for faults finds one', async () => {
  const { page, close } = await browser.window('signedout');
  try {
    await page.evaluate(() => document.querySelector('label[for=password]').remove());
    await page.evaluate(() => document.querySelector('#password').removeAttribute('name'));
    assert.match((await violations(page)).join('\n'), /^label/m);
  } finally {
    await close();
  }
});
