// What admins see of the appliance itself: how its audit log is sealed.
import assert from 'node:assert/strict';
import { setStage } from './support/stage.mjs';
import { heading, keyboard } from './support/steps.mjs';

const stage = setStage();
const region = (page, name) => page.getByRole('region', { name, exact: true });

stage.test('the system page says how the audit log is sealed, and its checkpoint can be kept', async () => {
    const visitor = await stage.signedIn('admin');
    const { page } = visitor;
    await page.goto('/admin/system');
    const sealing = region(page, 'Audit log');
    await sealing.getByText('In step').waitFor();
    await sealing.getByText(/For 39\d more days/).waitFor();
    await sealing.getByText('None is configured.').waitFor();
    assert.match(await sealing.locator('code').nth(1).innerText(), /\/anchors$/);
    await visitor.portray('admin-sealing', { whole: true });
    await keyboard.press(sealing.getByRole('link', { name: /^[\d,.]+ records$/ }));
    await heading(page, /^Checkpoint of [\d,.]+ records$/).waitFor();
    await page.getByRole('img', { name: /^QR code of the signed note/ }).waitFor();
    assert.match(
        await page.locator('pre.raw').innerText(),
        /^redoubt\/[0-9a-f-]+\n\d+\n[A-Za-z0-9+/]{43}=\n\n— redoubt\//,
    );
    await visitor.portray('admin-checkpoint', { whole: true });
    await page.reload();
    await page.getByRole('img', { name: /^QR code of the signed note/ }).waitFor();
    await page.getByRole('link', { name: 'System' }).first().click();
    await heading(page, 'System').waitFor();

    // An answer of an appliance that needs somebody: what is wrong stands there with what to do.
    const path = '/api/v1/admin/audit';
    const found = await page.evaluate((path) => fetch(path).then((response) => response.json()), path);
    const json = {
        ...found,
        anchor: { ...found.anchor, standing: 'missing' },
        keys: { left: 3, few: true },
        collector: { connected: false, waiting: 1_234 },
    };
    await page.route(`**${path}`, (route) => route.fulfill({ json }));
    await page.goto('/admin/system');
    await sealing.getByText('For 3 more days').waitFor();
    for (const text of ['Missing', 'redoubt audit certify-epochs', 'Not connected', /1.234 records wait/]) {
        await sealing.getByText(text).first().waitFor();
    }
    await visitor.portray('admin-sealing-bad', { whole: true });
    await page.unrouteAll();
    visitor.check();
});
