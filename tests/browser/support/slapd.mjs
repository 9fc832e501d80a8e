// A small directory: Debian's slapd with three people and two groups, over LDAPS.
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { freePort } from './appliance.mjs';
import { eventually } from './steps.mjs';

const BASE = 'dc=example,dc=org';
const SERVICE = `cn=redoubt,${BASE}`;
const SERVICE_PASSWORD = 'ebb and flow';
const PASSWORD = 'salt marsh, nine herons';
const PEOPLE = ['alice', 'bob', 'carol'];
const GROUPS = { staff: ['alice', 'bob'], research: ['bob'] };

export class Slapd {
    #process;
    #folder;

    static async start() {
        const slapd = new Slapd();
        slapd.#folder = await mkdtemp(path.join(tmpdir(), 'redoubt-slapd-'));
        slapd.port = await freePort();
        await mkdir(slapd.#path('db'));
        await writeFile(slapd.#path('password'), `${SERVICE_PASSWORD}\n`);
        await writeFile(slapd.#path('slapd.conf'), slapd.#configuration());
        await writeFile(slapd.#path('all.ldif'), ldif());
        await slapd.#run(
            'openssl',
            'req -x509 -nodes -days 30 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=directory -keyout ca.key -out ca.pem -addext keyUsage=critical,keyCertSign',
        );
        await slapd.#run(
            'openssl',
            'req -x509 -nodes -days 30 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=server -CA ca.pem -CAkey ca.key -keyout server.key -out server.pem -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE',
        );
        await slapd.#run('/usr/sbin/slapadd', '-q -f slapd.conf -l all.ldif');
        const address = `ldaps://127.0.0.1:${slapd.port}`;
        slapd.#process = spawn('/usr/sbin/slapd', ['-d', '0', '-h', address, '-f', 'slapd.conf'], {
            cwd: slapd.#folder,
            stdio: 'ignore',
        });
        await eventually('slapd', () => answers(slapd.port));
        return slapd;
    }

    person(username) {
        return { username, password: PASSWORD, lastStep: 0 };
    }

    group(name) {
        return `cn=${name},ou=groups,${BASE}`;
    }

    /** The section of the configuration that names it. */
    get section() {
        return `[directory]
servers = ["ldaps://127.0.0.1:${this.port}"]
ca = "${this.#path('ca.pem')}"
bind_dn = "${SERVICE}"
bind_password_file = "${this.#path('password')}"
base = "${BASE}"
`;
    }

    async stop() {
        const ended = once(this.#process, 'exit');
        this.#process.kill('SIGTERM');
        await ended;
        await rm(this.#folder, { recursive: true, force: true });
    }

    #path(name) {
        return path.join(this.#folder, name);
    }

    #run(program, line) {
        return promisify(execFile)(program, line.split(' '), { cwd: this.#folder });
    }

    #configuration() {
        const schemas = ['core', 'cosine', 'inetorgperson'];
        return `${schemas.map((name) => `include /etc/ldap/schema/${name}.schema`).join('\n')}
modulepath /usr/lib/ldap
moduleload back_mdb
TLSCACertificateFile ${this.#path('ca.pem')}
TLSCertificateFile ${this.#path('server.pem')}
TLSCertificateKeyFile ${this.#path('server.key')}
database mdb
suffix "${BASE}"
directory ${this.#path('db')}
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="${SERVICE}" read by self read by * none
`;
    }
}

function ldif() {
    const entry = (dn, lines) => `dn: ${dn}\n${lines.join('\n')}\n\n`;
    const unit = (name) => entry(`ou=${name},${BASE}`, ['objectClass: organizationalUnit', `ou: ${name}`]);
    const dnOf = (name) => `uid=${name},ou=people,${BASE}`;
    const person = (name) =>
        entry(dnOf(name), [
            'objectClass: inetOrgPerson',
            `uid: ${name}`,
            `cn: ${name[0].toUpperCase()}${name.slice(1)} of the Marsh`,
            `sn: ${name}`,
            `userPassword: ${PASSWORD}`,
        ]);
    const group = ([name, members]) =>
        entry(`cn=${name},ou=groups,${BASE}`, [
            'objectClass: groupOfNames',
            `cn: ${name}`,
            ...members.map((member) => `member: ${dnOf(member)}`),
        ]);
    return [
        entry(BASE, ['objectClass: dcObject', 'objectClass: organization', 'o: Example', 'dc: example']),
        entry(SERVICE, [
            'objectClass: organizationalRole',
            'objectClass: simpleSecurityObject',
            'cn: redoubt',
            `userPassword: ${SERVICE_PASSWORD}`,
        ]),
        ...['people', 'groups'].map(unit),
        ...PEOPLE.map(person),
        ...Object.entries(GROUPS).map(group),
    ].join('');
}

function answers(port) {
    return new Promise((resolve) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('connect', () => resolve(socket.destroy() !== null));
        socket.once('error', () => resolve(false));
    });
}
