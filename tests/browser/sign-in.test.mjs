// Signing in and out: by keyboard, at first, without the authenticator, and with what is refused.
import assert from 'node:assert/strict';
import { setStage } from './support/stage.mjs';
import { button, field, givePassword, passwordField, reach, signIn } from './support/steps.mjs';
import { codeAt, freshCode } from './support/totp.mjs';

const stage = setStage();
/** Left by the enrolment for the test after it. */
let recoveryCodes = [];

const says = (page, text) => page.getByText(text).waitFor();

stage.test('a person signs in by keyboard only, with a code', async () => {
    const visitor = await stage.arrive();
    const { page } = visitor;
    const person = stage.appliance.person('analyst1');
    await page.goto('/');
    await field(page, 'User name').waitFor();
    assert.equal(await page.title(), 'Sign in · Redoubt');
    // No Tab first: the field has the focus.
    await page.keyboard.type(person.username);
    await page.keyboard.press('Tab');
    await page.keyboard.type(person.password);
    await page.keyboard.press('Enter');
    await field(page, 'Code').waitFor();
    await page.keyboard.type(await freshCode(person));
    await page.keyboard.press('Enter');
    await field(page, 'Message').waitFor();
    assert.equal(new URL(page.url()).pathname, '/chats');

    await reach(button(page, 'Sign out analyst1'));
    await page.keyboard.press('Enter');
    await says(page, 'You are signed out');
    await page.goto('/settings');
    await field(page, 'User name').waitFor();
    visitor.expectRefusal('GET /api/v1/me 401');
    visitor.check();
});

stage.test('a newcomer enrols, keeps the recovery codes and is in', async () => {
    const visitor = await stage.arrive();
    const { page } = visitor;
    const person = stage.appliance.person('newcomer');
    assert.equal(person.totp_secret, null);
    await page.goto('/');
    await visitor.portray('sign-in');
    await givePassword(page, person);
    const qr = page.getByRole('img', {
        name: 'QR code for the authenticator; the same secret follows as text',
        exact: true,
    });
    await qr.waitFor();
    assert.equal(new URL(page.url()).pathname, '/enrol');
    assert.ok((await qr.locator('path').getAttribute('d')).length > 500, 'the code has modules');
    await visitor.portray('enrol', { whole: true });

    person.totp_secret = (await page.locator('.secret code').innerText()).replace(/\s/g, '');
    await field(page, 'Code').fill(codeAt(person.totp_secret, 1));
    await button(page, 'Confirm').click();
    await says(page, 'The code was not accepted.');
    visitor.expectRefusal('POST /api/v1/session/totp 401');
    await field(page, 'Code').fill(await freshCode(person));
    await button(page, 'Confirm').click();

    const list = page.getByRole('list', { name: 'Recovery codes' });
    await list.waitFor();
    recoveryCodes = (await list.getByRole('listitem').allInnerTexts()).map((code) => code.trim());
    assert.equal(new Set(recoveryCodes).size, 10);
    await visitor.portray('recovery-codes', { whole: true });
    await button(page, 'Continue').click();
    await says(page, 'Tick the box once you have kept the codes.');
    await page.getByRole('checkbox', { name: 'I have kept these codes in a safe place' }).check();
    await button(page, 'Continue').click();
    await field(page, 'Message').waitFor();
    await button(page, 'Sign out newcomer').click();
    await says(page, 'You are signed out');
    visitor.check();
});

stage.test('a recovery code signs in once', async () => {
    const visitor = await stage.arrive();
    const { page } = visitor;
    const person = stage.appliance.person('newcomer');
    const giveRecoveryCode = async () => {
        await page.goto('/');
        await givePassword(page, person);
        await button(page, 'Use a recovery code').click();
        await field(page, 'Recovery code').fill(recoveryCodes[3]);
        await button(page, 'Confirm').click();
    };
    await giveRecoveryCode();
    await field(page, 'Message').waitFor();
    await page.goto('/settings');
    await says(page, '9 of them are left.');
    await button(page, 'Sign out newcomer').click();
    await says(page, 'You are signed out');
    visitor.check();

    await giveRecoveryCode();
    await page.getByRole('alert').filter({ hasText: 'was not accepted' }).waitFor();
    visitor.expectRefusal('POST /api/v1/session/totp 401');
    visitor.check();
});

stage.test('a wrong password and a wrong code are told, without saying which part was wrong', async () => {
    const visitor = await stage.arrive();
    const { page } = visitor;
    const person = stage.appliance.person('analyst2');
    await page.goto('/sign-in');
    await givePassword(page, { ...person, password: 'certainly not this one' });
    await says(page, 'This name and password were not accepted.');
    visitor.expectRefusal('POST /api/v1/session 401');
    assert.equal(await passwordField(page).inputValue(), '');
    await visitor.portray('wrong-password');

    await givePassword(page, person);
    await field(page, 'Code').waitFor();
    await visitor.portray('code');
    // Of a time long past, so that it is wrong for certain or one in a million.
    await field(page, 'Code').fill(codeAt(person.totp_secret, 1));
    await button(page, 'Confirm').click();
    await says(page, 'The code was not accepted. Codes change every 30 seconds');
    visitor.expectRefusal('POST /api/v1/session/totp 401');
    await visitor.portray('wrong-code');

    await button(page, 'Start over').click();
    await field(page, 'User name').waitFor();
    visitor.check();
});

stage.test('a used code is refused', async () => {
    const first = await stage.arrive();
    const person = stage.appliance.person('auditor');
    await signIn(first, person);
    const second = await stage.arrive();
    const { page } = second;
    await page.goto('/');
    await givePassword(page, person);
    await field(page, 'Code').fill(codeAt(person.totp_secret, person.lastStep));
    await button(page, 'Confirm').click();
    await says(page, 'The code was not accepted.');
    second.expectRefusal('POST /api/v1/session/totp 401');
    second.check();
    first.check();
});

stage.test('three wrong passwords lock a name, also one that nobody has', async () => {
    const visitor = await stage.arrive();
    const { page } = visitor;
    const nobody = { username: 'nobody.here', password: 'a password of nobody' };
    await page.goto('/');
    for (let attempt = 1; attempt <= 3; attempt++) {
        await givePassword(page, nobody);
        await says(page, 'This name and password were not accepted.');
        visitor.expectRefusal('POST /api/v1/session 401');
    }
    await givePassword(page, nobody);
    await says(page, /Signing in is locked after too many attempts\. Try again in \d+ (minutes|seconds)/);
    visitor.expectRefusal('POST /api/v1/session 429');
    visitor.check();
});
