// One appliance and one browser for the tests of a file, and the visitors of each test.
import { after, before, test } from 'node:test';
import { Appliance } from './appliance.mjs';
import { launch, RESULTS, Visitor } from './browser.mjs';
import { button, signIn } from './steps.mjs';

/**
 * Sets the stage for this file; the result is filled before its first test. With `sections` of a configuration the
 * appliance is one that has them, else it is a demo.
 */
export function setStage(sections) {
    const stage = { visitors: [] };
    before(async () => {
        stage.appliance = await (sections ? Appliance.configured(sections) : Appliance.start());
        stage.browser = await launch(stage.appliance);
    });
    after(async () => {
        await stage.browser?.close();
        await stage.appliance?.stop();
    });
    /** A visitor who stays until the end of the test that is running. */
    stage.arrive = async (storageState, card) => {
        const visitor = await Visitor.arrive(stage.browser, stage.appliance, storageState, card);
        stage.visitors.push(visitor);
        return visitor;
    };
    /** A visitor who is signed in. All visitors of a person have one session: codes are few, one each 30 seconds. */
    stage.signedIn = async (username) => {
        const person = stage.appliance.person(username);
        const visitor = await stage.arrive(person.storageState);
        if (person.storageState) {
            await visitor.page.goto('/');
            await button(visitor.page, `Sign out ${username}`).waitFor();
        } else {
            await signIn(visitor, person);
            person.storageState = await visitor.context.storageState();
        }
        return visitor;
    };
    /** A test; what its visitors saw last is kept as a picture if it fails. */
    stage.test = (name, body) =>
        test(name, async () => {
            try {
                await body();
            } catch (error) {
                await keepPictures(stage.visitors, name);
                throw error;
            } finally {
                const visitors = stage.visitors.splice(0);
                await Promise.all(visitors.map((visitor) => visitor.context.close()));
            }
        });
    return stage;
}

async function keepPictures(visitors, name) {
    const stem = name.replace(/\W+/g, '-');
    for (const [index, { page }] of visitors.entries()) {
        // The failure itself is what matters: a browser that is gone gives no picture.
        await page.screenshot({ path: `${RESULTS}failed-${stem}-${index + 1}.png` }).catch(() => {});
    }
}
