// Every page, opened directly and loaded again, in light and dark, narrow and wide; and the policy it comes with.
import assert from 'node:assert/strict';
import { NARROW, WIDE } from './support/browser.mjs';
import { setStage } from './support/stage.mjs';
import { answered, ask, button, eventually, field, grown, keyboard } from './support/steps.mjs';

const POLICY =
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; " +
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; object-src 'none'; " +
    "require-trusted-types-for 'script'; trusted-types svelte-trusted-html";

const stage = setStage();
const heading = (page, name) => page.getByRole('heading', { level: 1, name, exact: true });

/** The pages of an analyst: address, heading, and a picture's name. */
const PAGES = [
    ['/chats', 'New chat', 'new-chat'],
    ['/settings', 'Settings', 'settings'],
    ['/help', 'Help', 'help'],
    ['/audit', 'Only for auditors', 'audit-of-an-analyst'],
    ['/admin/people', 'Only for administrators', 'people-of-an-analyst'],
    ['/no/such/page', 'There is no such page', 'not-found'],
];

stage.test('every page comes with the policy, and the browser keeps it', async () => {
    const visitor = await stage.arrive();
    const { page } = visitor;
    for (const path of ['/help', '/chats/x', '/sign-in', '/']) {
        const response = await page.goto(path);
        assert.equal(response.headers()['content-security-policy'], POLICY, path);
        await field(page, 'User name').waitFor();
        if (path.length > 1 && path !== '/sign-in') visitor.expectRefusal('GET /api/v1/me 401');
    }
    visitor.check();
    const refused = await page.evaluate(() => {
        try {
            // eslint-disable-next-line no-restricted-properties -- what the browser must refuse
            document.body.innerHTML = '<p>from a string</p>';
            return false;
        } catch {
            return true;
        }
    });
    assert.ok(refused, 'no string becomes HTML');
    await eventually('the violation is seen', () =>
        visitor.expectProblem(/securitypolicyviolation require-trusted/),
    );
});

stage.test('every page of an analyst opens directly and loads again', async () => {
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    await page.getByText('No chats yet. Your first question starts one.').waitFor();
    for (const [path, name, picture] of PAGES) {
        await page.goto(path);
        await heading(page, name).waitFor();
        await page.reload();
        await heading(page, name).waitFor();
        assert.equal(new URL(page.url()).pathname, path);
        await visitor.portray(picture);
        visitor.check();
    }
    await page.goto('/');
    await heading(page, 'New chat').waitFor();
    assert.equal(new URL(page.url()).pathname, '/chats');
    visitor.check();
});

stage.test('a chat in each of its states', async () => {
    const visitor = await stage.signedIn('analyst2');
    const { page } = visitor;
    await ask(page, 'What is the capital of France?');
    await answered(page);
    await ask(page, 'Write a Python function that adds two numbers, with an example of its use.');
    await grown(page, 40);
    await visitor.inspect('an answer under way');
    await answered(page);
    await visitor.portray('chat');
    await button(page, 'Edit question').first().click();
    await field(page, 'Edit your question').waitFor();
    await visitor.portray('chat-edit');
    await page.keyboard.press('Escape');
    await page
        .locator('.chat-header')
        .getByRole('button', { name: /^Options for/ })
        .click();
    await page.getByRole('menuitem', { name: 'Rename' }).waitFor();
    await visitor.portray('chat-menu', { sizes: [WIDE] });
    await page.keyboard.press('Escape');
    await page.goto('/chats/00000000-0000-4000-8000-000000000000');
    await page.getByText('It may have been deleted, or it is not yours.').waitFor();
    visitor.expectRefusal('GET /api/v1/chats/');
    await visitor.portray('chat-missing');
    visitor.check();
});

stage.test('on a narrow screen the sidebar is a drawer, by keyboard too', async () => {
    const visitor = await stage.signedIn('analyst1');
    const { page } = visitor;
    await page.setViewportSize(NARROW);
    const settings = page.getByRole('link', { name: 'Settings', exact: true });
    await settings.waitFor({ state: 'hidden' });
    await keyboard.press(button(page, 'Menu'));
    await settings.waitFor();
    await visitor.portray('drawer', { sizes: [NARROW] });
    await page.setViewportSize(NARROW);
    await page.keyboard.press('Escape');
    await settings.waitFor({ state: 'hidden' });
    await keyboard.press(button(page, 'Menu'));
    await keyboard.press(settings);
    await heading(page, 'Settings').waitFor();
    await settings.waitFor({ state: 'hidden' });
    visitor.check();
});

stage.test('an admin reads how far every process is locked in', async () => {
    const visitor = await stage.signedIn('admin');
    const { page } = visitor;
    await page.goto('/admin/system');
    const processes = page.getByRole('list', { name: 'Processes' }).getByRole('listitem');
    await processes.first().waitFor();
    const told = await processes.allInnerTexts();
    assert.equal(told.length, 2);
    for (const [index, name] of ['Front', 'Engine'].entries()) {
        assert.match(
            told[index],
            new RegExp(`^${name}\\b[^]*15 of 15 ways out are closed[^]*seccomp[^]*Full$`),
        );
        assert.doesNotMatch(told[index], /Open:|no seccomp/);
    }
    await visitor.portray('system-lockdown', { whole: true });
    visitor.check();
});

stage.test('the chosen colours stay', async () => {
    const visitor = await stage.signedIn('admin');
    const { page } = visitor;
    await page.goto('/settings');
    await heading(page, 'Settings').waitFor();
    const scheme = () => page.evaluate(() => document.documentElement.dataset.theme);
    assert.equal(await scheme(), 'light');
    await page.getByRole('radio', { name: 'Dark' }).check();
    assert.equal(await scheme(), 'dark');
    await page.reload();
    await heading(page, 'Settings').waitFor();
    assert.equal(await scheme(), 'dark');
    visitor.check();
});

stage.test('an appliance out of reach is told, and found again', async () => {
    const visitor = await stage.signedIn('analyst2');
    const { page } = visitor;
    // What the page still asks for when it is cut off would be answered, and it would not be ready to send.
    await page.waitForLoadState('networkidle');
    await visitor.context.setOffline(true);
    await field(page, 'Message').fill('Is anybody there?');
    await page.keyboard.press('Enter');
    await page.getByText('The appliance does not answer. This page tries again by itself').waitFor();
    await visitor.portray('out-of-reach');
    assert.equal(await field(page, 'Message').inputValue(), 'Is anybody there?');
    await visitor.context.setOffline(false);
    await button(page, 'Try now').click();
    await page.getByText('This page tries again by itself').waitFor({ state: 'detached' });
    while (visitor.expectProblem(/ERR_INTERNET_DISCONNECTED/));
    visitor.check();
});
