// A chat from its first question on: streaming, stopping, versions, editing, reloading; by pointer and by keyboard.
import assert from 'node:assert/strict';
import { setStage } from './support/stage.mjs';
import {
    answered,
    answers,
    answerText,
    ask,
    button,
    eventually,
    field,
    grown,
    keyboard,
    pointer,
    questions,
    reach,
} from './support/steps.mjs';

const LONG = 'Write a very long story about a lighthouse and its keeper, in ten chapters.';
const CAPITAL = 'What is the capital of France?';

const stage = setStage();

const version = (message, text) => message.getByRole('img', { name: text, exact: true });
/** The words of the branch that is shown, and where it stands among its versions. */
const shown = (page) => page.locator('.bubble, .answer, .versions').allInnerTexts();
/** What a click or a key sends to the appliance about which branch is shown. */
const kept = (page) => page.waitForResponse((response) => response.request().method() === 'PATCH');

stage.test('the answer to a question is right, and announced', async () => {
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    await visitor.askForLikeliest();
    await ask(page, CAPITAL);
    assert.match(await answered(page), /Paris/);
    assert.match(new URL(page.url()).pathname, /^\/chats\/[0-9a-f-]{36}$/);
    await page.getByRole('heading', { level: 1, name: CAPITAL }).waitFor();
    await page
        .getByRole('navigation', { name: 'Chats and pages' })
        .getByRole('link', { name: CAPITAL })
        .waitFor();
    const heard = page.getByRole('log', { name: 'Announcements' });
    assert.match(await heard.innerText(), /The answer begins\.[^]*Paris[^]*The answer is complete\./);
    visitor.check();
});

stage.test('an answer grows in many steps', async () => {
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    // Every length that the answer has on its way.
    await page.evaluate(() => {
        globalThis.lengths = new Set();
        new MutationObserver(() => {
            const answer = document.querySelector('article.message.assistant .answer');
            if (answer) globalThis.lengths.add(answer.textContent.length);
        }).observe(document.body, { subtree: true, childList: true, characterData: true });
    });
    await visitor.askForLikeliest();
    await ask(page, LONG);
    await grown(page, 300);
    const lengths = await page.evaluate(() => [...globalThis.lengths]);
    assert.ok(lengths.length >= 10, `300 characters came in ${lengths.length} steps: ${lengths}`);
    await page.keyboard.press('Escape');
    await page.getByText('Stopped here.').waitFor();
    visitor.check();
});

for (const hand of [pointer, keyboard]) {
    stage.test(`versions of questions and answers, by ${hand.name}`, async () => {
        const visitor = await stage.signedIn(hand === pointer ? 'analyst1' : 'analyst2');
        const { page } = visitor;
        await ask(page, CAPITAL);
        const first = await answered(page);

        await hand.press(button(page, 'Regenerate answer'));
        await version(answers(page), 'Version 2 of 2').waitFor();
        assert.match(await answered(page), /\S/);
        let saved = kept(page);
        await hand.press(button(page, 'Previous version'));
        await version(answers(page), 'Version 1 of 2').waitFor();
        await saved;
        assert.equal((await answerText(page).innerText()).trim(), first);

        await hand.press(button(page, 'Edit question'));
        const editing = field(page, 'Edit your question');
        await eventually('the field has the focus', () =>
            editing.evaluate((element) => element === document.activeElement),
        );
        await page.keyboard.press('ControlOrMeta+A');
        await page.keyboard.type('What is the capital of Japan?');
        await hand.press(button(page, 'Send as new version'));
        await version(questions(page), 'Version 2 of 2').waitFor();
        await answered(page);
        assert.equal(await questions(page).count(), 1, 'the edited question stands instead of the first one');
        assert.match(await questions(page).innerText(), /Japan/);

        saved = kept(page);
        await hand.press(questions(page).getByRole('button', { name: 'Previous version' }));
        await version(questions(page), 'Version 1 of 2').waitFor();
        await saved;
        const before = await shown(page);
        assert.match(before[0], /France/);
        await page.reload();
        await version(questions(page), 'Version 1 of 2').waitFor();
        assert.deepEqual(await shown(page), before);
        visitor.check();
    });

    stage.test(`a long answer is stopped, by ${hand.name}`, async () => {
        const visitor = await stage.signedIn(hand === pointer ? 'analyst1' : 'analyst2');
        const { page } = visitor;
        await visitor.askForLikeliest();
        await ask(page, LONG);
        await grown(page, 60);
        if (hand === pointer) await button(page, 'Stop').click();
        else await page.keyboard.press('Escape');
        await page.getByText('Stopped here.').waitFor();
        const text = await answerText(page).innerText();
        await page.reload();
        await page.getByText('Stopped here.').waitFor();
        // The page may still be drawing it.
        const isKept = async () => (await answerText(page).innerText()).trim() === text.trim();
        await eventually('what was written, shown again,', isKept);
        visitor.check();
    });
}

stage.test('an answer goes on while its page is loaded again', async () => {
    const visitor = await stage.signedIn('analyst2');
    const { page } = visitor;
    await visitor.askForLikeliest();
    await ask(page, LONG);
    const before = (await grown(page, 120)).slice(0, 60);
    await page.reload();
    await button(page, 'Stop').waitFor();
    const after = await grown(page, 300);
    assert.equal(after.slice(0, 60), before);
    await page.keyboard.press('Escape');
    await page.getByText('Stopped here.').waitFor();
    visitor.check();
});

stage.test('an answer goes on while one is elsewhere', async () => {
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    await visitor.askForLikeliest();
    await ask(page, LONG);
    const before = (await grown(page, 60)).slice(0, 30);
    await page.getByRole('link', { name: 'Help', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'Help' }).waitFor();
    await page.goBack();
    assert.equal((await grown(page, 200)).slice(0, 30), before);
    await button(page, 'Stop').click();
    await page.getByText('Stopped here.').waitFor();
    visitor.check();
});

stage.test('the arrow key edits the last question, Escape leaves it', async () => {
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    await ask(page, CAPITAL);
    await answered(page);
    await reach(field(page, 'Message'));
    await page.keyboard.press('ArrowUp');
    await field(page, 'Edit your question').waitFor();
    await page.keyboard.press('Escape');
    await field(page, 'Edit your question').waitFor({ state: 'detached' });
    assert.equal(await version(questions(page), 'Version 1 of 2').count(), 0);
    // An empty message is not sent, and the page says why.
    await reach(button(page, 'Send'));
    await page.keyboard.press('Enter');
    await page.getByText('Write a message first.').waitFor();
    visitor.check();
});
