// A signed-in person without a browser, for what a test needs to be there before it begins.
import assert from 'node:assert/strict';
import { request } from 'node:https';
import { freshCode } from './totp.mjs';

export class Client {
    #cookies = new Map();

    constructor(appliance) {
        this.appliance = appliance;
    }

    /** Signs in; who has no code yet enrols, and `person.totp_secret` is filled. */
    static async signIn(appliance, person) {
        const client = new Client(appliance);
        const { username, password } = person;
        const { notice_sha256 } = await client.call('GET', '/api/v1/appliance');
        const accepted = notice_sha256 ? { notice_sha256 } : {};
        const next = await client.call('POST', '/api/v1/session', {
            username,
            password,
            ...accepted,
        });
        if (next.next === 'enrol') person.totp_secret = next.secret;
        await client.call('POST', '/api/v1/session/totp', {
            code: await freshCode(person),
        });
        return client;
    }

    /** The answer's JSON (null without a body); anything but success fails the test. */
    async call(method, path, body) {
        const { status, text } = await this.send(method, path, { body });
        assert.ok(status < 300, `${method} ${path}: ${status} ${text}`);
        return text ? JSON.parse(text) : null;
    }

    send(method, path, { body, headers = {} } = {}) {
        return new Promise((resolve, reject) => {
            const cookie = [...this.#cookies].map(([name, value]) => `${name}=${value}`).join('; ');
            const call = request(new URL(path, this.appliance.url), {
                method,
                ca: this.appliance.ca,
                headers: {
                    ...(cookie ? { cookie } : {}),
                    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
                    ...headers,
                },
            });
            call.on('error', reject);
            call.on('response', async (response) => {
                for (const line of response.headers['set-cookie'] ?? []) this.#keep(line);
                let text = '';
                for await (const piece of response.setEncoding('utf8')) text += piece;
                resolve({ status: response.statusCode, text });
            });
            call.end(body === undefined ? undefined : JSON.stringify(body));
        });
    }

    #keep(line) {
        const [, name, value] = /^([^=]+)=([^;]*)/.exec(line) ?? [];
        if (/max-age=0/i.test(line)) this.#cookies.delete(name);
        else this.#cookies.set(name, value);
    }

    /** Makes a person who can sign in at once; they connect an authenticator when they do. */
    async createPerson(username, role = 'analyst') {
        const { person, password } = await this.call('POST', '/api/v1/admin/people', { username, role });
        return {
            id: person.id,
            username,
            password,
            role,
            totp_secret: null,
            lastStep: 0,
        };
    }

    async createWorkspace(name, change) {
        const { id } = await this.call('POST', '/api/v1/admin/workspaces', {
            name,
        });
        return this.call('PATCH', `/api/v1/admin/workspaces/${id}`, change);
    }

    async createGroup(name, change = {}) {
        const { id } = await this.call('POST', '/api/v1/admin/groups', {
            name,
        });
        return this.call('PATCH', `/api/v1/admin/groups/${id}`, change);
    }

    /** Every model for every analyst. */
    async grantEverything() {
        const { items } = await this.call('GET', '/api/v1/admin/models');
        const models = items.map(({ id }) => id);
        await this.call('PATCH', '/api/v1/admin/groups/everyone', { models });
    }
}
