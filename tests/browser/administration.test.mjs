// The administration: people, groups, rights and what becomes of them at once.
import assert from 'node:assert/strict';
import { setStage } from './support/stage.mjs';
import {
    answered,
    ask,
    button,
    enrol,
    eventually,
    field,
    heading,
    keyboard,
    pointer,
} from './support/steps.mjs';

const stage = setStage();
const toast = (page, text) => page.getByRole('status', { name: 'Notifications' }).getByText(text).waitFor();
const region = (page, name) => page.getByRole('region', { name, exact: true });

async function asAdmin(path) {
    const visitor = await stage.signedIn('admin');
    await visitor.page.goto(path);
    return { visitor, page: visitor.page };
}

/** A new analyst, made on the page; the page then shows them. */
async function createPerson(page, hand, username) {
    await hand.press(button(page, 'New person'));
    await field(page, 'User name').fill(username);
    await hand.press(button(page, 'Create person'));
    const secret = page.getByRole('group', { name: `First password of ${username}` });
    const password = (await secret.locator('code').innerText()).trim();
    const person = { username, password, role: 'analyst', totp_secret: null, lastStep: 0 };
    await page.getByRole('link', { name: `Groups and rights of ${username}` }).click();
    await heading(page, username).waitFor();
    return person;
}

stage.test('every page of the administration opens directly and loads again', async () => {
    const { visitor, page } = await asAdmin('/');
    for (const [part, name] of [
        ['people', 'People'],
        ['groups', 'Groups'],
        ['groups/everyone', 'everyone'],
        ['workspaces', 'Workspaces'],
        ['workspaces/general', 'General'],
        ['retention', 'Retention'],
        ['purges', 'Purges'],
        ['models', 'Models'],
        ['mappings', 'Mappings'],
        ['directory', 'Directory'],
        ['usage', 'Usage'],
        ['alerts', 'Alerts'],
        ['sessions', 'Sessions'],
        ['system', 'System'],
    ]) {
        await page.goto(`/admin/${part}`);
        await heading(page, name).waitFor();
        await page.locator('.skeleton').first().waitFor({ state: 'detached' });
        assert.equal(await page.locator('.note.danger').count(), 0, part);
        await visitor.portray(`admin-${part.replace('/', '-')}`);
        visitor.check();
    }
    await page.goto('/admin/groups/no-such-group');
    await page.getByText('It may have been deleted, or it is not yours.').waitFor();
    visitor.expectRefusal('GET /api/v1/admin/groups/no-such-group 404');
    visitor.check();
});

stage.test('an admin makes a person by keyboard, who enrols, signs in and asks', async () => {
    const { visitor, page } = await asAdmin('/admin/people');
    const person = await createPerson(page, keyboard, 'mara.lind');
    await page.getByText('is connected at the next sign-in').waitFor();
    const newcomer = await stage.arrive();
    await newcomer.page.goto('/');
    await enrol(newcomer, person);
    await ask(newcomer.page, 'What is the capital of France?');
    await answered(newcomer.page);

    await page.goto('/admin/people');
    await page.getByRole('searchbox', { name: 'Search people by name' }).fill('mara');
    await page.getByRole('row').filter({ hasText: 'auditor' }).waitFor({ state: 'detached' });
    await page.getByRole('link', { name: 'mara.lind' }).click();
    await region(page, 'Rights')
        .getByRole('row', { name: /Workspace General/ })
        .waitFor();
    await visitor.portray('admin-person');
    await page.goto('/admin/usage');
    await region(page, 'Usage')
        .getByRole('row', { name: /mara\.lind 1 / })
        .waitFor();
    newcomer.check();
    visitor.check();
});

stage.test('what a group denies is gone from the page, and refused by the appliance', async () => {
    const analyst = await stage.signedIn('analyst1');
    await ask(analyst.page, 'What is the capital of France?');
    await answered(analyst.page);
    const { visitor, page } = await asAdmin('/admin/groups');
    await button(page, 'New group').click();
    await field(page, 'Name').fill('sealed');
    await button(page, 'Create group').click();
    await heading(page, 'sealed').waitFor();
    const exporting = page.getByRole('group', { name: /^May export chats/ });
    await exporting.getByRole('radio', { name: 'Deny' }).check();
    await toast(page, 'Members may not export chats.');
    await page.getByRole('combobox', { name: 'Add a person by name' }).fill('analyst1');
    await page.getByRole('option', { name: /^analyst1/ }).waitFor();
    await page.keyboard.press('Enter');
    await toast(page, 'analyst1 is in sealed now.');
    await page.getByRole('spinbutton', { name: 'Requests a day' }).fill('50');
    await button(page, 'Save quotas').click();
    await toast(page, 'The quotas were saved.');
    await visitor.portray('admin-group');
    await page.reload();
    await eventually('the choice was kept', () => exporting.getByRole('radio', { name: 'Deny' }).isChecked());

    await analyst.page.reload();
    await analyst.page
        .locator('.chat-header')
        .getByRole('button', { name: /^Options for/ })
        .click();
    await analyst.page.getByRole('menuitem', { name: 'Rename' }).waitFor();
    assert.equal(await analyst.page.getByRole('menuitem', { name: /^Export/ }).count(), 0);
    await analyst.page.keyboard.press('Escape');
    const refused = await analyst.page.evaluate(() =>
        fetch(`/api/v1${location.pathname}/export?format=json`).then((response) => response.status),
    );
    assert.equal(refused, 403);
    analyst.expectRefusal('GET /api/v1/chats/');
    await analyst.page.goto('/settings');
    await analyst.page.getByText(/export chats.*Ask an administrator/).waitFor();
    analyst.check();

    // By mistake; and back.
    await page.getByRole('button', { name: 'Take analyst1 out' }).click();
    await toast(page, 'analyst1 is no longer in sealed.');
    await button(page, 'Undo').click();
    await page.getByRole('link', { name: 'analyst1' }).waitFor();
    await button(page, 'Delete this group').click();
    const dialog = page.getByRole('dialog', { name: 'Delete the group sealed' });
    await dialog.getByRole('button', { name: 'Delete group' }).click();
    await dialog.getByText('Type “sealed” exactly').waitFor();
    await dialog.getByRole('textbox').fill('sealed');
    await page.keyboard.press('Enter');
    await heading(page, 'Groups').waitFor();
    assert.equal(await page.getByRole('link', { name: 'sealed' }).count(), 0);
    visitor.check();
});

stage.test('a model is taken from a group and granted again', async () => {
    const { visitor, page } = await asAdmin('/admin/models');
    const everyone = page
        .getByRole('region', { name: 'SmolLM2 135M Instruct' })
        .getByRole('checkbox', { name: 'everyone' });
    await everyone.uncheck();
    await toast(page, 'everyone no longer gives SmolLM2 135M Instruct.');
    const analyst = await stage.signedIn('analyst1');
    await analyst.page.goto('/chats');
    await analyst.page.getByText('No model is open to you in this workspace.').waitFor();
    await analyst.portray('no-model');
    await field(analyst.page, 'Message').fill('Does anybody answer?');
    await analyst.page.keyboard.press('Enter');
    await analyst.page.locator('.composer').getByRole('alert').waitFor();
    assert.equal(await field(analyst.page, 'Message').inputValue(), 'Does anybody answer?');
    analyst.takeRefusals('POST /api/v1/chats');
    await everyone.check();
    await toast(page, 'everyone may use SmolLM2 135M Instruct.');
    await analyst.page.reload();
    await ask(analyst.page, 'What is the capital of France?');
    await answered(analyst.page);
    analyst.check();
    visitor.check();
});

stage.test('an admin ends the session of somebody', async () => {
    const analyst = await stage.signedIn('analyst1');
    const { visitor, page } = await asAdmin('/admin/sessions');
    await region(page, 'Sessions').getByText('this one').waitFor();
    await page
        .getByRole('button', { name: /^End the session of analyst1 / })
        .first()
        .click();
    await toast(page, 'The session of analyst1 was ended.');
    await analyst.page.getByRole('link', { name: 'Settings' }).click();
    await analyst.page.getByText(/Your session (was ended|has expired)/).waitFor();
    // Each part of the page had asked, and is refused.
    await analyst.page.waitForLoadState('networkidle');
    analyst.takeRefusals('GET /api/v1/');
    stage.appliance.person('analyst1').storageState = undefined;
    analyst.check();
    visitor.check();
});

stage.test('who is disabled is out at the next step, and comes back when enabled', async () => {
    const analyst = await stage.signedIn('analyst2');
    const { visitor, page } = await asAdmin('/admin/people');
    await page.getByRole('link', { name: 'analyst2' }).click();
    await pointer.press(button(page, 'Disable'));
    await toast(page, 'analyst2 was disabled; their sessions were ended.');
    await field(analyst.page, 'Message').fill('Am I still here?');
    await analyst.page.keyboard.press('Enter');
    await analyst.page.getByText(/Your session (was ended|has expired)/).waitFor();
    analyst.takeRefusals('POST /api/v1/chats 401');
    analyst.check();
    await page.getByText('Disabled', { exact: true }).waitFor();
    await button(page, 'Undo').click();
    await toast(page, 'It is as it was.');
    await page.reload();
    await page.getByText('Active', { exact: true }).waitFor();
    visitor.check();
});

stage.test('an authenticator is reset only for the name that was typed', async () => {
    const { visitor, page } = await asAdmin('/admin/people');
    await page.getByRole('link', { name: 'auditor' }).click();
    await button(page, 'Reset authenticator').click();
    const dialog = page.getByRole('dialog', { name: 'Reset the authenticator of auditor' });
    await dialog.getByRole('textbox').fill('analyst1');
    await page.keyboard.press('Enter');
    await dialog.getByRole('alert').filter({ hasText: 'Type “auditor” exactly' }).waitFor();
    await visitor.portray('type-the-name');
    await dialog.getByRole('textbox').fill('auditor');
    await page.keyboard.press('Enter');
    await toast(page, 'auditor connects an authenticator at the next sign-in.');
    await page.getByText('is connected at the next sign-in').waitFor();
    await page.goto('/admin/people');
    await page.getByRole('link', { name: 'admin', exact: true }).click();
    await page.getByText('This is you.').waitFor();
    assert.equal(await button(page, 'Disable').count(), 0);
    visitor.check();
});

stage.test('a workspace gets a marking, which is seen before it is saved', async () => {
    const { visitor, page } = await asAdmin('/admin/workspaces');
    await button(page, 'New workspace').click();
    await field(page, 'Name').fill('Archive');
    await button(page, 'Create workspace').click();
    await heading(page, 'Archive').waitFor();
    await button(page, 'Use TOP SECRET').click();
    await page.getByRole('img', { name: 'Preview: TOP SECRET' }).waitFor();
    await button(page, 'Save marking').click();
    await toast(page, 'The marking was saved.');
    await page.getByRole('checkbox', { name: /^everyone/ }).check();
    await toast(page, 'Everybody in everyone may enter.');
    await page
        .getByRole('textbox', { name: 'Instruction to the model' })
        .fill('Answer from the archive only.');
    await button(page, 'Save instruction').click();
    await toast(page, 'The instruction was saved.');
    await visitor.portray('admin-workspace');
    await button(page, 'Delete this workspace').click();
    await page.getByRole('dialog').getByRole('textbox').fill('Archive');
    await page.keyboard.press('Enter');
    await heading(page, 'Workspaces').waitFor();
    visitor.check();
});
