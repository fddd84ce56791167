// Pictures of every screen, light and dark, in two sizes: `npm run screenshots`, then look into `screenshots/`.

import { mkdir } from 'node:fs/promises';
import { open, painted } from './support.js';

const FOLDER = new URL('../../screenshots/', import.meta.url).pathname;

const SCREENS = {
  signin: { query: 'signedout' },
  'signin-error': {
    query: 'signedout',
    async act(page) {
      await page.fill('#email', 'nadia.brandt@northgate.example');
      await page.fill('#password', 'wrong');
      await page.click('button[type=submit]');
      await page.waitForSelector('[role=alert]');
    },
  },
  'signin-memory': { query: 'signedout&blocked=no_keychain' },
  'signin-key-gone': { query: 'blocked=key_gone' },
  'blocked-keychain': { query: 'blocked=keychain_locked' },
  inbox: { query: '', act: openLucia },
  'inbox-offline': {
    query: 'offline',
    async act(page) {
      await openLucia(page);
      for (const text of [
        'Para tu auto hacemos una inspección gratuita de 20 minutos y te damos el valor en el momento.',
        'La entrega a domicilio tarda de 3 a 5 días hábiles y no tiene costo dentro de la ciudad.',
      ]) {
        await page.fill('textarea', text);
        await page.keyboard.press('Control+Enter');
        await page.waitForSelector(`textarea:placeholder-shown`);
      }
      await page.keyboard.press('Escape');
      await page.keyboard.press('v');
      await page.waitForSelector('[role=menu]');
    },
  },
  'inbox-closed': { query: '', act: (page) => page.click('text=Dana Whitlock') },
  'inbox-unsupported': { query: '', act: (page) => page.click('text=Tomás Irigoyen') },
  'inbox-refused': { query: '', act: (page) => page.click('text=Iker Zubeldia') },
  'inbox-nothing': { query: '' },
  'inbox-empty': { query: 'n=0' },
  'inbox-loading': { query: 'n=0&loading', wait: 300 },
  'inbox-many': { query: 'n=20000', act: (page) => page.click('[role=option] >> nth=3') },
  'thread-long': {
    query: 'long',
    async act(page) {
      await openLucia(page);
      await page.locator('.msgs').evaluate((box) => (box.scrollTop -= 1_500));
      await page.waitForSelector('.jump');
    },
  },
  'inbox-error': { query: 'fail=list:storage' },
  'inbox-memory': { query: 'memory', act: openLucia },
  signout: {
    query: 'offline',
    async act(page) {
      await openLucia(page);
      await page.fill('textarea', 'Un momento.');
      await page.keyboard.press('Control+Enter');
      await page.waitForSelector(`textarea:placeholder-shown`);
      await page.click('[title="Nadia Brandt"]');
      await page.click('[role=menuitem]');
      await page.waitForSelector('dialog');
    },
  },
  shortcuts: {
    query: '',
    async act(page) {
      await openLucia(page);
      await page.keyboard.press('Escape');
      await page.keyboard.press('?');
      await page.waitForSelector('dialog');
    },
  },
};

async function openLucia(page) {
  await page.click('[role=option]:has-text("Lucía Ferrán")');
  await page.waitForSelector('[data-message]');
  await page.keyboard.press('r');
}

const wanted = process.argv.slice(2);
await mkdir(FOLDER, { recursive: true });
const browser = await open();
try {
  for (const [name, { query, act, wait }] of Object.entries(SCREENS)) {
    if (wanted.length > 0 && !wanted.includes(name)) continue;
    for (const theme of ['light', 'dark']) {
      for (const [width, height] of [
        [1440, 900],
        [1100, 700],
      ]) {
        const { page, errors, close } = await browser.window(`${query}&theme=${theme}`, {
          viewport: { width, height },
        });
        await act?.(page);
        if (wait !== undefined) await page.waitForTimeout(wait);
        await painted(page);
        await page.screenshot({ path: `${FOLDER}${name}-${theme}-${width}.png` });
        if (errors.length > 0) console.error(name, theme, errors);
        await close();
      }
    }
  }
} finally {
  await browser.close();
}
