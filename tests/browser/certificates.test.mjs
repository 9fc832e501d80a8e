// Signing in with a certificate (a card) in place of name and password.
import { after } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import { Cards } from './support/cards.mjs';
import { setStage } from './support/stage.mjs';
import { button, enrol, field, heading, passwordField } from './support/steps.mjs';
import { freshCode } from './support/totp.mjs';

const cards = await Cards.create();
after(() => cards.remove());
const stage = setStage(`${cards.section}[sign_in]\nproof_seconds = 1\n`);
/** Longer than the second that is configured. */
const PROOF_LASTS_MS = 1_200;
const card = await cards.issue('admin');

const useCertificate = (page) => button(page, 'Use my certificate').click();
/** On a connection that is some seconds old the certificate is asked for once more, which nobody notices. */
const forgetStale = (visitor) =>
    ['certificate', 'proof'].forEach((path) => visitor.takeRefusals(`POST /api/v1/session/${path} 401`));
const says = (page, text) => page.getByText(text).waitFor();

stage.test('a card and a code sign in, and both prove who one is', async () => {
    const admin = stage.appliance.person('admin');
    // The authenticator is enrolled by whoever comes first, with the password.
    const first = await stage.arrive();
    await first.page.goto('/');
    await first.portray('sign-in-with-certificate');
    await enrol(first, admin);

    const visitor = await stage.arrive(undefined, card);
    const { page } = visitor;
    await page.goto('/');
    await useCertificate(page);
    await field(page, 'Code').fill(await freshCode(admin));
    await button(page, 'Confirm').click();
    await button(page, 'Sign out admin').waitFor();

    // It asks for no password, which they may not have.
    await page.goto('/settings');
    await wait(PROOF_LASTS_MS);
    await button(page, 'Make new codes').click();
    const dialog = page.getByRole('dialog', { name: 'Confirm that it is you' });
    await dialog.getByText('This needs your certificate').waitFor();
    await visitor.portray('proof-with-certificate');
    await dialog.getByRole('textbox', { name: 'Your code' }).fill(await freshCode(admin));
    await dialog.getByRole('button', { name: 'Confirm' }).click();
    await page.getByRole('list', { name: 'Recovery codes' }).waitFor();
    visitor.expectRefusal('POST /api/v1/me/recovery-codes 403');
    forgetStale(visitor);
    visitor.check();
});

stage.test('who has no card, and whose card is revoked, reads why and can use the password', async () => {
    const nobody = await stage.arrive();
    await nobody.page.goto('/');
    await useCertificate(nobody.page);
    await says(nobody.page, 'Your browser showed no certificate that is accepted here.');
    nobody.expectRefusal('POST /api/v1/session/certificate 401');
    nobody.check();

    await cards.revoke(card);
    const visitor = await stage.arrive(undefined, card);
    const { page } = visitor;
    await page.goto('/');
    await useCertificate(page);
    await says(page, 'Your certificate has been revoked.');
    await visitor.portray('certificate-revoked');
    visitor.expectRefusal('POST /api/v1/session/certificate 401');
    forgetStale(visitor);
    await passwordField(page).waitFor();
    await heading(page, 'Sign in').waitFor();
    visitor.check();
});
