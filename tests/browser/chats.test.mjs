// The list of chats: rename, delete and undo, search, export.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setStage } from './support/stage.mjs';
import { answered, ask, button, eventually, field, keyboard, pointer, reach } from './support/steps.mjs';

const stage = setStage();
const sidebar = (page) => page.getByRole('navigation', { name: 'Chats and pages' });
const item = (page, name) => page.getByRole('menuitem', { name, exact: true });

/** Someone signed in with one finished chat of this title. */
async function withChat(username, title) {
    const visitor = await stage.signedIn(username);
    const { page } = visitor;
    await visitor.askForLikeliest();
    await page.goto('/chats');
    await ask(page, 'What is the capital of France?');
    const answer = await answered(page);
    await rename(page, pointer, 'What is the capital of France?', title);
    return { visitor, page, answer };
}

async function rename(page, hand, from, to) {
    await hand.press(
        sidebar(page)
            .getByRole('button', { name: `Options for ${from}` })
            .first(),
    );
    await hand.choose(item(page, 'Rename'));
    await field(page, 'Chat title').waitFor();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type(to);
    await page.keyboard.press('Enter');
    await sidebar(page).getByRole('link', { name: to, exact: true }).waitFor();
    await page.getByRole('heading', { level: 1, name: to, exact: true }).waitFor();
}

stage.test('a chat is renamed, by keyboard too, and keeps its name', async () => {
    const { visitor, page } = await withChat('analyst1', 'Lighthouses');
    await rename(page, keyboard, 'Lighthouses', 'Harbours');
    await page.reload();
    await page.getByRole('heading', { level: 1, name: 'Harbours', exact: true }).waitFor();
    assert.equal(await page.title(), 'Harbours · Redoubt');
    visitor.check();
});

stage.test('a deleted chat comes back by undo, and is gone without', async () => {
    const { visitor, page } = await withChat('analyst2', 'Passing thoughts');
    const link = sidebar(page).getByRole('link', { name: 'Passing thoughts', exact: true });
    const address = page.url();
    const remove = async (hand) => {
        await hand.press(sidebar(page).getByRole('button', { name: 'Options for Passing thoughts' }));
        await hand.choose(item(page, 'Delete'));
        await link.waitFor({ state: 'detached' });
    };
    await remove(keyboard);
    await keyboard.press(button(page, 'Undo'));
    await link.waitFor();
    await page.reload();
    await link.waitFor();

    await remove(pointer);
    // Leaving the page settles what is waiting for its undo.
    await page.goto('/help');
    await page.getByRole('heading', { level: 1, name: 'Help' }).waitFor();
    visitor.check();
    await page.goto(address);
    await page
        .getByRole('alert')
        .filter({ hasText: 'It may have been deleted, or it is not yours.' })
        .waitFor();
    visitor.expectRefusal('GET /api/v1/chats/');
    assert.equal(await link.count(), 0);
    visitor.check();
});

stage.test('search finds the words of a chat and goes there, by keyboard', async () => {
    const { visitor, page } = await withChat('analyst1', 'Geography lesson');
    await page.goto('/chats');
    await field(page, 'Message').waitFor();
    await page.keyboard.press('Control+K');
    const dialog = page.getByRole('dialog', { name: 'Search and go' });
    await dialog.getByRole('combobox', { name: 'Search your chats' }).waitFor();
    await page.keyboard.type('Geogr');
    await dialog.getByRole('option', { name: /Geography lesson/ }).waitFor();
    await page.keyboard.press('ControlOrMeta+A');
    // A word of the answer, and with it what would be syntax to a search engine.
    await page.keyboard.type('Paris');
    await dialog.getByText(/\d+ places? found/).waitFor();
    assert.ok((await dialog.locator('mark').count()) > 0, 'what was found is marked');
    await visitor.portray('search');
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('"Paris* OR (NEAR');
    await dialog.getByText('No chat has these words.').waitFor();
    await page.keyboard.press('ControlOrMeta+A');
    await page.keyboard.type('Geography');
    await dialog.getByText('1 place found').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { level: 1, name: 'Geography lesson' }).waitFor();
    visitor.check();
});

stage.test(
    'while somebody types, searches are a second apart, and the last one is of what was typed',
    async () => {
        const { visitor, page } = await withChat('analyst1', 'Oceanography');
        const asked = [];
        page.on('request', (request) => {
            const url = new URL(request.url());
            if (url.pathname === '/api/v1/search')
                asked.push({ at: Date.now(), query: url.searchParams.get('q') });
        });
        await page.keyboard.press('Control+K');
        const dialog = page.getByRole('dialog', { name: 'Search and go' });
        await dialog.getByRole('combobox', { name: 'Search your chats' }).waitFor();
        await page.keyboard.type('Oceanography', { delay: 250 });
        await dialog.getByText(/\d+ places? found/).waitFor();
        assert.equal(asked.at(-1).query, 'Oceanography');
        assert.ok(asked.length >= 2, 'there are hits while one types');
        const apart = asked.slice(1).map(({ at }, index) => at - asked[index].at);
        // The times are those of the test, not of the page.
        assert.ok(Math.min(...apart) > 900, `searches were ${apart} ms apart`);
        visitor.check();
    },
);

stage.test('nobody finds or opens the chat of another person', async () => {
    const { visitor, page } = await withChat('analyst2', 'Private matters');
    const address = new URL(page.url()).pathname;
    const other = await stage.signedIn('analyst1');
    await other.page.keyboard.press('Control+K');
    await other.page.keyboard.type('Private matters');
    await other.page.getByText('No chat has these words.').waitFor();
    other.check();
    await other.page.goto(address);
    await other.page.getByText('It may have been deleted, or it is not yours.').waitFor();
    other.expectRefusal('GET /api/v1/chats/');
    other.check();
    visitor.check();
});

stage.test('a chat is exported as Markdown and as JSON', async () => {
    const { visitor, page, answer } = await withChat('analyst1', 'For the file');
    const save = async (kind) => {
        await button(page, 'Options for For the file').first().click();
        const download = page.waitForEvent('download');
        await item(page, kind).click();
        const file = await download;
        return { name: file.suggestedFilename(), text: await readFile(await file.path(), 'utf8') };
    };
    const markdown = await save('Export as Markdown');
    assert.equal(markdown.name, 'for-the-file.md');
    assert.match(markdown.text, /^# For the file\n/);
    assert.match(markdown.text, /## Question · [^\n]+\n\nWhat is the capital of France\?\n/);
    assert.ok(markdown.text.includes(answer.split('\n')[0]), 'the answer is in the file');

    const json = await save('Export as JSON');
    assert.equal(json.name, 'for-the-file.json');
    const chat = JSON.parse(json.text);
    assert.equal(chat.title, 'For the file');
    assert.deepEqual(
        chat.messages.map(({ role, status }) => `${role} ${status}`),
        ['user done', 'assistant done'],
    );
    assert.equal(chat.messages[1].parent, chat.messages[0].id);
    visitor.check();
});

stage.test('the keys are listed, and lead to a new chat', async () => {
    const { visitor, page } = await withChat('analyst2', 'Keys');
    // Not while typing: there a question mark is one.
    await reach(sidebar(page).getByRole('link', { name: 'Help' }));
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keyboard shortcuts' }).waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await page.keyboard.press('Control+Shift+O');
    await eventually('the page of a new chat', () => new URL(page.url()).pathname === '/chats');
    visitor.check();
});
