// Where the links of a text lead. Those of a message lead nowhere: only a page that says otherwise, of a text of our own,
// has links that can be followed, and only to pages of this appliance.
import { getContext, setContext } from 'svelte';

/** The path of ours that an address means, or null. */
export type Lead = (address: string) => string | null;

const KEY = Symbol('links');

export function leadLinks(lead: Lead): void {
  setContext(KEY, lead);
}

export function linksLead(): Lead {
  return getContext<Lead | undefined>(KEY) ?? (() => null);
}
