// Sessions and roles: what each person sees, and what not.
import assert from 'node:assert/strict';
import { setStage } from './support/stage.mjs';
import { answered, ask, button, eventually, field, givePassword, signIn } from './support/steps.mjs';
import { freshCode } from './support/totp.mjs';

const stage = setStage();
const heading = (page, name) => page.getByRole('heading', { level: 1, name, exact: true });

stage.test('one sees where one is signed in, and ends the session elsewhere', async () => {
    const person = stage.appliance.person('analyst1');
    const [here, there] = [await stage.arrive(), await stage.arrive()];
    await signIn(there, person, '/help');
    await heading(there.page, 'Help').waitFor();
    await signIn(here, person, '/settings');
    await heading(here.page, 'Settings').waitFor();
    const sessions = here.page.getByRole('region', { name: 'Sessions' });
    await sessions.getByText('This session').waitFor();
    assert.equal(await sessions.getByRole('listitem').count(), 2);
    assert.match(await sessions.innerText(), /Chromium \d+ on Linux from 127\.0\.0\.1/);
    await button(here.page, 'End all other sessions').waitFor();
    await sessions.getByRole('button', { name: /^End session from 127\.0\.0\.1/ }).click();
    await here.page.getByText('The session was ended.').waitFor();
    assert.equal(await sessions.getByRole('listitem').count(), 1);
    here.check();

    await there.page.getByRole('navigation').getByRole('link', { name: 'Settings' }).click();
    await there.page.getByText(/Your session (was ended|has expired)/).waitFor();
    // Back to where one was.
    await givePassword(there.page, person);
    await field(there.page, 'Code').fill(await freshCode(person));
    await button(there.page, 'Confirm').click();
    await heading(there.page, 'Settings').waitFor();
    // Each part of the page had asked, and was refused.
    assert.ok(there.takeRefusals('GET /api/v1/') > 0);
    there.check();
});

stage.test('the auditor sees the records of it all, and has no chats', async () => {
    const analyst = await stage.signedIn('analyst2');
    await ask(analyst.page, 'Is the word Quetzalcoatl in the audit records?');
    await answered(analyst.page);

    const visitor = await stage.signedIn('auditor');
    const { page } = visitor;
    await heading(page, 'Audit records').waitFor();
    assert.equal(new URL(page.url()).pathname, '/audit/records');
    const records = page.getByRole('region', { name: 'Records' });
    await records.waitFor();
    const filter = page.getByRole('form', { name: 'Filter the records' });
    await filter.getByLabel('Person').fill('analyst2');
    await filter.getByRole('button', { name: 'Apply' }).click();
    const acts = () => records.locator('tbody code').allInnerTexts();
    await eventually('records of analyst2 alone', async () => {
        const people = await records.locator('tbody tr td:nth-child(3)').allInnerTexts();
        return people.length >= 4 && people.every((name) => name === 'analyst2');
    });
    assert.ok((await acts()).includes('login.totp'), `records of signing in and asking: ${await acts()}`);
    assert.ok(!(await records.innerText()).includes('Quetzalcoatl'), 'no words of chats');
    await visitor.portray('audit');
    const asked = records.getByRole('row').filter({ hasText: 'message.create' });
    await asked.getByRole('link', { name: /^Record/ }).click();
    await page.getByText('A message was written.').waitFor();
    assert.ok(!(await page.locator('main').innerText()).includes('Quetzalcoatl'), 'nor in one record');
    await page.goBack();
    await filter.getByLabel('Action').fill('no.such.action');
    await filter.getByRole('button', { name: 'Apply' }).click();
    await page.getByText('No record matches.').waitFor();

    assert.equal(await page.getByRole('link', { name: 'New chat' }).count(), 0);
    await page.goto('/chats');
    await heading(page, 'No chats for this role').waitFor();
    await visitor.portray('chats-of-an-auditor');
    visitor.check();
    analyst.check();
});

stage.test('the admin has the administration, and neither chats nor records', async () => {
    const visitor = await stage.signedIn('admin');
    const { page } = visitor;
    await heading(page, 'People').waitFor();
    assert.equal(new URL(page.url()).pathname, '/admin/people');
    await page.getByRole('link', { name: 'Settings' }).click();
    await heading(page, 'Settings').waitFor();
    await page.getByText('Administrators have no chats').waitFor();
    await page.getByRole('region', { name: 'Sessions' }).getByText('This session').waitFor();
    await visitor.portray('settings-of-an-admin', { whole: true });
    for (const name of ['New chat', 'Audit records']) {
        assert.equal(await page.getByRole('link', { name }).count(), 0, name);
    }
    await page.goto('/chats');
    await heading(page, 'No chats for this role').waitFor();
    await page.goto('/audit');
    await heading(page, 'Only for auditors').waitFor();
    await visitor.portray('audit-of-an-admin');
    visitor.check();
});
