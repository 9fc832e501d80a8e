// A `redoubt demo` of its own for each file of tests: the real executable with the real model, on a free port.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXECUTABLE = path.join(ROOT, 'target/x86_64-unknown-linux-gnu/release/redoubt');
const STOP_MS = 20_000;

export class Appliance {
    #process;
    #folder;

    static async start() {
        const appliance = new Appliance();
        appliance.#folder = await mkdtemp(path.join(tmpdir(), 'redoubt-browser-'));
        const data = path.join(appliance.#folder, 'data');
        appliance.#process = spawn(EXECUTABLE, ['demo', '--json', '--port', '0', '--data', data], {
            cwd: ROOT,
            stdio: ['ignore', 'pipe', 'inherit'],
        });
        for await (const line of createInterface({ input: appliance.#process.stdout })) {
            const told = JSON.parse(line);
            appliance.url = told.url;
            appliance.people = told.people.map((person) => ({ ...person, lastStep: 0 }));
            appliance.spki = await spkiHash(told);
            return appliance;
        }
        throw new Error('redoubt demo ended before it was ready');
    }

    person(username) {
        const person = this.people.find((known) => known.username === username);
        assert.ok(person, `the demo has ${username}`);
        return person;
    }

    /** SIGTERM, as systemd does; anything but a clean end fails the test. */
    async stop() {
        const ended = once(this.#process, 'exit', { signal: AbortSignal.timeout(STOP_MS) });
        this.#process.kill('SIGTERM');
        try {
            assert.deepEqual(await ended, [0, null], 'SIGTERM ends the appliance with 0');
        } finally {
            this.#process.kill('SIGKILL');
            await rm(this.#folder, { recursive: true, force: true });
        }
    }
}

/** The hash by which Chromium trusts the appliance's certificate, after checking it against the appliance's CA. */
async function spkiHash({ url, ca }) {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), ca: await readFile(ca) });
    await once(socket, 'secureConnect');
    const certificate = new X509Certificate(socket.getPeerCertificate().raw);
    socket.destroy();
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
    return createHash('sha256').update(spki).digest('base64');
}
