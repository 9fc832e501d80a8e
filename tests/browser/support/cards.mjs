// An authority that gives people certificates, by the tool that operators have: openssl.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';

const CONFIGURATION = `[ca]
default_ca = people
[people]
database = index.txt
crlnumber = crlnumber
certificate = ca.pem
private_key = ca.key
default_md = sha256
default_crl_days = 30
[person]
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
`;

export class Cards {
    static async create() {
        const cards = new Cards();
        cards.folder = await mkdtemp(path.join(tmpdir(), 'redoubt-cards-'));
        await mkdir(cards.path('lists'));
        await writeFile(cards.path('ca.conf'), CONFIGURATION);
        await writeFile(cards.path('index.txt'), '');
        await writeFile(cards.path('crlnumber'), '01\n');
        await cards.#openssl(
            'req -x509 -nodes -days 30 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=people -keyout ca.key -out ca.pem -addext keyUsage=critical,keyCertSign,cRLSign',
        );
        await cards.#list();
        return cards;
    }

    path(name) {
        return path.join(this.folder, name);
    }

    /** The section of the configuration that accepts these cards. */
    get section() {
        return `[certificates]\nca = "${this.path('ca.pem')}"\nrevocation_lists = "${this.path('lists')}"\nsubject = "cn"\n`;
    }

    /** A card of this user name, as a browser takes it. */
    async issue(name) {
        const [certPath, keyPath] = ['pem', 'key'].map((kind) => this.path(`${name}.${kind}`));
        const request = `req -new -nodes -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=${name}`;
        await this.#openssl(`${request} -keyout ${keyPath} -out ${name}.csr`);
        await this.#openssl(
            `x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -days 30 -extfile ca.conf -extensions person -out ${certPath}`,
        );
        return { certPath, keyPath };
    }

    async revoke({ certPath }) {
        await this.#openssl(`ca -config ca.conf -revoke ${certPath}`);
        await this.#list();
    }

    async remove() {
        await rm(this.folder, { recursive: true, force: true });
    }

    async #list() {
        await this.#openssl('ca -config ca.conf -gencrl -out new.crl');
        await rename(this.path('new.crl'), this.path('lists/people.crl'));
    }

    #openssl(line) {
        return promisify(execFile)('openssl', line.split(' '), { cwd: this.folder });
    }
}
