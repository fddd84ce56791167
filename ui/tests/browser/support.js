// A browser on the mock build, served with the content security policy of the real window.

import { createServer } from 'node:http';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { chromium } from 'playwright-core';

const UI = new URL('../../', import.meta.url).pathname;
const MOCK_BUILD = join(UI, 'dist-mock');

/** As in the window; only the ways to the host are missing, since the mock needs none. */
const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'none'; " +
  "base-uri 'none'; form-action 'none'; frame-src 'none'; object-src 'none'";

const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css' };

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const ARGUMENTS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** Longest wait for anything that should come, in milliseconds. */
export const WAIT_MS = 10_000;

/** Serves the mock build on a free port of this computer. */
async function serve() {
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const path = normalize(join(MOCK_BUILD, pathname === '/' ? 'index.html' : pathname));
    const type = TYPES[extname(path)];
    if (!path.startsWith(MOCK_BUILD) || type === undefined) return void response.writeHead(204).end();
    try {
      const body = await readFile(path);
      response.writeHead(200, { 'content-type': type, 'content-security-policy': POLICY }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return { server, origin: `http://127.0.0.1:${server.address().port}` };
}

/** A browser with its server. */
export async function open() {
  const { server, origin } = await serve();
  const profile = await mkdtemp(join(tmpdir(), 'deskbell-ui-'));
  const browser = await chromium.launch({ executablePath: CHROMIUM, args: ARGUMENTS });

  return {
    /**
     * A window on the app. `errors` collects what went wrong in it, breaches of the policy included.
     * @param {string} query what the mock host is asked for
     * @param {import('playwright-core').BrowserContextOptions} [options]
     */
    async window(query = '', options = {}) {
      const context = await browser.newContext({
        viewport: { width: 1440, height: 900 },
        locale: 'en-GB',
        reducedMotion: 'reduce',
        ...options,
      });
      const page = await context.newPage();
      page.setDefaultTimeout(WAIT_MS);
      const errors = [];
      page.on('pageerror', (error) => errors.push(String(error)));
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text());
      });
      await page.goto(`${origin}/?${query}`);
      await page.waitForSelector('.app, .ground');
      return { page, errors, close: () => context.close() };
    },
    async close() {
      await browser.close();
      await new Promise((done) => server.close(done));
      await rm(profile, { recursive: true, force: true });
    },
  };
}

/** Waits until two frames were painted: a picture taken then shows what the page says. */
export async function painted(page) {
  await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
}
