// A real directory: tested on the page, mapped to roles and groups, tried before anybody signs in, and then they do.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { Slapd } from './support/slapd.mjs';
import { setStage } from './support/stage.mjs';
import { button, enrol, field, givePassword, heading } from './support/steps.mjs';

const slapd = await Slapd.start();
after(() => slapd.stop());
const stage = setStage(slapd.section);

async function asAdmin() {
    const admin = stage.appliance.person('admin');
    const visitor = await stage.arrive(admin.storageState);
    await visitor.page.goto('/');
    if (!admin.storageState) {
        await enrol(visitor, admin);
        admin.storageState = await visitor.context.storageState();
    }
    return visitor;
}

stage.test('a test of the directory takes every step and says what it found', async () => {
    const visitor = await asAdmin();
    const { page } = visitor;
    await page.goto('/admin/directory');
    await heading(page, 'Directory').waitFor();
    const form = page.getByRole('form', { name: 'Test the directory' });
    await form.getByRole('textbox').fill('bob');
    await form.getByRole('button', { name: 'Test now' }).click();
    await page.getByText('Everything works.').waitFor();
    const steps = await page.locator('ol.report > li').allInnerTexts();
    assert.equal(steps.length, 6, steps.join('\n'));
    assert.ok(steps[4].includes('uid=bob,ou=people'), steps[4]);
    assert.ok(steps[5].includes(slapd.group('research')), steps[5]);
    await page.getByText('Answers', { exact: true }).waitFor();
    await visitor.portray('admin-directory-tested', { whole: true });

    await form.getByRole('textbox').fill('nobody-at-all');
    await form.getByRole('button', { name: 'Test now' }).click();
    await page.getByText('It does not work yet.').waitFor();
    await visitor.portray('admin-directory-failed', { whole: true });
    visitor.check();
});

stage.test('mappings let people in, at the next sign-in, and a dry run says so before', async () => {
    const visitor = await asAdmin();
    const { page } = visitor;
    const bob = slapd.person('bob');
    const newcomer = await stage.arrive();
    await newcomer.page.goto('/');
    await givePassword(newcomer.page, bob);
    await newcomer.page.getByText('This name and password were not accepted.').waitFor();
    newcomer.expectRefusal('POST /api/v1/session 401');

    await page.goto('/admin/mappings');
    await page.getByText('There are none: people of the directory have no rights here yet.').waitFor();
    await button(page, 'New mapping').click();
    await field(page, 'Group of the directory').fill(slapd.group('staff'));
    await page.getByLabel('Means').selectOption('role analyst');
    await button(page, 'Create mapping').click();
    await page.getByRole('rowheader', { name: slapd.group('staff') }).waitFor();

    await enrol(newcomer, bob);
    await newcomer.page.goto('/settings');
    await newcomer.page.getByText('Bob of the Marsh', { exact: true }).waitFor();

    // She is in no group that means anything here.
    const carol = await stage.arrive();
    await carol.page.goto('/');
    await givePassword(carol.page, slapd.person('carol'));
    await carol.page.getByText('This name and password were not accepted.').waitFor();

    const dryRun = page.getByRole('form', { name: 'Dry run' });
    await dryRun.getByRole('textbox').fill('bob');
    await dryRun.getByRole('button', { name: 'Try it' }).click();
    await page.getByText('Nothing would change.').waitFor();
    await page.getByText('uid=bob,ou=people').waitFor();
    await visitor.portray('admin-mappings-tried', { whole: true });

    // Without the mapping he is out at once, and with it back he may come again.
    await button(page, `Delete the mapping of ${slapd.group('staff')}`).click();
    await page.getByText('The mapping was deleted.').waitFor();
    await newcomer.page.goto('/settings');
    await field(newcomer.page, 'User name').waitFor();
    newcomer.takeRefusals('GET /api/v1/');
    await button(page, 'Undo').click();
    await page.getByText('The mapping is back.').waitFor();
    visitor.check();
    newcomer.check();
});
