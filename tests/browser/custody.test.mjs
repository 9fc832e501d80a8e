// What is kept for a law, what goes in its time, and what is erased after a spill: two people each.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setStage } from './support/stage.mjs';
import {
    answered,
    ask,
    button,
    eventually,
    field,
    heading,
    keyboard,
    messages,
    pointer,
} from './support/steps.mjs';

const stage = setStage();
const REFUSED_MS = 20_000;
const toast = (page, text) => page.getByRole('status', { name: 'Notifications' }).getByText(text).waitFor();
const list = (page, name) => page.getByRole('list', { name, exact: true });

async function as(username, path) {
    const visitor = await stage.signedIn(username);
    await visitor.page.goto(path);
    return { visitor, page: visitor.page };
}

/** Asks a question and returns the number of its chat. */
async function newChat(page, question) {
    await page.goto('/chats');
    await ask(page, question);
    await answered(page);
    return new URL(page.url()).pathname.split('/').at(-1);
}

async function deleteShownChat(page) {
    await page
        .locator('.chat-header')
        .getByRole('button', { name: /^Options for/ })
        .click();
    await page.getByRole('menuitem', { name: 'Delete' }).click();
}

stage.test('what an auditor holds its owner cannot delete, until it is lifted', async () => {
    const analyst = await as('analyst1', '/chats');
    const chat = await newChat(analyst.page, 'What is the capital of France?');
    const { visitor, page } = await as('auditor', '/audit/holds');
    await page.getByText('Nothing is held.').waitFor();
    await visitor.portray('holds-empty');
    await keyboard.press(button(page, 'Place a hold'));
    await keyboard.press(button(page, 'Place hold'));
    await page.getByText('Enter the user name of the person.').waitFor();
    await field(page, 'User name').fill('nobody-here');
    await field(page, /^Why/).fill('Court order 17/26');
    await keyboard.press(button(page, 'Place hold'));
    await page.getByText('There is no such person.').waitFor();
    visitor.expectRefusal('POST /api/v1/audit/holds 422');
    await visitor.portray('hold-form');
    await field(page, 'User name').fill('analyst1');
    await keyboard.press(button(page, 'Place hold'));
    await list(page, 'Holds').getByText('Court order 17/26').waitFor();
    await visitor.portray('holds');

    await deleteShownChat(analyst.page);
    // Ten seconds in which it could be taken back.
    await analyst.page
        .getByText('This is kept for a legal reason and cannot be deleted now.')
        .waitFor({ timeout: REFUSED_MS });
    analyst.visitor.expectRefusal(`DELETE /api/v1/chats/${chat} 403`);
    await analyst.page.goto(`/chats/${chat}`);
    await messages(analyst.page).first().waitFor();
    analyst.visitor.check();

    await keyboard.press(button(page, 'Lift the hold on analyst1'));
    await keyboard.press(button(page, 'Lift hold'));
    await toast(page, 'The hold on analyst1 was lifted.');
    await deleteShownChat(analyst.page);
    // Going away does what waits.
    await analyst.page.goto('/help');
    await eventually('the chat is gone', async () => {
        await analyst.page.goto(`/chats/${chat}`);
        const gone = analyst.page.getByText('It may have been deleted, or it is not yours.');
        return gone
            .or(messages(analyst.page).first())
            .waitFor()
            .then(() => gone.isVisible());
    });
    assert.ok(analyst.visitor.takeRefusals(`GET /api/v1/chats/${chat} 404`) > 0);
    analyst.visitor.check();
    visitor.check();
});

stage.test('an admin asks for a purge, an auditor agrees and takes the statement', async () => {
    const analyst = await as('analyst2', '/chats');
    const chat = await newChat(analyst.page, 'What is the capital of Norway?');
    await analyst.page.reload();
    await messages(analyst.page).first().waitFor();
    const admin = await as('admin', '/admin/purges');
    await admin.page.getByText('Nobody has asked for one.').waitFor();
    await pointer.press(button(admin.page, 'Ask for a purge'));
    await field(admin.page, 'Number of the chat').fill(`${stage.appliance.url}/chats/${chat}`);
    await field(admin.page, /^Why/).fill('A name from another network');
    await pointer.press(button(admin.page, 'Ask the auditors'));
    await toast(admin.page, 'Asked. An auditor decides it.');
    await list(admin.page, 'Purges').getByText('Waits for an auditor').waitFor();
    await admin.visitor.portray('admin-purges-asked');

    const { visitor, page } = await as('auditor', '/audit/purges');
    await list(page, 'Purges').getByText('A name from another network').waitFor();
    assert.ok(!(await page.content()).includes('Norway'), 'nothing of what was said is shown');
    await visitor.portray('purges');
    await keyboard.press(button(page, `Agree to the purge of ${chat}`));
    await field(page, 'Type analyst2 to go on').fill('somebody');
    await keyboard.press(button(page, 'Erase chat'));
    await page.getByText('Type “analyst2” exactly as it is written here.').waitFor();
    await field(page, 'Type analyst2 to go on').fill('analyst2');
    await keyboard.press(button(page, 'Erase chat'));
    const save = button(page, `Save the statement on ${chat}`);
    await save.waitFor();
    const [download] = await Promise.all([page.waitForEvent('download'), keyboard.press(save)]);
    const statement = await readFile(await download.path(), 'utf8');
    assert.match(statement, /analyst2 \(.*\): chat\.open/);
    assert.match(statement, /-----BEGIN SSH SIGNATURE-----/);
    assert.ok(statement.includes(chat) && !statement.includes('Norway'), statement);
    await visitor.portray('purges-done');
    await analyst.page.goto(`/chats/${chat}`);
    await analyst.page.getByText('It may have been deleted, or it is not yours.').waitFor();
    analyst.visitor.expectRefusal(`GET /api/v1/chats/${chat} 404`);
    await admin.page.reload();
    await list(admin.page, 'Purges').getByText('Done').waitFor();
    [analyst.visitor, admin.visitor, visitor].forEach((one) => one.check());
});

stage.test('how long chats are kept is set on the page of a workspace', async () => {
    const { visitor, page } = await as('admin', '/admin/retention');
    await page.getByText('Every workspace keeps its chats for ever.').waitFor();
    await page.getByText('No chat is archived.').waitFor();
    await page.goto('/admin/workspaces/general');
    await page.getByRole('combobox', { name: 'Chats' }).selectOption('archive');
    await page.getByRole('spinbutton', { name: 'after days' }).fill('0');
    await keyboard.press(button(page, 'Save retention'));
    await page.getByText('Days: a whole number from 1 to 36500.').waitFor();
    await page.getByRole('spinbutton', { name: 'after days' }).fill('30');
    await keyboard.press(button(page, 'Save retention'));
    await toast(page, 'How long chats are kept was saved.');
    await page.goto('/admin/retention');
    await heading(page, 'Retention').waitFor();
    await page.getByRole('row', { name: /General 30 days archived 0/ }).waitFor();
    await visitor.portray('admin-retention-set');
    await page.goto('/admin/workspaces/general');
    await page.getByRole('combobox', { name: 'Chats' }).selectOption('keep');
    await keyboard.press(button(page, 'Save retention'));
    await keyboard.press(button(page, 'Undo'));
    await toast(page, 'It is as it was.');
    visitor.check();
});
