// What analysts have of their own: API keys, prompts, usage, recovery codes.
import assert from 'node:assert/strict';
import { Client } from './support/api.mjs';
import { setStage } from './support/stage.mjs';
import { answered, ask, button, eventually, field, heading } from './support/steps.mjs';

const stage = setStage();
const region = (page, name) => page.getByRole('region', { name, exact: true });

/** Says for every analyst whether they may make keys; a demo lets them, another appliance does not. */
async function keysAre(effect) {
    stage.admin ??= await Client.signIn(stage.appliance, stage.appliance.person('admin'));
    await stage.admin.call('PATCH', '/api/v1/admin/groups/everyone', { permissions: { api_keys: effect } });
}

stage.test('a key is made, works for a program, and is revoked unless one takes it back', async () => {
    await keysAre('deny');
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    await page.goto('/settings');
    await page.getByText('Making keys is not permitted for you.').waitFor();
    await keysAre('allow');
    await page.reload();
    await button(page, 'New key').click();
    await button(page, 'Make the key').click();
    await page.getByText('Give the key a name').waitFor();
    await field(page, 'Name').fill('nightly build');
    await button(page, 'Make the key').click();
    const secret = page.getByRole('group', { name: 'API key “nightly build”' });
    const key = (await secret.locator('code').innerText()).trim();
    await visitor.portray('new-key');
    await button(page, 'I have kept it').click();
    assert.ok(!(await page.content()).includes(key), 'it is shown once');

    const program = new Client(stage.appliance);
    const headers = { authorization: `Bearer ${key}` };
    const status = async () => (await program.send('GET', '/v1/models', { headers })).status;
    assert.equal(await status(), 200);
    await button(page, 'Revoke nightly build').click();
    await button(page, 'Undo').click();
    await button(page, 'Revoke nightly build').waitFor();
    assert.equal(await status(), 200);
    await button(page, 'Revoke nightly build').click();
    // Going away does what waits.
    await page.goto('/help');
    await eventually('the key is refused', async () => (await status()) === 401);
    visitor.check();
});

stage.test('a prompt is kept, shared in the workspace, and begun with a slash', async () => {
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    await page.goto('/chats');
    await field(page, 'Message').fill('What is the capital of France?');
    await button(page, 'Prompt library').click();
    await field(page, 'Prompt name').fill('Capital');
    assert.equal(await field(page, 'Prompt text').inputValue(), 'What is the capital of France?');
    await button(page, 'Save prompt').click();
    await button(page, 'Edit Capital').waitFor();
    await visitor.portray('prompt-library');
    await page.keyboard.press('Escape');

    const other = await stage.signedIn('analyst2');
    await field(other.page, 'Message').pressSequentially('/cap');
    await other.page.getByRole('option', { name: /^Capital/ }).waitFor();
    await other.portray('slash');
    await other.page.keyboard.press('Enter');
    assert.equal(await field(other.page, 'Message').inputValue(), 'What is the capital of France?');
    await other.page.keyboard.press('Enter');
    await answered(other.page);
    await other.page.goto('/settings');
    await region(other.page, 'Prompts').getByText('shared by somebody else').waitFor();
    assert.equal(await button(other.page, 'Edit Capital').count(), 0);
    other.check();

    await page.goto('/settings');
    await button(page, 'Delete Capital').click();
    await button(page, 'Undo').click();
    await button(page, 'Delete Capital').waitFor();
    visitor.check();
});

stage.test('one sees what one has used', async () => {
    const visitor = await stage.signedIn('analyst2');
    const { page } = visitor;
    await ask(page, 'What is the capital of France?');
    await answered(page);
    await page.goto('/settings');
    await page.getByRole('img', { name: /^Tokens on each of the last 30 days/ }).waitFor();
    await page.getByText('The figures', { exact: true }).click();
    const rows = page.getByRole('table', { name: 'Your usage by day' }).locator('tbody tr');
    assert.equal(await rows.count(), 1);
    await visitor.portray('settings-of-an-analyst', { whole: true });
    visitor.check();
});

stage.test('new recovery codes take the place of the old ones', async () => {
    const visitor = await stage.signedIn('analyst2');
    const { page } = visitor;
    await page.goto('/settings');
    await button(page, 'Make new codes').click();
    const codes = page.getByRole('list', { name: 'Recovery codes' });
    await codes.or(page.getByRole('dialog')).first().waitFor();
    assert.equal(await codes.getByRole('listitem').count(), 10);
    await page.getByRole('checkbox', { name: 'I have kept these codes in a safe place' }).check();
    await button(page, 'Continue').click();
    await page.getByText('10 of them are left.').waitFor();
    await heading(page, 'Settings').waitFor();
    visitor.check();
});
