// Answers that want to do harm, in the real page with its real policy: nothing is fetched, nothing runs, nothing leads away.
// The appliance's own answers are replaced on their way to the page, because so small a model cannot be made to say these.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setStage } from './support/stage.mjs';
import { ANSWER_MS, answered, answers, ask, button, eventually } from './support/steps.mjs';

const { cases } = JSON.parse(
    await readFile(new URL('../fixtures/hostile-markdown.json', import.meta.url), 'utf8'),
);
const LEAST_CASES = 200;
/** Buttons of answers (copying a link, a picture's address, code) that are really pressed. */
const PRESSED = 12;

const stage = setStage();

/** Counts what must not happen beside what every visitor is watched for: other pages, frames, dialogs, other addresses. */
function watch({ page, context, origin }) {
    const happened = [];
    context.on('page', (other) => happened.push(`a window: ${other.url()}`));
    page.on('frameattached', () => happened.push('a frame'));
    page.on('dialog', (dialog) => {
        happened.push(`a dialog: ${dialog.message()}`);
        return dialog.dismiss();
    });
    page.on('framenavigated', (frame) => {
        if (!frame.url().startsWith(`${origin}/chats`)) happened.push(`navigation to ${frame.url()}`);
    });
    page.on('download', (download) => happened.push(`a download: ${download.url()}`));
    return happened;
}

/** A chat whose answers are these, each to the question that was really asked. */
function withAnswers(chat, texts) {
    const [question, answer] = chat.messages;
    const messages = texts.flatMap((content, number) => [
        { ...question, id: `question-${number}`, parent: number === 0 ? null : `answer-${number - 1}` },
        { ...answer, id: `answer-${number}`, parent: `question-${number}`, content },
    ]);
    return { ...chat, messages, head: `answer-${texts.length - 1}` };
}

/** What an answer must not consist of, as the browser has it. */
function offences(page) {
    return page.evaluate(() => {
        const forbidden =
            'a, img, picture, source, script, iframe, frame, object, embed, form, input, style, link, meta, base, ' +
            'audio, video, track, area, use, image, foreignObject, math, template, portal, dialog';
        const leading =
            /^(on|href$|src|srcset|action|formaction|style$|ping|poster|background|data$|xlink|srcdoc)/;
        return [...document.querySelectorAll('article.message.assistant .answer *')]
            .filter(
                (element) =>
                    element.matches(forbidden) ||
                    element.getAttributeNames().some((name) => leading.test(name)),
            )
            .map((element) => `<${element.localName} ${element.getAttributeNames().join(' ')}>`);
    });
}

stage.test(`${cases.length} hostile answers in a chat fetch, run and lead to nothing`, async () => {
    assert.ok(cases.length >= LEAST_CASES, `${cases.length} cases`);
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    await ask(page, 'What is the capital of France?');
    await answered(page);
    const happened = watch(visitor);
    const texts = cases.map(({ markdown }) => markdown);
    const path = `/api/v1${new URL(page.url()).pathname}`;
    const chat = await page.evaluate(async (address) => (await fetch(address)).json(), path);
    await page.route(`**${path}`, (route) => route.fulfill({ json: withAnswers(chat, texts) }));
    await page.reload();
    const earlier = button(page, 'Show earlier messages');
    await eventually(
        'all answers on the page',
        async () => {
            await earlier.evaluateAll((buttons) => buttons.forEach((one) => one.click()));
            return (await answers(page).count()) === texts.length;
        },
        ANSWER_MS,
    );
    await page.waitForLoadState('networkidle');
    assert.deepEqual(await offences(page), []);

    // A click on every piece of every answer, by a program and, on some buttons, by a hand.
    const clicked = await page.evaluate(() => {
        const pieces = [...document.querySelectorAll('article.message.assistant .answer *')];
        const passive = pieces.filter((piece) => !piece.closest('button'));
        for (const piece of passive)
            piece.dispatchEvent(new MouseEvent('click', { bubbles: true, cancelable: true }));
        return passive.length;
    });
    assert.ok(clicked >= texts.length, `${clicked} pieces`);
    const buttons = page.locator('article.message.assistant .answer button');
    const number = await buttons.count();
    assert.ok(number >= PRESSED, `${number} buttons`);
    for (let pressed = 0; pressed < PRESSED; pressed++) {
        const one = buttons.nth(Math.floor((pressed * number) / PRESSED));
        await one.hover();
        await one.click();
    }
    await page.waitForLoadState('networkidle');
    assert.deepEqual(happened, []);
    visitor.check();
});

stage.test('what these tests look for is seen when it happens', async () => {
    const visitor = await stage.signedIn('analyst1');
    const { page, context } = visitor;
    // Seen, and yet sent to nobody.
    await context.route('https://evil.example/**', (route) => route.abort());
    await ask(page, 'What is the capital of France?');
    await answered(page);
    await page.evaluate(() => {
        const image = document.createElement('img');
        image.src = 'https://evil.example/x.png';
        document.querySelector('article.message.assistant .answer').append(image);
    });
    assert.deepEqual(await offences(page), ['<img src>']);
    await eventually('the policy speaks', () =>
        visitor.expectProblem(/securitypolicyviolation img-src https:\/\/evil\.example/),
    );
    while (visitor.expectProblem(/evil\.example\/x\.png/));
    await page.evaluate(() => location.assign('https://evil.example/away'));
    await eventually('the way elsewhere is seen', () =>
        visitor.expectProblem(/^request to https:\/\/evil\.example\/away/),
    );
});
