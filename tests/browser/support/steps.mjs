// What people do on the page, by its accessible names.
import assert from 'node:assert/strict';
import { setTimeout as wait } from 'node:timers/promises';
import { freshCode } from './totp.mjs';

const POLL_MS = 50;
/** For an answer of the model on a slow machine. */
export const ANSWER_MS = 90_000;
const MOST_PRESSES = 80;

/** Waits until `look` gives something true, and returns it. */
export async function eventually(what, look, limit = 20_000) {
    const end = Date.now() + limit;
    for (;;) {
        const found = await look();
        if (found) return found;
        assert.ok(Date.now() < end, `${what} did not happen in ${limit / 1000} s`);
        await wait(POLL_MS);
    }
}

/** Two ways to use the page: each reaches a control and works it, or an item of the menu that is open. */
export const pointer = {
    name: 'pointer',
    press: (target) => target.click(),
    choose: (item) => item.click(),
};
export const keyboard = {
    name: 'keyboard',
    press: (target) => reach(target).then(() => target.press('Enter')),
    choose: (item) => reach(item, 'ArrowDown').then(() => item.press('Enter')),
};

/** One key, as often as it takes, until the control has the focus. */
export async function reach(target, key = 'Tab') {
    await target.waitFor();
    for (let presses = 0; presses <= MOST_PRESSES; presses++) {
        if (await target.evaluate((element) => element === document.activeElement)) return;
        await target.page().keyboard.press(key);
    }
    assert.fail(`${target} cannot be reached by the key ${key}`);
}

export const field = (page, name) => page.getByRole('textbox', { name, exact: true });
export const button = (page, name) => page.getByRole('button', { name, exact: true });
export const passwordField = (page) => page.getByLabel('Password', { exact: true });

/** Name and password by pointer; the page for the code or for enrolment comes next. */
export async function givePassword(page, { username, password }) {
    await field(page, 'User name').fill(username);
    await passwordField(page).fill(password);
    await button(page, 'Sign in').click();
}

export async function signIn(visitor, person, path = '/') {
    const { page } = visitor;
    await page.goto(path);
    await givePassword(page, person);
    await field(page, 'Code').fill(await freshCode(person));
    await button(page, 'Confirm').click();
    await button(page, `Sign out ${person.username}`).waitFor();
    // Whoever asks for a page of theirs is first told that nobody is signed in.
    if (!['/', '/sign-in'].includes(path)) visitor.expectRefusal('GET /api/v1/me 401');
}

export const heading = (page, name) => page.getByRole('heading', { level: 1, name, exact: true });

/** The first sign-in, from the form on: the authenticator is connected, the recovery codes are put away. */
export async function enrol(visitor, person) {
    const { page } = visitor;
    await givePassword(page, person);
    await heading(page, 'Set up your code').waitFor();
    person.totp_secret = (await page.locator('.secret code').innerText()).replace(/\s/g, '');
    await field(page, 'Code').fill(await freshCode(person));
    await button(page, 'Confirm').click();
    await page.getByRole('checkbox', { name: 'I have kept these codes in a safe place' }).check();
    await button(page, 'Continue').click();
    await button(page, `Sign out ${person.username}`).waitFor();
}

/** Gives password and code to the dialog that asks for them. */
export async function prove(page, person) {
    const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' });
    await dialog.getByLabel('Your password').fill(person.password);
    await dialog.getByLabel('Your code').fill(await freshCode(person));
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await dialog.waitFor({ state: 'detached' });
}

/** An item of the menu at the right top. */
export async function chooseAsPerson(page, hand, name) {
    await hand.press(page.getByRole('button', { name: /^You: / }).filter({ visible: true }));
    await hand.choose(page.getByRole('menuitem', { name }));
}

export const messages = (page) => page.getByRole('region', { name: 'Messages' }).locator('article');
export const answers = (page) => page.locator('article.message.assistant');
export const questions = (page) => page.locator('article.message.user');
export const answerText = (page) => answers(page).last().locator('.answer');

/** Sends a question; returns once the appliance has taken it. */
export async function ask(page, question) {
    const before = await questions(page).count();
    await field(page, 'Message').fill(question);
    await page.keyboard.press('Enter');
    await questions(page).nth(before).waitFor();
}

/** Waits for the end of the answer under way and returns its text. */
export async function answered(page) {
    await button(page, 'Send').waitFor({ timeout: ANSWER_MS });
    await button(page, 'Regenerate answer').last().waitFor();
    return (await answerText(page).innerText()).trim();
}

/** Waits until the answer under way has at least so many characters; returns its text. */
export async function grown(page, characters) {
    const look = async () => {
        const text = await answerText(page).innerText();
        return text.length >= characters && text;
    };
    return eventually(`an answer of ${characters} characters`, look, ANSWER_MS);
}
