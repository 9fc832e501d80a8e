// The operator's manual within the appliance: found, read and followed without a network, by keys and on a narrow screen.
import assert from 'node:assert/strict';
import { NARROW, WIDE } from './support/browser.mjs';
import { setStage } from './support/stage.mjs';
import { heading, keyboard } from './support/steps.mjs';

const stage = setStage();

stage.test('the manual is searched, read, and its links lead from page to page', async () => {
    const visitor = await stage.signedIn('admin');
    const { page } = visitor;
    await page.goto('/help');
    await page.getByRole('link', { name: 'Recovery', exact: true }).waitFor();
    await visitor.portray('help-manual', { whole: true });
    const search = page.getByRole('searchbox', { name: 'Search the manual' });
    await search.fill('key file lost');
    await keyboard.press(page.getByRole('link', { name: 'Recovery – The key file is lost' }));
    await heading(page, 'Recovery').waitFor();
    const section = page.getByRole('heading', { level: 2, name: 'The key file is lost' });
    await section.waitFor();
    assert.equal(await page.evaluate(() => document.activeElement.id), 'the-key-file-is-lost');
    assert.equal(new URL(page.url()).hash, '#the-key-file-is-lost');
    await page.getByRole('link', { name: 'backup', exact: true }).first().click();
    await heading(page, 'Backup').waitFor();
    await page.goBack();
    await heading(page, 'Recovery').waitFor();
    visitor.check();
});

stage.test('each page of the manual opens by its address, and looks right', async () => {
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    await page.goto('/help');
    await page.getByRole('link', { name: 'Recovery', exact: true }).waitFor();
    const links = await page.locator('.manual-list a').evaluateAll((all) => all.map((a) => a.pathname));
    assert.ok(links.length >= 12, `${links.length} pages`);
    for (const path of links) {
        await page.goto(path);
        await page.getByRole('navigation', { name: 'Other pages' }).waitFor();
        // A page that is wider than the screen would scroll sideways.
        await page.setViewportSize(NARROW);
        const overflow = await page.evaluate(
            () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
        );
        assert.equal(overflow, 0, path);
        await page.setViewportSize(WIDE);
        await visitor.inspect(path);
    }
    await page.goto('/help/upgrade');
    await heading(page, 'Upgrade').waitFor();
    await visitor.portray('help-upgrade', { whole: true });
    await page.goto('/help/nothing');
    await heading(page, 'There is no such page').waitFor();
    visitor.check();
});
