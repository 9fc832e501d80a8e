// An appliance of its own for each file of tests: the real executable with the real model, on a free port. Most take a
// `redoubt demo`; what a demo has not (a notice, a marking, a time to lock) is set up with `redoubt init` and `serve`.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../../../', import.meta.url));
const EXECUTABLE = path.join(ROOT, 'target/x86_64-unknown-linux-gnu/release/redoubt');
const MODEL = path.join(ROOT, '.cache/models/SmolLM2-135M-Instruct.Q4_1.gguf');
const STOP_MS = 20_000;
/** What the appliance is started through, if anything: strace, where its system calls are to be judged afterwards. */
const [PROGRAM, ...BEFORE] = [...(process.env.REDOUBT_THROUGH ?? '').split(' ').filter(Boolean), EXECUTABLE];

export class Appliance {
    #process;
    #folder;

    static async start() {
        const appliance = new Appliance();
        appliance.#folder = await mkdtemp(path.join(tmpdir(), 'redoubt-browser-'));
        const data = path.join(appliance.#folder, 'data');
        appliance.#process = spawn(PROGRAM, [...BEFORE, 'demo', '--json', '--port', '0', '--data', data], {
            cwd: ROOT,
            stdio: ['ignore', 'pipe', 'inherit'],
        });
        for await (const line of createInterface({
            input: appliance.#process.stdout,
        })) {
            const told = JSON.parse(line);
            appliance.url = told.url;
            appliance.ca = await readFile(told.ca);
            appliance.people = told.people.map((person) => ({
                ...person,
                lastStep: 0,
            }));
            appliance.spki = await spkiHash(appliance);
            return appliance;
        }
        throw new Error('redoubt demo ended before it was ready');
    }

    /** One with this configuration, and nobody in it but its first admin, who has no code yet. */
    static async configured(sections) {
        const appliance = new Appliance();
        appliance.#folder = await mkdtemp(path.join(tmpdir(), 'redoubt-browser-'));
        const data = path.join(appliance.#folder, 'data');
        const config = path.join(appliance.#folder, 'redoubt.toml');
        const address = `127.0.0.1:${await freePort()}`;
        await writeFile(config, configuration({ data, address, sections }));
        const { stdout } = await promisify(execFile)(
            EXECUTABLE,
            ['init', '--data', data, '--config', config],
            { cwd: ROOT },
        );
        const [, password] = /first admin\s+admin, password ([^\s;]+)/.exec(stdout) ?? [];
        assert.ok(password, 'init tells the first admin’s password');
        appliance.people = [
            {
                username: 'admin',
                password,
                role: 'admin',
                totp_secret: null,
                lastStep: 0,
            },
        ];
        appliance.#process = spawn(PROGRAM, [...BEFORE, 'serve', '--config', config], {
            cwd: ROOT,
            stdio: ['ignore', 'pipe', 'inherit'],
        });
        for await (const line of createInterface({
            input: appliance.#process.stdout,
        })) {
            if (!line.includes('serves at')) continue;
            appliance.url = `https://${address}`;
            appliance.ca = await readFile(path.join(data, 'tls/ca.pem'));
            appliance.spki = await spkiHash(appliance);
            return appliance;
        }
        throw new Error('redoubt serve ended before it was ready');
    }

    person(username) {
        const person = this.people.find((known) => known.username === username);
        assert.ok(person, `the demo has ${username}`);
        return person;
    }

    /** SIGTERM, as systemd does; anything but a clean end fails the test. */
    async stop() {
        const ended = once(this.#process, 'exit', {
            signal: AbortSignal.timeout(STOP_MS),
        });
        this.#process.kill('SIGTERM');
        try {
            assert.deepEqual(await ended, [0, null], 'SIGTERM ends the appliance with 0');
        } finally {
            this.#process.kill('SIGKILL');
            await rm(this.#folder, { recursive: true, force: true });
        }
    }
}

function configuration({ data, address, sections }) {
    const own = `[listen]\naddress = "${address}"\n[data]\ndir = "${data}"\n[keys]\nfile = "${data}/store.key"\n`;
    return `${own}[models]\nfile = "${MODEL}"\n[egress]\npolicy = "report"\n${sections}`;
}

export async function freePort() {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address();
    server.close();
    await once(server, 'close');
    return port;
}

/** The hash by which Chromium trusts the appliance's certificate, after checking it against the appliance's CA. */
async function spkiHash({ url, ca }) {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), ca });
    await once(socket, 'secureConnect');
    const certificate = new X509Certificate(socket.getPeerCertificate().raw);
    socket.destroy();
    const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
    return createHash('sha256').update(spki).digest('base64');
}
