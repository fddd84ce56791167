import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { open, painted } from './support.js';

let browser;
before(async () => {
  browser = await open();
});
after(() => browser.close());

/** Runs a test in a window of its own, in which nothing may go wrong unseen. */
async function inWindow(query, body, options) {
  const { page, errors, close } = await browser.window(query, options);
  try {
    await body(page);
    assert.deepEqual(errors, [], 'errors, warnings or breaches of the policy in the window');
  } finally {
    await close();
  }
}

const option = (page, name) => page.locator('[role=option]', { hasText: name });
const bubble = (page, text) => page.locator('[data-message]', { hasText: text });
const mock = (page, body, ...values) => page.evaluate(body, ...values);

/** Waits until an expression of the page is true, or fails saying what was expected. */
const until = (page, what, value) => page.waitForFunction(what, value);

test('a wrong password says so, keeps the rest, and asks for the password again', () =>
  inWindow('signedout', async (page) => {
    await page.fill('#email', 'nadia.brandt@northgate.example');
    await page.fill('#password', 'wrong');
    await page.keyboard.press('Enter');

    await page.waitForSelector('[role=alert]:has-text("The e-mail or password is wrong.")');
    assert.equal(await page.inputValue('#email'), 'nadia.brandt@northgate.example');
    assert.equal(await page.inputValue('#password'), '');
    assert.equal(await page.getAttribute('#password', 'aria-invalid'), 'true');
    const described = await page.getAttribute('#password', 'aria-describedby');
    assert.match(await page.innerText(`#${described}`), /Type your password again/);
    await until(page, () => document.activeElement?.id === 'password');
  }));

test('signing in says that it is under way, and cannot be asked for twice', () =>
  inWindow('signedout&slow=400', async (page) => {
    await page.fill('#email', 'nadia.brandt@northgate.example');
    await page.fill('#password', 'correct horse');
    await page.keyboard.press('Enter');
    await page.waitForSelector('button[type=submit][disabled]:has-text("Signing in…")');
    await page.waitForSelector('.app');
  }));

test('too many tries say when to come back', () =>
  inWindow('signedout', async (page) => {
    await page.fill('#email', 'nadia.brandt@northgate.example');
    for (let tries = 0; tries < 6; tries += 1) {
      await page.fill('#password', 'wrong');
      await page.keyboard.press('Enter');
      await until(page, () => document.querySelector('#password')?.value === '');
    }
    await page.waitForSelector('[role=alert]:has-text("You can try again in 15m.")');
  }));

test('empty fields are named, and the first of them has the focus', () =>
  inWindow('signedout', async (page) => {
    await page.fill('#backend', '');
    await page.click('button[type=submit]');
    assert.equal(await page.locator('.hint.bad').count(), 3);
    await until(page, () => document.activeElement?.id === 'backend');
  }));

for (const [code, words] of [
  ['keychain_locked', 'The keychain is locked'],
  ['keychain_timeout', 'The keychain does not answer'],
  ['already_running', 'Deskbell is already open'],
  ['storage', 'The disk cannot be written to'],
]) {
  test(`a session that waits for ${code} says so and can be tried again`, () =>
    inWindow(`blocked=${code}`, async (page) => {
      await page.waitForSelector(`h1:has-text("${words}")`);
      await page.click('button:has-text("Try again")');
      assert.equal(await page.locator('#password').count(), 0);
    }));
}

test('a cache whose key is gone leads to signing in again, and says what is lost', () =>
  inWindow('blocked=key_gone', async (page) => {
    await page.waitForSelector('.callout:has-text("The key to the message cache is gone.")');
    await page.waitForSelector('#password');
  }));

test('without a keychain the sign-in says that nothing is kept', () =>
  inWindow('blocked=no_keychain', async (page) => {
    await page.waitForSelector('.callout:has-text("Deskbell forgets you when it closes.")');
    assert.match(await page.innerText('aside'), /In memory, until Deskbell closes/);
  }));

test('the whole round goes by keyboard alone: sign in, move, reply, see it read', () =>
  inWindow('signedout', async (page) => {
    await page.keyboard.type('nadia.brandt@northgate.example');
    await page.keyboard.press('Tab');
    await page.keyboard.type('correct horse');
    await page.keyboard.press('Enter');
    await page.waitForSelector('[role=option]');

    const names = await page.locator('[role=option] .name').allInnerTexts();
    const opened = (name) => page.waitForSelector(`.thread h2:text-is("${name}")`);
    for (const name of [names[0], names[1], names[2]]) {
      await page.keyboard.press('j');
      await opened(name);
    }
    await page.keyboard.press('k');
    await opened(names[1]);
    await until(page, () => document.activeElement?.getAttribute('aria-selected') === 'true');

    await page.keyboard.press('r');
    await until(page, () => document.activeElement instanceof HTMLTextAreaElement);
    await page.keyboard.type('Yes, it is the right one.');
    await page.keyboard.press('Enter');
    await page.keyboard.type('It fits until 2024.');
    await page.keyboard.press('Control+Enter');

    await page.waitForSelector('[data-message][data-state=read]:has-text("It fits until 2024.")');
    assert.equal(await page.inputValue('textarea'), '');
    await page.keyboard.press('Escape');
    await until(page, () => document.activeElement?.getAttribute('role') === 'option');
  }));

test('the ticks go from queued to read, each with its word', () =>
  inWindow('', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    await mock(page, () => window.deskbellMock.holdTicks());
    await page.fill('textarea', 'De 3 a 5 días.');
    await page.keyboard.press('Control+Enter');
    const sent = bubble(page, 'De 3 a 5 días.');
    await sent.locator('[aria-label="Queued on this computer"]').waitFor();
    const message = await sent.getAttribute('data-message');
    for (const [status, word] of [
      ['queued', 'Queued'],
      ['sent', 'Sent'],
      ['delivered', 'Delivered'],
      ['read', 'Read'],
    ]) {
      await mock(
        page,
        ([id, state]) => {
          const conversation = document
            .querySelector('[role=option][aria-selected=true]')
            ?.getAttribute('data-conversation');
          window.deskbellMock.setDelivery(conversation, id, { state: 'known', status: state, failure: null });
        },
        [message, status],
      );
      await sent.locator(`[aria-label="${word}"]`).waitFor();
    }
  }));

test('offline, replies queue with a clock, and go out in order when the connection is back', () =>
  inWindow('offline', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    await page.waitForSelector('.dock button:has-text("Queue")');
    await page.waitForSelector('.callout:has-text("You\'re offline.")');
    for (const text of ['first reply', 'second reply']) {
      await page.fill('textarea', text);
      await page.keyboard.press('Control+Enter');
      await bubble(page, text).waitFor();
    }
    await page.waitForSelector('.status:has-text("Offline — 2 queued")');
    assert.equal(await page.locator('[data-state=waiting]').count(), 2);
    await page.waitForSelector('.sys:has-text("You went offline")');

    await page.click('.dock button:has-text("Try now")');

    await page.waitForSelector('[data-message][data-state=read]:has-text("second reply")');
    const texts = await page.locator('article.out').allInnerTexts();
    assert.ok(
      texts.findIndex((text) => text.includes('first reply')) <
        texts.findIndex((text) => text.includes('second reply')),
    );
    await page.waitForSelector('.status:has-text("In sync")');
  }));

test('a queued reply that is cancelled comes back into the composer, after what is typed there', () =>
  inWindow('offline', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    await page.fill('textarea', 'not quite right');
    await page.keyboard.press('Control+Enter');
    await bubble(page, 'not quite right').waitFor();
    await page.fill('textarea', 'typed meanwhile');
    // Pressed without taking the focus from the text, as by assistive technology.
    await page.locator('button:has-text("Cancel")').dispatchEvent('click');
    await until(page, () => document.querySelector('textarea')?.value === 'typed meanwhile\nnot quite right');
    assert.equal(await bubble(page, 'not quite right').count(), 0);
  }));

test('a refused message says why, and can be edited', () =>
  inWindow('', async (page) => {
    await option(page, 'Iker Zubeldia').click();
    await page.waitForSelector('.fail-line:has-text("Not sent: the 24-hour window was closed.")');
    await page.click('button:has-text("Edit")');
    await until(page, () => document.querySelector('.kept')?.textContent === 'Quedo pendiente.');
  }));

test('a failed message can be sent again, once', () =>
  inWindow('', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    await page.click('.fail-line button:has-text("Retry")');
    await page.waitForSelector('[data-state=read]:has-text("Te mando también")');
    assert.equal(await page.locator('.fail-line button').count(), 0);
  }));

test('a reply that could not be queued stays in the composer, with the reason', () =>
  inWindow('fail=reply:storage', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    await page.fill('textarea', 'do not lose me');
    await page.keyboard.press('Control+Enter');
    await page.waitForSelector('[role=alert]:has-text("The disk cannot be written to")');
    assert.equal(await page.inputValue('textarea'), 'do not lose me');
  }));

test('a reply leaves no draft behind, however fast it was typed and sent', () =>
  inWindow('slow=60', async (page) => {
    const row = option(page, 'Marcus Oyelaran');
    await row.click();
    await page.waitForSelector('textarea');
    await page.fill('textarea', 'On my');
    await page.waitForFunction(() => document.querySelector('[aria-selected=true] .draft') !== null);
    await page.fill('textarea', 'On my way.');
    await page.keyboard.press('Control+Enter');
    await page.waitForSelector('[data-state=read]:has-text("On my way.")');
    assert.equal(await page.inputValue('textarea'), '');
    await until(page, () => document.querySelector('[aria-selected=true] .draft') === null);
    await option(page, 'Lucía Ferrán').click();
    await page.waitForSelector('h2:text-is("Lucía Ferrán")');
    await row.click();
    await page.waitForSelector('[data-message] >> text=On my way.');
    assert.equal(await page.inputValue('textarea'), '');
  }));

test('a draft is there again after another conversation was open', () =>
  inWindow('', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    await page.fill('textarea', 'half a sen');
    await option(page, 'Marcus Oyelaran').click();
    await page.waitForSelector('h2:text-is("Marcus Oyelaran")');
    await page.waitForSelector('textarea');
    assert.equal(await page.inputValue('textarea'), '');
    await page.waitForSelector('[role=option]:has-text("Lucía Ferrán") .draft');
    await option(page, 'Lucía Ferrán').click();
    await until(page, () => document.querySelector('textarea')?.value === 'half a sen');
  }));

test('a draft that cannot be stored is said so, and is still there after another conversation was open', () =>
  inWindow('fail=save_draft:storage', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    await page.fill('textarea', 'half a sen');
    await page.waitForSelector('.callout:has-text("Your draft could not be saved.")');
    await option(page, 'Marcus Oyelaran').click();
    await page.waitForSelector('h2:text-is("Marcus Oyelaran")');
    await option(page, 'Lucía Ferrán').click();
    await until(page, () => document.querySelector('textarea')?.value === 'half a sen');
  }));

test('a text that is longer than WhatsApp allows cannot be sent, and says by how much', () =>
  inWindow('', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    await page.fill('textarea', 'x'.repeat(4_099));
    await page.waitForSelector('text=3 characters too many');
    assert.ok(await page.isDisabled('.dock button:has-text("Send")'));
  }));

test('a closed window explains itself and offers nothing that does not exist', () =>
  inWindow('', async (page) => {
    await option(page, 'Dana Whitlock').click();
    await page.waitForSelector('.comp:has-text("WhatsApp allows only approved templates until Dana writes again.")');
    assert.equal(await page.locator('.dock :is(button, textarea)').count(), 0);
  }));

test("a conversation is read once it was before somebody's eyes", () =>
  inWindow('', async (page) => {
    await option(page, 'Marcus Oyelaran').click();
    await until(page, () => document.querySelector('[aria-selected=true] .count') === null);
    await page.waitForSelector('.unread:has-text("New")');
  }));

test('resolving goes on to the next conversation', () =>
  inWindow('', async (page) => {
    const names = await page.locator('[role=option] .name').allInnerTexts();
    await page.keyboard.press('j');
    await page.waitForSelector(`h2:text-is("${names[0]}")`);
    await page.keyboard.press('e');
    await page.waitForSelector(`h2:text-is("${names[1]}")`);
    await until(page, (name) => document.activeElement?.textContent?.includes(name), names[1]);
    assert.equal(await option(page, names[0]).count(), 0);
  }));

test('a conversation of nobody is claimed and released by its key', () =>
  inWindow('', async (page) => {
    await page.keyboard.press('g');
    await page.keyboard.press('u');
    await option(page, 'Ada Nwosu').click();
    await page.waitForSelector('.act button:has-text("Claim")');
    await page.keyboard.press('c');
    await page.waitForSelector('.act button:has-text("Release")');
    await page.waitForSelector('.sub:has-text("Assigned to you")');
    await page.keyboard.press('c');
    await page.waitForSelector('.sub:has-text("Not assigned")');
  }));

test('a list without conversations says what that means and where to go on', () =>
  inWindow('n=0', async (page) => {
    await page.waitForSelector('.empty:has-text("All caught up")');
    await page.waitForSelector('.thread .empty:has-text("Choose a conversation")');
  }));

test('a list that was never loaded does not claim that nobody waits', () =>
  inWindow('n=0&offline&never', async (page) => {
    await page.waitForSelector('.empty:has-text("Not loaded yet")');
    await mock(page, () => window.deskbellMock.connection({ state: 'connecting' }));
    await page.waitForSelector('[aria-busy=true]:has-text("Loading conversations…")');
    await mock(page, () => window.deskbellMock.goOnline());
    await page.waitForSelector('.empty:has-text("All caught up")');
  }));

test('20,000 conversations scroll, and only those on the screen are drawn', () =>
  inWindow('n=20000', async (page) => {
    const list = page.locator('[role=listbox]');
    await page.waitForSelector('[role=option]');
    let most = 0;
    for (const part of [0.1, 0.35, 0.5, 0.9, 1, 0]) {
      await list.evaluate((box, share) => (box.scrollTop = share * (box.scrollHeight - box.clientHeight)), part);
      await until(page, () => {
        const box = document.querySelector('[role=listbox]');
        const { top, bottom } = box.getBoundingClientRect();
        const seen = [...box.querySelectorAll('[role=option]')].filter((row) => {
          const place = row.getBoundingClientRect();
          return place.bottom > top && place.top < bottom;
        });
        return seen.length >= Math.floor(box.clientHeight / 72) - 1;
      });
      most = Math.max(most, await page.locator('.conv').count());
    }
    assert.ok(most <= 40, `${most} rows are drawn at once`);

    await list.locator('[role=option]').first().click();
    await page.keyboard.press('End');
    await until(
      page,
      () =>
        document.activeElement?.getAttribute('aria-posinset') === document.activeElement?.getAttribute('aria-setsize'),
    );
    assert.match(await page.locator('[role=option][aria-selected=true]').getAttribute('aria-setsize'), /^\d{5}$/);
  }));

test('what one looks at in a scrolled list stays where it is when the list changes', () =>
  inWindow('n=200', async (page) => {
    const list = page.locator('[role=listbox]');
    await page.waitForSelector('[role=option]');
    await list.evaluate((box) => (box.scrollTop = 4_000));
    await painted(page);
    const first = () =>
      list.evaluate((box) => {
        const edge = box.getBoundingClientRect().top + 28;
        const row = [...box.querySelectorAll('[role=option]')]
          .map((element) => ({ id: element.dataset.conversation, top: element.getBoundingClientRect().top }))
          .filter(({ top }) => top >= edge)
          .sort((one, other) => one.top - other.top)[0];
        return `${row.id} ${Math.round(row.top)}`;
      });
    await until(page, () => document.querySelectorAll('[role=option]').length > 10);
    const before = await first();
    // Somebody above answers: the row leaves the first group.
    await mock(page, () => window.deskbellMock.commands.resolve({ conversation: window.deskbellMock.idAt('mine', 3) }));
    await until(page, () => document.querySelector('[role=listbox]')?.getAttribute('aria-label')?.includes('19'));
    await painted(page);
    assert.equal(await first(), before);
  }));

test('rows keep their places while the pointer moves over them, and say what is new', () =>
  inWindow('', async (page) => {
    const order = () => page.locator('[role=option] .name').allInnerTexts();
    await page.waitForSelector('[role=option]');
    const before = await order();
    const row = option(page, 'Renata Solís');
    const id = await row.getAttribute('data-conversation');
    await row.hover();
    await mock(page, (conversation) => window.deskbellMock.customerWrites(conversation, 'One more thing'), id);
    await row.locator('.preview:has-text("One more thing")').waitFor();
    assert.deepEqual(await order(), before);

    // The pointer leaves: now she stands where those stand who wait for an answer.
    await page.mouse.move(900, 300);
    await until(
      page,
      (conversation) =>
        document.querySelectorAll('[role=option]')[5]?.getAttribute('data-conversation') === conversation,
      id,
    );
    assert.notDeepEqual(await order(), before);
  }));

test('a long thread shows its end, loads what is older without a jump, and draws a part of it', () =>
  inWindow('long', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    const thread = page.locator('.msgs');
    await bubble(page, '¿Y cuánto tarda la entrega a domicilio?').waitFor();
    assert.ok(
      await thread.evaluate((box) => box.scrollHeight - box.clientHeight - box.scrollTop < 2),
      'the end is on the screen',
    );

    // Where the first message that is wholly on the screen stands, before and after older ones came.
    const seen = () =>
      thread.evaluate((box) => {
        const edge = box.getBoundingClientRect().top;
        const first = [...box.querySelectorAll('[data-message]')].find(
          (element) => element.getBoundingClientRect().top >= edge,
        );
        return { id: first.dataset.message, top: first.getBoundingClientRect().top };
      });
    let oldest = Number.POSITIVE_INFINITY;
    for (let times = 0; times < 12; times += 1) {
      await thread.evaluate((box) => (box.scrollTop = Math.max(0, box.scrollTop - 700)));
      const before = await seen();
      await painted(page);
      await painted(page);
      const top = await page
        .locator(`[data-message="${before.id}"]`)
        .evaluate((element) => element.getBoundingClientRect().top);
      assert.ok(Math.abs(top - before.top) <= 2, `the message moved by ${top - before.top} px`);
      const numbers = await thread.evaluate((box) =>
        [...box.querySelectorAll('[data-message]')].map((element) =>
          Number(/Older message (\d+)/.exec(element.textContent ?? '')?.[1] ?? 9_999),
        ),
      );
      oldest = Math.min(oldest, ...numbers);
    }
    assert.ok(oldest < 1_950, `older messages came: down to ${oldest}`);
    assert.ok((await page.locator('[data-message]').count()) < 90, 'only a part of the thread is drawn');

    const conversation = await page.locator('[aria-selected=true]').getAttribute('data-conversation');
    const before = await seen();
    await mock(page, (id) => window.deskbellMock.customerWrites(id, 'a new one'), conversation);
    await page.waitForSelector('.jump:has-text("1 new message")');
    assert.ok(Math.abs((await seen()).top - before.top) <= 2, 'a new message moves nothing that is read');
    await page.click('.jump');
    await bubble(page, 'a new one').waitFor();
    assert.equal(await page.locator('.jump').count(), 0);
  }));

test('a new message is announced with its sender', () =>
  inWindow('', async (page) => {
    await option(page, 'Marcus Oyelaran').click();
    await bubble(page, 'The warning light').waitFor();
    await mock(
      page,
      (id) => window.deskbellMock.customerWrites(id, 'And now it is gone'),
      await option(page, 'Marcus Oyelaran').getAttribute('data-conversation'),
    );
    await page.waitForSelector('[aria-live=polite]:text-is("Marcus Oyelaran: And now it is gone")');
    await bubble(page, 'And now it is gone').waitFor();
  }));

test('what customers write is text, never markup, and cannot turn the direction of a line', () =>
  inWindow('', async (page) => {
    const row = option(page, 'Marcus Oyelaran');
    await row.click();
    const id = await row.getAttribute('data-conversation');
    await mock(page, ([conversation, text]) => window.deskbellMock.customerWrites(conversation, text), [
      id,
      '<img src=x onerror=alert(1)> *bold* \u202Egnp.exe',
    ]);
    const message = bubble(page, '<img src=x onerror=alert(1)>');
    await message.waitFor();
    assert.equal(await message.locator('img').count(), 0);
    assert.equal(await message.locator('strong').innerText(), 'bold');
    assert.doesNotMatch(await message.innerText(), /\u202E/);
  }));

test('a long text is folded until somebody asks for it', () =>
  inWindow('', async (page) => {
    const row = option(page, 'Marcus Oyelaran');
    await row.click();
    const id = await row.getAttribute('data-conversation');
    await mock(page, ([conversation, text]) => window.deskbellMock.customerWrites(conversation, text), [
      id,
      `start ${'word '.repeat(800)}end`,
    ]);
    const message = bubble(page, 'start word');
    await message.waitFor();
    assert.doesNotMatch(await message.innerText(), /end/);
    await message.locator('button[aria-expanded=false]').click();
    assert.match(await message.innerText(), /end/);
  }));

test('the theme follows the choice, by key and by menu, and the system where that is the choice', () =>
  inWindow('', async (page) => {
    const theme = () => page.evaluate(() => document.documentElement.dataset.theme);
    await page.waitForSelector('[role=option]');
    assert.equal(await theme(), 'light');
    await page.emulateMedia({ colorScheme: 'dark' });
    await until(page, () => document.documentElement.dataset.theme === 'dark');
    await page.keyboard.press('Control+Shift+L');
    await until(page, () => document.documentElement.dataset.theme === 'light');
    await page.click('[aria-label=Theme]');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await until(page, () => document.documentElement.dataset.theme === 'dark');
    await until(page, () => document.activeElement?.getAttribute('aria-label') === 'Theme');
  }));

test('signing out asks what becomes of what was not sent', () =>
  inWindow('offline', async (page) => {
    await option(page, 'Lucía Ferrán').click();
    await page.fill('textarea', 'not sent yet');
    await page.keyboard.press('Control+Enter');
    await bubble(page, 'not sent yet').waitFor();
    await page.click('[aria-label="Nadia Brandt, your account"]');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog:has-text("Choose what happens to them")');
    await until(page, () => document.activeElement?.textContent === 'Cancel');
    assert.ok(await page.isDisabled('input[value=send]'), 'nothing can be sent offline');
    await page.keyboard.press('Escape');
    assert.equal(await page.locator('dialog').count(), 0);
    await page.click('[aria-label="Nadia Brandt, your account"]');
    await page.keyboard.press('Enter');
    await page.check('input[value=keep]');
    await page.click('dialog button:has-text("Sign out")');
    await page.waitForSelector('#password');
  }));

test('the shortcut sheet opens with ?, and its switch turns single letters off', () =>
  inWindow('', async (page) => {
    await page.waitForSelector('[role=option]');
    await page.keyboard.press('?');
    await page.waitForSelector('dialog:has-text("Keyboard shortcuts")');
    await page.uncheck('dialog input[type=checkbox]');
    await page.keyboard.press('Escape');
    await page.keyboard.press('j');
    await painted(page);
    assert.equal(await page.locator('[aria-selected=true]').count(), 0);
    assert.equal(await mock(page, () => window.deskbellMock.commands.preferences({}).single_keys), false);
  }));

test('at 200 % zoom everything is reached and nothing is cut off sideways', () =>
  inWindow(
    '',
    async (page) => {
      await option(page, 'Lucía Ferrán').click();
      await page.waitForSelector('textarea');
      const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
      assert.equal(wide, false);
      for (const button of await page.locator('.act button, .dock button').all()) {
        const place = await button.boundingBox();
        assert.ok(place.x >= 0 && place.x + place.width <= 550, 'a button is outside of the window');
      }
    },
    { viewport: { width: 550, height: 350 } },
  ));

test('the language follows the user', () =>
  inWindow(
    'signedout',
    async (page) => {
      assert.equal(await page.innerText('h1'), 'Iniciar sesión');
      assert.equal(await page.getAttribute('html', 'lang'), 'es');
    },
    { locale: 'es-MX' },
  ));

test('nothing is inline, and nothing of the stand-in host is in the build for people', async () => {
  const dist = new URL('../../dist/', import.meta.url).pathname;
  const mockWords = /Northgate|Lucía|deskbellMock|correct horse/;
  const files = await readdir(dist, { recursive: true });
  assert.ok(files.some((name) => name.endsWith('.js')));
  for (const name of files.filter((file) => /\.(js|css|html)$/.test(file))) {
    const text = await readFile(dist + name, 'utf8');
    assert.doesNotMatch(text, mockWords, name);
    assert.doesNotMatch(text, /url\(["']?data:/, name);
  }
  const page = await readFile(`${dist}index.html`, 'utf8');
  assert.doesNotMatch(page, /<style|\sstyle=|<script(?![^>]*\ssrc=)/);

  // The search finds what it looks for where that is.
  const mockDist = new URL('../../dist-mock/', import.meta.url).pathname;
  const texts = await Promise.all(
    (await readdir(mockDist, { recursive: true }))
      .filter((file) => file.endsWith('.js'))
      .map((file) => readFile(mockDist + file, 'utf8')),
  );
  assert.ok(texts.some((text) => mockWords.test(text)));
});
