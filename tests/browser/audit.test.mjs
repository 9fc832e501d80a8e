// The auditors' pages: searching the records, proving one, keeping a checkpoint, taking an export away.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
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
    prove,
    reach,
} from './support/steps.mjs';

const stage = setStage();
/** Where a proof is over as soon as it was given. */
const strict = setStage('[sign_in]\nproof_seconds = 1\n');
/** After which time the proof of a sign-in is over there. */
const PROOF_MS = 1_200;
const region = (page, name) => page.getByRole('region', { name, exact: true });
const filterForm = (page) => page.getByRole('form', { name: 'Filter the records' });
const acts = (page) => region(page, 'Records').locator('tbody code').allInnerTexts();

async function asAuditor(path) {
    const visitor = await stage.signedIn('auditor');
    await visitor.page.goto(path);
    return { visitor, page: visitor.page };
}

/** Waits until the list shows records of these actions and no others. */
async function shows(page, expected) {
    await eventually(`records of ${expected}`, async () => {
        const found = new Set(await acts(page));
        return found.size === expected.length && expected.every((act) => found.has(act));
    });
}

stage.test('records are searched by keyboard, and the address keeps what was asked for', async () => {
    const analyst = await stage.signedIn('analyst1');
    await ask(analyst.page, 'Is the word Quetzalcoatl in the audit records?');
    await answered(analyst.page);
    const { visitor, page } = await asAuditor('/audit');
    await heading(page, 'Audit records').waitFor();
    await region(page, 'Records').waitFor();
    const person = filterForm(page).getByLabel('Person');
    await reach(person);
    await page.keyboard.type('analyst1');
    const action = filterForm(page).getByLabel('Action');
    await reach(action);
    await page.keyboard.type('message.create');
    await page.keyboard.press('Enter');
    await shows(page, ['message.create']);
    assert.equal(new URL(page.url()).search, '?actor=analyst1&act=message.create');
    await eventually('the line about the records has the focus', () =>
        page.evaluate(() => /^Records? /.test(document.activeElement?.textContent?.trim() ?? '')),
    );
    await visitor.portray('audit-filtered');

    // What was done to that message, then all of it again by going back; the form follows.
    await region(page, 'Records')
        .getByRole('link', { name: /^message / })
        .first()
        .click();
    await shows(page, ['message.create']);
    assert.match(await filterForm(page).getByLabel('Object').inputValue(), /^[0-9a-f-]{36}$/);
    assert.equal(await person.inputValue(), '');
    await page.goBack();
    await eventually(
        'the form has the filter before',
        async () => (await person.inputValue()) === 'analyst1',
    );
    await page.reload();
    await shows(page, ['message.create']);
    assert.equal(await action.inputValue(), 'message.create');
    const options = await page
        .locator('datalist option')
        .evaluateAll((found) => found.map(({ value }) => value));
    assert.ok(options.includes('login.totp') && options.includes('audit.export'), 'actions are offered');

    await filterForm(page).getByLabel('Outcome').selectOption('error');
    await filterForm(page).getByRole('button', { name: 'Apply' }).click();
    await page.getByText('No record matches.').waitFor();
    await visitor.portray('audit-nothing');
    await filterForm(page).getByRole('button', { name: 'Clear' }).click();
    await eventually('everything again', async () => (await acts(page)).length > 10);
    assert.equal(new URL(page.url()).search, '');
    // Each look is a record: soon there are more than fit on a page.
    await page.evaluate(async () => {
        for (let look = 0; look < 30; look++) await fetch('/api/v1/audit/records?limit=1');
    });
    await filterForm(page).getByRole('button', { name: 'Apply' }).click();
    await page.getByRole('link', { name: 'Older records' }).click();
    await page.getByRole('link', { name: 'Newest records' }).waitFor();
    await page.goBack();
    await page.getByRole('link', { name: 'Newest records' }).waitFor({ state: 'detached' });
    visitor.check();
    analyst.check();
});

stage.test('a record says in words what happened, and the browser proves it', async () => {
    const { visitor, page } = await asAuditor('/audit/records?act=login.totp');
    await region(page, 'Records')
        .getByRole('link', { name: /^Record \d+$/ })
        .first()
        .click();
    await page.getByText('A one-time code was tried.').waitFor();
    await page.getByText('It was done.').waitFor();
    const shown = await page.locator('pre.raw').first().innerText();
    assert.equal(JSON.parse(shown).act, 'login.totp');
    const proven = page.getByText(/^Proven against the checkpoint of [\d,]+ records\.$/);
    await eventually('a checkpoint covers the record', async () => {
        if ((await proven.count()) > 0) return true;
        await button(page, 'Look again').click();
        await page.waitForTimeout(1_000);
        return false;
    });
    await visitor.portray('audit-record', { whole: true });
    const saving = page.waitForEvent('download');
    await button(page, 'Download the proof').click();
    const file = await saving;
    assert.match(file.suggestedFilename(), /^record-\d+\.tlog-proof$/);
    const text = await readFile(await file.path(), 'utf8');
    assert.match(
        text,
        /^c2sp\.org\/tlog-proof@v1\nindex \d+\n([A-Za-z0-9+/]{43}=\n)*\nredoubt\/[0-9a-f-]+\n\d+\n/,
    );

    // One letter of the record changed on its way: the page tells.
    const path = `/api/v1${new URL(page.url()).pathname}`;
    const whole = await page.evaluate((path) => fetch(path).then((response) => response.json()), path);
    const line = whole.line.replace('login.totp', 'login.topt');
    await page.route(`**${path}`, (route) => route.fulfill({ json: { ...whole, line } }));
    await page.reload();
    await page.getByText('The proof does not fit.').waitFor();
    await page.getByText('The leaf is not the hash of this record.').waitFor();
    await page.locator('main').getByRole('link', { name: 'login.topt' }).waitFor();
    await visitor.portray('audit-record-changed', { whole: true });
    await page.unrouteAll();
    await page.goto('/audit/records/99999999');
    await page.getByText('There is nothing here.').waitFor();
    visitor.expectRefusal('GET /api/v1/audit/records/99999999 404');
    visitor.check();
});

stage.test('a checkpoint is kept on paper', async () => {
    const { visitor, page } = await asAuditor('/audit/checkpoints');
    await page
        .getByRole('link', { name: /^Checkpoint of \d+ records$/ })
        .first()
        .waitFor();
    await visitor.portray('audit-checkpoints');
    await keyboard.press(page.getByRole('link', { name: /^Checkpoint of \d+ records$/ }).first());
    await page.getByRole('img', { name: /^QR code of the signed note/ }).waitFor();
    const note = await page.locator('pre.raw').innerText();
    assert.match(note, /^redoubt\/[0-9a-f-]+\n\d+\n[A-Za-z0-9+/]{43}=\n\n— redoubt\//);
    await visitor.portray('audit-checkpoint', { whole: true });
    await page.emulateMedia({ media: 'print' });
    assert.ok(!(await button(page, 'Print').isVisible()), 'no buttons on paper');
    assert.ok(await page.getByText('Kept by:').isVisible());
    await page.screenshot({
        path: new URL('results/audit-checkpoint-print.png', import.meta.url).pathname,
        fullPage: true,
    });
    await page.emulateMedia({ media: 'screen' });
    visitor.check();
});

stage.test('an export is asked for and saved', async () => {
    const { visitor, page } = await asAuditor('/audit/exports');
    await page.getByText('Nothing was exported yet.').waitFor();
    await visitor.portray('audit-exports-none');
    await button(page, 'Make one').click();
    const nonce = await field(page, 'Nonce').inputValue();
    assert.match(nonce, /^[0-9a-f]{32}$/);
    await field(page, 'Nonce').fill('not hex');
    await button(page, 'Export').click();
    await page.getByText('A nonce is at most 128 hexadecimal digits.').waitFor();
    await field(page, 'Nonce').fill(nonce);
    const saving = page.waitForEvent('download');
    await button(page, 'Export').click();
    const file = await saving;
    assert.match(file.suggestedFilename(), /\.tar$/);
    const { stdout } = await promisify(execFile)('tar', ['-xOf', await file.path(), 'bundle.json']);
    assert.equal(JSON.parse(stdout).nonce, nonce);
    await heading(page, 'Exports').waitFor();
    await region(page, 'Exports').getByRole('row').filter({ hasText: 'auditor' }).waitFor();
    await page.getByText(`--nonce ${nonce}`).waitFor();
    await visitor.portray('audit-exports', { whole: true });
    visitor.check();
});

/** An auditor of the strict appliance, signed in for the first time. */
async function strictAuditor() {
    const admin = strict.appliance.person('admin');
    const keeper = await strict.arrive();
    const { page } = keeper;
    await page.goto('/');
    await enrol(keeper, admin);
    await page.goto('/admin/people');
    await page.waitForTimeout(PROOF_MS);
    await button(page, 'New person').click();
    await field(page, 'User name').fill('ada');
    await page.getByLabel('Role').selectOption('auditor');
    await button(page, 'Create person').click();
    await prove(page, admin);
    const secret = page.getByRole('group', { name: 'First password of ada' });
    const password = (await secret.locator('code').innerText()).trim();
    const auditor = { username: 'ada', password, role: 'auditor', totp_secret: null, lastStep: 0 };
    const visitor = await strict.arrive();
    await visitor.page.goto('/');
    await enrol(visitor, auditor);
    return { auditor, visitor };
}

strict.test('an export asks who one is, does nothing without a proof, and goes on with it', async () => {
    const { auditor, visitor } = await strictAuditor();
    const { page } = visitor;
    await page.goto('/audit/exports');
    await page.getByText('Nothing was exported yet.').waitFor();
    await page.waitForTimeout(PROOF_MS);
    const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' });
    const ask = async () => {
        await button(page, 'Export').click();
        await dialog.waitFor();
        visitor.expectRefusal('POST /api/v1/audit/exports 403');
    };
    await ask();
    await visitor.portray('audit-export-proof');
    await page.keyboard.press('Escape');
    await page.getByText('Nothing was changed, because you did not confirm it.').waitFor();
    await page.reload();
    await page.getByText('Nothing was exported yet.').waitFor();

    await ask();
    await dialog.getByLabel('Your password').fill('not the password');
    await dialog.getByLabel('Your code').fill('000000');
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await dialog.getByText('This was not accepted.').waitFor();
    visitor.expectRefusal('POST /api/v1/session/proof 401');
    const saving = page.waitForEvent('download');
    await prove(page, auditor);
    assert.match((await saving).suggestedFilename(), /\.tar$/);
    await region(page, 'Exports').getByRole('row').filter({ hasText: 'ada' }).waitFor();
    visitor.check();
});
