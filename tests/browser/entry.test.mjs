// What a site configures: the notice before the sign-in, the marking on every page, the lock, the proof, the alerts.
import assert from 'node:assert/strict';
import { Client } from './support/api.mjs';
import { setStage } from './support/stage.mjs';
import {
    button,
    chooseAsPerson,
    enrol,
    eventually,
    field,
    givePassword,
    heading,
    keyboard,
    pointer,
    prove,
} from './support/steps.mjs';
import { freshCode } from './support/totp.mjs';

const NOTICE = 'For authorised use only. What you do here is recorded. Using it is your consent.';
const LOCK_SECONDS = 300;
const stage = setStage(`
[sign_in]
notice = "${NOTICE}"
proof_seconds = 1
screen_lock_seconds = ${LOCK_SECONDS}
[marking]
text = "UNCLASSIFIED"
background = "#007a33"
color = "#ffffff"
[alerts]
failed_sign_ins = { threshold = 2, window_seconds = 900 }
`);

const accept = (page) => button(page, 'I understand and accept');
const locked = (page) => heading(page, 'Locked');

/** The first admin, signed in in a browser; enrolled by whoever comes first. */
async function asAdmin() {
    const admin = stage.appliance.person('admin');
    const visitor = await stage.arrive(admin.storageState);
    const { page } = visitor;
    if (admin.storageState) {
        await page.goto('/settings');
    } else {
        await page.goto('/');
        await accept(page).click();
        await enrol(visitor, admin);
        await page.goto('/settings');
        admin.storageState = await visitor.context.storageState();
    }
    await heading(page, 'Settings').waitFor();
    return { admin, visitor, page };
}

/** The marking stands at both edges of the window, in its colours. */
async function expectMarking(page, text) {
    for (const edge of ['top', 'bottom']) {
        const banner = page.getByLabel(`Classification, ${edge} of the page`);
        assert.equal((await banner.innerText()).trim(), text);
        const { background, y, height } = await banner.evaluate((element) => ({
            background: getComputedStyle(element).backgroundColor,
            ...element.getBoundingClientRect().toJSON(),
        }));
        assert.equal(background, 'rgb(0, 122, 51)');
        const inner = await page.evaluate(() => innerHeight);
        assert.equal(edge === 'top' ? y : Math.round(y + height), edge === 'top' ? 0 : inner, edge);
    }
}

stage.test('nobody sees the sign-in form before the notice is accepted, by keyboard', async () => {
    const visitor = await stage.arrive();
    const { page } = visitor;
    await page.goto('/');
    await heading(page, 'Before you sign in').waitFor();
    await page.getByText(NOTICE).waitFor();
    assert.equal(await field(page, 'User name').count(), 0);
    await expectMarking(page, 'UNCLASSIFIED');
    await visitor.portray('notice');
    await keyboard.press(accept(page));
    await field(page, 'User name').waitFor();
    await expectMarking(page, 'UNCLASSIFIED');
    // A reload asks again: nothing of it is kept in the browser.
    await page.reload();
    await accept(page).waitFor();
    visitor.check();
});

stage.test(
    'the appliance refuses who has not accepted, and the page shows a notice that changed',
    async () => {
        const admin = stage.appliance.person('admin');
        const outside = new Client(stage.appliance);
        const { username, password } = admin;
        const refused = await outside.send('POST', '/api/v1/session', { body: { username, password } });
        assert.equal(refused.status, 422);
        assert.equal(JSON.parse(refused.text).code, 'notice_required');

        const visitor = await stage.arrive();
        const { page } = visitor;
        // The page was opened before the operator changed the notice.
        const shown = await outside.call('GET', '/api/v1/appliance');
        await page.route('/api/v1/appliance', (route) =>
            route.fulfill({ json: { ...shown, notice_sha256: '0'.repeat(64) } }),
        );
        await page.goto('/');
        await accept(page).click();
        await page.unroute('/api/v1/appliance');
        await givePassword(page, admin);
        await page.getByText('The notice has changed. Please read it again.').waitFor();
        visitor.expectRefusal('POST /api/v1/session 422');
        await accept(page).click();
        await givePassword(page, admin);
        await page.getByRole('heading', { level: 1, name: /Set up your code|Enter your code/ }).waitFor();
        visitor.check();
    },
);

stage.test('the marking is on every page and on paper', async () => {
    const { visitor, page } = await asAdmin();
    for (const path of ['/admin/people', '/admin/system', '/help', '/no/such/page']) {
        await page.goto(path);
        await page.locator('h1').waitFor();
        await expectMarking(page, 'UNCLASSIFIED');
    }
    await page.goto('/help');
    await heading(page, 'Help').waitFor();
    await page.emulateMedia({ media: 'print' });
    for (const [edge, display] of [
        ['top', 'table-header-group'],
        ['bottom', 'table-footer-group'],
    ]) {
        const banner = page.getByLabel(`Classification, ${edge} of the page`);
        const style = await banner.evaluate((element) => getComputedStyle(element).display);
        assert.equal(style, display, 'comes again on every sheet');
    }
    assert.ok(!(await page.locator('.sidebar').isVisible()));
    const sheets = await page.pdf({ format: 'A4' });
    assert.ok(sheets.length > 1_000);
    await page.emulateMedia({ media: null });
    visitor.check();
});

stage.test(
    'a locked page holds nothing, keeps what was typed, and opens by code and by password',
    async () => {
        const { admin, visitor, page } = await asAdmin();
        await page.goto('/admin/people');
        await button(page, 'New person').click();
        await field(page, 'User name').fill('half.a.name');
        await page.keyboard.press('Control+L');
        await locked(page).waitFor();
        assert.equal(await page.title(), 'Locked · Redoubt');
        assert.equal(await page.locator('.shell').count(), 0, 'the page is out of the document');
        assert.ok(!(await page.content()).includes('half.a.name'));
        await expectMarking(page, 'UNCLASSIFIED');
        await visitor.portray('locked');
        await eventually('the appliance refuses', async () => {
            const status = await page.evaluate(() => fetch('/api/v1/me').then((response) => response.status));
            return status === 401 && visitor.takeRefusals('GET /api/v1/me 401');
        });

        const secret = page.getByLabel('Password or code');
        await secret.fill('certainly not the password');
        await page.keyboard.press('Enter');
        await page.getByRole('alert').filter({ hasText: 'This was not accepted.' }).waitFor();
        visitor.expectRefusal('POST /api/v1/session/unlock 401');
        await secret.fill(await freshCode(admin));
        await page.keyboard.press('Enter');
        await field(page, 'User name').waitFor();
        assert.equal(await field(page, 'User name').inputValue(), 'half.a.name');
        await eventually('the focus is back', () =>
            field(page, 'User name').evaluate((element) => element === document.activeElement),
        );

        await chooseAsPerson(page, pointer, /^Lock/);
        await locked(page).waitFor();
        // A reload does not help who finds the page.
        await page.reload();
        await locked(page).waitFor();
        visitor.takeRefusals('GET /api/v1/');
        await page.getByLabel('Password or code').fill(admin.password);
        await page.keyboard.press('Enter');
        await heading(page, 'People').waitFor();
        visitor.takeRefusals('GET /api/v1/');
        visitor.check();
        admin.storageState = await visitor.context.storageState();
    },
);

stage.test('without input the page locks itself, and the other tabs with it', async () => {
    const { admin, visitor, page } = await asAdmin();
    const second = await visitor.context.newPage();
    await second.goto('/help');
    await heading(second, 'Help').waitFor();
    await page.clock.install();
    await page.goto('/help');
    await heading(page, 'Help').waitFor();
    await page.clock.fastForward((LOCK_SECONDS + 2) * 1_000);
    await locked(page).waitFor();
    await locked(second).waitFor();
    await second.getByLabel('Password or code').fill(admin.password);
    await second.keyboard.press('Enter');
    await heading(second, 'Help').waitFor();
    await heading(page, 'Help').waitFor();
    visitor.check();
    admin.storageState = await visitor.context.storageState();
});

stage.test('what needs a proof asks for it, does nothing without it, and goes on with it', async () => {
    const { admin, visitor, page } = await asAdmin();
    await page.goto('/admin/people');
    const create = async () => {
        await button(page, 'New person').click();
        await field(page, 'User name').fill('proved.person');
        await button(page, 'Create person').click();
        await page.getByRole('dialog', { name: 'Confirm that it is you' }).waitFor();
        visitor.expectRefusal('POST /api/v1/admin/people 403');
    };
    await create();
    await visitor.portray('proof');
    await page.keyboard.press('Escape');
    await page.getByText('Nothing was changed, because you did not confirm it.').waitFor();
    await button(page, 'Cancel').click();
    await create();
    await prove(page, admin);
    await page.getByRole('group', { name: 'First password of proved.person' }).waitFor();
    await visitor.portray('first-password');
    visitor.check();
    admin.storageState = await visitor.context.storageState();
});

stage.test('an alert shows in the sidebar until somebody has seen it', async () => {
    const { admin, visitor, page } = await asAdmin();
    const outside = new Client(stage.appliance);
    const { notice_sha256 } = await outside.call('GET', '/api/v1/appliance');
    for (const username of ['nobody.one', 'nobody.two', 'nobody.three']) {
        const body = { username, password: 'a password of nobody', notice_sha256 };
        assert.equal((await outside.send('POST', '/api/v1/session', { body })).status, 401);
    }
    const link = page.getByRole('link', { name: /^Alerts/ });
    const badge = link.getByText('1 to look at');
    await eventually('the badge', async () => {
        await page.reload();
        return badge.waitFor({ timeout: 2_000 }).then(
            () => true,
            () => false,
        );
    });
    await link.click();
    await page.getByText('Many sign-ins failed').waitFor();
    await visitor.portray('alert');
    await button(page, 'I have seen it').click();
    await page.getByText(/Seen by admin/).waitFor();
    await badge.waitFor({ state: 'detached' });
    visitor.check();
    admin.storageState = await visitor.context.storageState();
});
