// The appliance's time. Clocks of workstations on isolated networks drift; its chats carry its own.

let offset = 0;

/** Learns how far this computer's clock is off; `time` is RFC 3339, just received. */
export function setClock(time: string): void {
  const there = Date.parse(time);
  if (Number.isFinite(there)) offset = there - Date.now();
}

export function now(): Date {
  return new Date(Date.now() + offset);
}
