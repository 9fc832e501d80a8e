// Colours code: highlight.js finds the words, this file turns them into runs of text with a role.
// Its HTML emitter is replaced, so no string of HTML is ever made.
import type { Emitter } from 'highlight.js';
import hljs from 'highlight.js/lib/core';
import { LANGUAGES } from './languages';

/** A stretch of text and the colour role it has (a class of code.css), or null. */
export interface Run {
  text: string;
  role: string | null;
}

const ROLES: Record<string, string> = {
  addition: 'addition',
  attr: 'name',
  attribute: 'name',
  built_in: 'type',
  bullet: 'keyword',
  comment: 'comment',
  deletion: 'deletion',
  doctag: 'comment',
  keyword: 'keyword',
  link: 'string',
  literal: 'number',
  meta: 'comment',
  name: 'keyword',
  number: 'number',
  property: 'name',
  quote: 'comment',
  regexp: 'string',
  section: 'title',
  'selector-class': 'title',
  'selector-id': 'title',
  'selector-tag': 'keyword',
  string: 'string',
  symbol: 'number',
  tag: 'keyword',
  'template-variable': 'name',
  title: 'title',
  type: 'type',
  variable: 'name',
};

class RunEmitter implements Emitter {
  readonly runs: Run[] = [];
  #scopes: string[] = [];

  addText(text: string): void {
    if (!text) return;
    const role = this.#scopes.reduceRight<string | null>((found, scope) => found ?? roleOf(scope), null);
    const last = this.runs.at(-1);
    if (last && last.role === role) last.text += text;
    else this.runs.push({ text, role });
  }

  startScope(name: string): void {
    this.#scopes.push(name);
  }

  endScope(): void {
    this.#scopes.pop();
  }

  // highlight.js 11 opens the scope of a whole rule under these names.
  openNode(name: string): void {
    this.startScope(name);
  }

  closeNode(): void {
    this.endScope();
  }

  __addSublanguage(emitter: RunEmitter): void {
    this.runs.push(...emitter.runs);
  }

  finalize(): void {}

  toHTML(): string {
    return '';
  }
}

function roleOf(scope: string): string | null {
  return ROLES[scope] ?? ROLES[scope.split('.')[0] ?? ''] ?? null;
}

hljs.configure({ __emitter: RunEmitter } as unknown as Parameters<typeof hljs.configure>[0]);

/** Fetches a language once; `name` is one of LANGUAGES. */
export async function loadLanguage(name: string): Promise<void> {
  const load = LANGUAGES[name];
  if (!load || hljs.getLanguage(name)) return;
  hljs.registerLanguage(name, (await load()).default);
}

/** Runs whose texts add up to the code. The language must have been loaded. */
export function highlight(code: string, language: string): Run[] {
  const { _emitter } = hljs.highlight(code, { language, ignoreIllegals: true });
  const { runs } = _emitter as unknown as RunEmitter;
  // A grammar that gave up in the middle must not swallow the rest.
  const length = runs.reduce((sum, { text }) => sum + text.length, 0);
  return length === code.length ? runs : [{ text: code, role: null }];
}
