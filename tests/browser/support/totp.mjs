// The authenticator of a person (RFC 6238: SHA-1, 6 digits, 30 s).
import { createHmac } from 'node:crypto';
import { setTimeout as wait } from 'node:timers/promises';

const STEP_MS = 30_000;
/** So close to the end of a step, the code of the one before would come too late. */
const MARGIN_MS = 5_000;

/**
 * A code that the appliance has not seen from this person. It takes steps from -1 to +1, each once and in order: so
 * three sign-ins in a row need no waiting.
 */
export async function freshCode(person) {
    const elapsed = Date.now() % STEP_MS;
    const now = Math.floor(Date.now() / STEP_MS);
    const oldest = elapsed > STEP_MS - MARGIN_MS ? now : now - 1;
    const step = Math.max(oldest, person.lastStep + 1);
    if (step > now + 1) {
        await wait(STEP_MS - elapsed);
        return freshCode(person);
    }
    person.lastStep = step;
    return codeAt(person.totp_secret, step);
}

export function codeAt(secret, step) {
    const counter = Buffer.alloc(8);
    counter.writeBigUInt64BE(BigInt(step));
    const mac = createHmac('sha1', fromBase32(secret)).update(counter).digest();
    const offset = mac[mac.length - 1] & 15;
    const number = mac.readUInt32BE(offset) & 0x7fffffff;
    return String(number % 1_000_000).padStart(6, '0');
}

function fromBase32(text) {
    const bits = [...text.replace(/[\s=]/g, '')].map((letter) => {
        const value = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(letter);
        if (value < 0) throw new Error(`not base32: ${letter}`);
        return value.toString(2).padStart(5, '0');
    });
    const bytes = bits.join('').match(/.{8}/g) ?? [];
    return Buffer.from(bytes.map((byte) => Number.parseInt(byte, 2)));
}
