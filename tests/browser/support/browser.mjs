// A browser with visitors. Each visitor is a profile of its own, watched for everything that must never happen:
// console errors, violations of the content security policy, requests to another origin, faults of the page.
import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { AxeBuilder, chromium } from './packages.mjs';

export const RESULTS = fileURLToPath(new URL('../results/', import.meta.url));
export const NARROW = { width: 390, height: 844 };
export const WIDE = { width: 1440, height: 900 };

const FLAGS = [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    '--disable-quic',
    '--disable-features=AutofillServerCommunication',
    // What this browser asks for of its own accord, and the one name that the tests send a page to. Every other name would
    // still be looked up, and seen.
    '--host-resolver-rules=' +
        ['*.googleapis.com', 'accounts.google.com', 'redirector.gvt1.com', 'evil.example']
            .map((name) => `MAP ${name} ~NOTFOUND`)
            .join(', '),
];
const PATIENCE_MS = 20_000;

export async function launch(appliance) {
    await mkdir(RESULTS, { recursive: true });
    return chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: [
            ...FLAGS,
            `--ignore-certificate-errors-spki-list=${appliance.spki}`,
            ...(process.getuid() === 0 ? ['--no-sandbox'] : []),
        ],
    });
}

export class Visitor {
    /** What must not have happened. */
    #problems = [];
    /** Refusals by the appliance: "METHOD path status"; each must be expected by the test. */
    #refusals = [];

    /** `card`: of cards.mjs, shown when the appliance asks for it. */
    static async arrive(browser, appliance, storageState, card) {
        const visitor = new Visitor();
        visitor.origin = appliance.url;
        visitor.context = await browser.newContext({
            baseURL: appliance.url,
            viewport: WIDE,
            locale: 'en-GB',
            reducedMotion: 'reduce',
            ...(storageState ? { storageState } : {}),
            // The cards are behind a proxy of Playwright's, which has a certificate of its own.
            ...(card
                ? {
                      ignoreHTTPSErrors: true,
                      clientCertificates: [{ origin: appliance.url, ...card }],
                  }
                : {}),
        });
        visitor.context.setDefaultTimeout(PATIENCE_MS);
        await visitor.context.addInitScript(() => {
            document.addEventListener(
                'securitypolicyviolation',
                ({ violatedDirective, blockedURI, sample }) =>
                    console.error('securitypolicyviolation', violatedDirective, blockedURI, sample),
            );
        });
        visitor.page = await visitor.context.newPage();
        visitor.#watch();
        return visitor;
    }

    #watch() {
        this.context.on('request', (request) => {
            if (new URL(request.url()).origin !== this.origin)
                this.#problems.push(`request to ${request.url()}`);
        });
        this.context.on('response', (response) => {
            if (response.status() < 400) return;
            const { pathname } = new URL(response.url());
            this.#refusals.push(`${response.request().method()} ${pathname} ${response.status()}`);
        });
        this.page.on('pageerror', (error) => this.#problems.push(`fault: ${error.stack ?? error}`));
        this.page.on('console', (message) => {
            // Chromium writes this one for every refusal; those are counted above.
            const refusal = /^Failed to load resource: the server responded with a status of 4\d\d/;
            if (!['error', 'warning'].includes(message.type()) || refusal.test(message.text())) return;
            this.#problems.push(`console: ${message.text()}`);
        });
    }

    /**
     * From now on the likeliest answer is given, the same every time. The page leaves the choice to the appliance, and
     * so small a model says anything by chance.
     */
    async askForLikeliest() {
        await this.page.route(/\/messages$|\/regenerate$/, (route) => {
            const body = {
                ...route.request().postDataJSON(),
                params: { temperature: 0 },
            };
            return route.continue({ postData: JSON.stringify(body) });
        });
    }

    /** Takes one refusal off the list, or fails if the appliance did not refuse. */
    expectRefusal(refusal) {
        const index = this.#refusals.findIndex((known) => known.startsWith(refusal));
        assert.notEqual(
            index,
            -1,
            `${refusal} was expected; there was: ${this.#refusals.join(', ') || 'nothing'}`,
        );
        this.#refusals.splice(index, 1);
    }

    /** Takes all refusals like this off the list; how many there were. */
    takeRefusals(refusal) {
        const before = this.#refusals.length;
        this.#refusals = this.#refusals.filter((known) => !known.startsWith(refusal));
        return before - this.#refusals.length;
    }

    /** Takes one problem off the list; false if there is none like it. */
    expectProblem(pattern) {
        const index = this.#problems.findIndex((problem) => pattern.test(problem));
        if (index >= 0) this.#problems.splice(index, 1);
        return index >= 0;
    }

    /** Fails if anything happened since the last look that must not happen. */
    check() {
        const found = [...this.#problems.splice(0), ...this.#refusals.splice(0)];
        assert.deepEqual(found, [], 'the console, the policy and the network stayed quiet');
    }

    /** axe must find nothing, and nothing may be wider than the screen. */
    async inspect(what) {
        const { violations } = await new AxeBuilder({ page: this.page }).setLegacyMode(true).analyze();
        const told = violations.map(
            ({ id, help, nodes }) => `${id}: ${help}\n  ${nodes.map(({ html }) => html).join('\n  ')}`,
        );
        assert.deepEqual(told, [], `axe on ${what}`);
        const [wanted, given] = await this.page.evaluate(() => [
            document.documentElement.scrollWidth,
            document.documentElement.clientWidth,
        ]);
        assert.ok(wanted <= given, `${what} is ${wanted} px wide on a screen of ${given} px`);
    }

    /** Looks at the page as it is now in light and dark, narrow and wide; leaves it light and wide. */
    async portray(name, { sizes = [NARROW, WIDE], whole = false } = {}) {
        for (const viewport of sizes) {
            for (const colorScheme of ['dark', 'light']) {
                await this.page.setViewportSize(viewport);
                await this.page.emulateMedia({ colorScheme });
                const file = `${name}-${viewport.width}-${colorScheme}.png`;
                await this.inspect(file);
                await this.page.screenshot({
                    path: RESULTS + file,
                    fullPage: whole,
                });
            }
        }
        await this.page.setViewportSize(WIDE);
    }
}
