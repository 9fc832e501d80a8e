// Workspaces: chosen after signing in, marked, and never mixed.
import assert from 'node:assert/strict';
import { Client } from './support/api.mjs';
import { setStage } from './support/stage.mjs';
import {
    answered,
    ask,
    button,
    chooseAsPerson,
    eventually,
    field,
    givePassword,
    heading,
    keyboard,
    pointer,
    questions,
} from './support/steps.mjs';
import { freshCode } from './support/totp.mjs';

const stage = setStage();
const SECRET = {
    text: 'SECRET//HARBOUR',
    background: '#c8102e',
    color: '#ffffff',
};
const marking = (page) => page.getByLabel('Classification, top of the page');
const chatList = (page) => page.getByRole('navigation', { name: 'Chats and pages' });

/** The admin without a browser; once for all tests, since codes are few. */
async function admin() {
    stage.admin ??= await Client.signIn(stage.appliance, stage.appliance.person('admin'));
    return stage.admin;
}

async function findPerson(username) {
    const { items } = await (await admin()).call('GET', `/api/v1/admin/people?query=${username}`);
    return items.find((person) => person.username === username);
}

/** A second workspace with this person in it; they sign in and stand before the choice. */
async function beforeTheChoice(username, workspace) {
    const person = stage.appliance.person(username);
    const { id } = await findPerson(username);
    const client = await admin();
    const made = await client.createWorkspace(workspace, {
        marking: SECRET,
        people: [id],
    });
    const visitor = await stage.arrive();
    const { page } = visitor;
    await page.goto('/');
    await givePassword(page, person);
    await field(page, 'Code').fill(await freshCode(person));
    await button(page, 'Confirm').click();
    await heading(page, 'Choose a workspace').waitFor();
    return { visitor, page, made, client };
}

stage.test('who is in two chooses one, and nothing of it is seen in the other', async () => {
    const { visitor, page } = await beforeTheChoice('analyst1', 'Harbour desk');
    assert.equal(await page.locator('.shell').count(), 0);
    await visitor.portray('choose-workspace');
    await keyboard.press(page.getByRole('button', { name: /^Harbour desk/ }));
    await field(page, 'Message').waitFor();
    assert.equal((await marking(page).innerText()).trim(), SECRET.text);
    await ask(page, 'Which ships lie in the harbour of Quetzal?');
    await answered(page);
    await visitor.portray('marked-chat');
    const address = page.url();
    await field(page, 'Message').fill('and half a thought about Quetzal');

    await chooseAsPerson(page, keyboard, 'Switch workspace');
    const dialog = page.getByRole('dialog', { name: 'Switch workspace' });
    await dialog.getByText('What you have typed and not sent is lost.').waitFor();
    await visitor.portray('switch-workspace');
    await keyboard.press(dialog.getByRole('button', { name: /^General/ }));
    await page.getByText('No chats yet. Your first question starts one.').waitFor();
    assert.equal(await marking(page).count(), 0, 'the marking went with the workspace');
    const seen = () => page.content().then((html) => html.includes('Quetzal'));
    assert.ok(!(await seen()));
    assert.equal(await field(page, 'Message').inputValue(), '');
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }]));
    assert.ok(!kept.includes('Quetzal'), 'nothing is kept in the browser');
    await page.keyboard.press('Control+K');
    await page.keyboard.type('Quetzal');
    await page.getByText('No chat has these words.').waitFor();
    await page.keyboard.press('Escape');
    await page.goto(address);
    await page.getByText('It may have been deleted, or it is not yours.').waitFor();
    visitor.expectRefusal('GET /api/v1/chats/');
    // The browser's own memory of the page before does not bring it back.
    await page.goBack();
    await heading(page, 'New chat').waitFor();
    assert.ok(!(await seen()));

    await chooseAsPerson(page, pointer, 'Switch workspace');
    await page
        .getByRole('dialog')
        .getByRole('button', { name: /^Harbour desk/ })
        .click();
    await chatList(page)
        .getByRole('link', { name: /Quetzal/ })
        .waitFor();
    visitor.takeRefusals('GET /api/v1/chats/');
    visitor.check();
});

stage.test('another tab leaves with the first, and a lost membership is felt at the next step', async () => {
    const { visitor, page, made, client } = await beforeTheChoice('analyst2', 'Pier');
    await page.getByRole('button', { name: /^Pier/ }).click();
    await ask(page, 'What is a pier?');
    await answered(page);
    const second = await visitor.context.newPage();
    await second.goto(page.url());
    await questions(second).first().waitFor();
    await chooseAsPerson(page, pointer, 'Switch workspace');
    await page
        .getByRole('dialog')
        .getByRole('button', { name: /^General/ })
        .click();
    await page.getByText('No chats yet. Your first question starts one.').waitFor();
    await second.getByText('No chats yet. Your first question starts one.').waitFor();
    await second.close();

    await chooseAsPerson(page, pointer, 'Switch workspace');
    await page.getByRole('dialog').getByRole('button', { name: /^Pier/ }).click();
    await eventually('the marking', () => marking(page).count());
    // The page of the workspace is there, not only on its way: one that comes later would not let them in at all.
    await chatList(page).getByRole('link', { name: /pier/i }).waitFor();
    await client.call('PATCH', `/api/v1/admin/workspaces/${made.id}`, {
        people: [],
    });
    await field(page, 'Message').fill('Am I still here?');
    await page.keyboard.press('Enter');
    // One workspace is left: nothing to choose but that.
    await eventually('the marking is gone', async () => (await marking(page).count()) === 0);
    assert.ok(!(await page.content()).includes('What is a pier?'));
    visitor.takeRefusals('POST /api/v1/chats 403');
    visitor.takeRefusals('POST /api/v1/chats 404');
    visitor.takeRefusals('GET /api/v1/chats 403');
    visitor.check();
});
