// One open chat: its messages, the branch that is shown, and the answer that is being written.
import * as api from '../api/chats';
import { ApiError } from '../api/http';
import type { AnswerEvent, Chat, ChatSummary, Message, Problem, QueuePlace } from '../api/types';
import { now } from '../state/clock';
import { announcer } from '../state/announcer.svelte';
import { toasts } from '../state/toasts.svelte';
import { explain } from '../ui/errors';
import { chats } from './list.svelte';
import { LiveAnswer } from './live.svelte';
import { newMessage } from './new-message';
import { newestLeaf, pathTo, versionsOf } from './tree';
import { waiting } from './waiting';

type AnswerStart = Extract<AnswerEvent, { event: 'start' }>['data'];
type AnswerEnd = Extract<AnswerEvent, { event: 'end' }>['data'];

/** Waits before joining a broken stream again, in milliseconds. */
const REJOIN_AFTER = [300, 1_000, 2_000, 4_000, 8_000, 15_000];

export class Conversation {
  chat = $state.raw<ChatSummary | null>(null);
  messages = $state.raw<Message[]>([]);
  head = $state<string | null>(null);
  phase = $state<'new' | 'loading' | 'ready' | 'failed'>('new');
  /** Why the chat could not be opened. */
  error = $state.raw<unknown>(null);
  /** Why the last question was not taken. */
  refusal = $state.raw<unknown>(null);
  /** A question is on its way and not yet acknowledged. */
  sending = $state(false);
  live = $state.raw<LiveAnswer | null>(null);
  /** What went wrong with answers of this visit, by message. */
  problems = $state.raw<Record<string, Problem>>({});
  model = $state<string | undefined>(undefined);
  path = $derived(pathTo(this.messages, this.head));
  busy = $derived(this.sending || this.live !== null);
  #leave = new AbortController();

  constructor(readonly onCreated: (id: string) => void) {}

  async open(id: string): Promise<void> {
    this.phase = 'loading';
    try {
      this.#take(await api.findChat(id, this.#leave.signal));
      this.phase = 'ready';
    } catch (error) {
      if (this.#leave.signal.aborted) return;
      this.error = error;
      this.phase = 'failed';
      return;
    }
    const writing = this.messages.find(({ status }) => status === 'streaming');
    if (writing) await this.#join(writing.id);
  }

  /** Stops listening. An answer under way goes on in the appliance. */
  close(): void {
    this.#leave.abort();
  }

  /** `parent` as in the API: absent means after what is shown, null a new first question. True once it is taken. */
  async ask(content: string, parent?: string | null): Promise<boolean> {
    if (this.busy) return false;
    this.refusal = null;
    this.sending = true;
    try {
      if (!this.chat) this.#take(await api.createChat(this.model));
    } catch (error) {
      this.sending = false;
      this.refusal = error;
      return false;
    }
    const after = parent === undefined ? this.head : parent;
    const body = { content, parent: after, ...(this.model ? { model: this.model } : {}) };
    return this.#follow(api.ask(this.chat?.id ?? '', body, this.#leave.signal), (start) =>
      this.#add(newMessage(start.question, after, 'user', content)),
    );
  }

  async regenerate(answer: Message): Promise<boolean> {
    if (!this.chat || this.#tooEarly()) return false;
    this.refusal = null;
    this.sending = true;
    return this.#follow(api.regenerate(this.chat.id, answer.id, this.#leave.signal), () => {});
  }

  async stop(): Promise<void> {
    if (!this.chat || !this.busy) return;
    try {
      await api.stopAnswer(this.chat.id);
    } catch (error) {
      toasts.show(`The answer could not be stopped. ${explain(error).what}`);
    }
  }

  /** Shows the version `step` further, and remembers the choice in the appliance. */
  async showVersion(of: Message, step: 1 | -1): Promise<void> {
    const { ids, index } = versionsOf(this.messages, of);
    const chosen = ids[index + step];
    if (!chosen || !this.chat || this.#tooEarly()) return;
    this.head = newestLeaf(this.messages, chosen);
    announcer.say(`Version ${index + step + 1} of ${ids.length}`);
    try {
      await api.updateChat(this.chat.id, { head: this.head });
    } catch (error) {
      toasts.show(`This choice could not be saved. ${explain(error).what}`);
    }
  }

  #tooEarly(): boolean {
    if (this.busy) toasts.show('An answer is being written. Stop it first (Esc), or wait.');
    return this.busy;
  }

  /** Shows the branch on which a message lies, for this visit only. */
  reveal(id: string): void {
    if (this.messages.some((known) => known.id === id) && !this.path.some((shown) => shown.id === id)) {
      this.head = newestLeaf(this.messages, id);
    }
  }

  #take({ messages, ...chat }: Chat): void {
    this.chat = chat;
    this.messages = messages ?? [];
    this.head = chat.head;
    this.model = chat.model;
  }

  /** Reads an answer to its end. The promise is kept when the question is taken or refused. */
  #follow(events: AsyncGenerator<AnswerEvent>, onStart: (start: AnswerStart) => void): Promise<boolean> {
    return new Promise((taken) => {
      const started = (start: AnswerStart) => {
        onStart(start);
        this.#begin(start);
        taken(true);
      };
      void this.#read(events, started).then((error) => {
        if (this.sending) this.refusal = error;
        this.sending = false;
        taken(false);
      });
    });
  }

  async #read(events: AsyncGenerator<AnswerEvent>, started: (start: AnswerStart) => void): Promise<unknown> {
    try {
      for await (const event of events) {
        if (event.event === 'start') started(event.data);
        else if (event.event === 'queue') this.#queued(event.data);
        else if (event.event === 'token') this.live?.append(event.data.text);
        else if (event.event === 'error') this.#failed(event.data.problem);
        else this.#end(event.data);
      }
    } catch (error) {
      if (this.#leave.signal.aborted) return null;
      if (!this.live) return error;
      await this.#join(this.live.id);
    }
    return null;
  }

  /** Joins an answer that is being written, again and again while the line is down. */
  async #join(id: string): Promise<void> {
    for (const wait of [0, ...REJOIN_AFTER]) {
      await new Promise((done) => setTimeout(done, wait));
      if (this.#leave.signal.aborted || !this.chat) return;
      try {
        // The text so far comes first, so the answer is drawn from its beginning.
        const live = new LiveAnswer(id);
        for await (const event of api.attach(this.chat.id, id, this.#leave.signal)) {
          if (this.live !== live) this.live = live;
          if (event.event === 'queue') this.#queued(event.data);
          else if (event.event === 'token') live.append(event.data.text);
          else if (event.event === 'error') this.#failed(event.data.problem);
          else if (event.event === 'end') return this.#end(event.data);
        }
      } catch (error) {
        if (this.#leave.signal.aborted) return;
        if (error instanceof ApiError && error.status >= 400 && (await this.#isOver(id))) return;
      }
    }
    this.#lost(id);
  }

  /** Whether the answer has ended meanwhile; if so it is shown as it was kept. */
  async #isOver(id: string): Promise<boolean> {
    if (!this.chat) return true;
    try {
      const chat = await api.findChat(this.chat.id, this.#leave.signal);
      if (chat.messages.find((known) => known.id === id)?.status === 'streaming') return false;
      this.live = null;
      this.#take(chat);
      return true;
    } catch {
      return false;
    }
  }

  #begin(start: AnswerStart): void {
    this.sending = false;
    this.#add({
      ...newMessage(start.answer, start.question, 'assistant', ''),
      status: 'streaming',
      model: this.model ?? null,
      dropped_turns: start.dropped_turns ?? 0,
    });
    this.head = start.answer;
    this.live = new LiveAnswer(start.answer);
    announcer.say('The answer begins.');
    if (!this.chat) return;
    const title = start.title || this.chat.title;
    this.chat = { ...this.chat, title, head: start.answer, updated_at: now().toISOString() };
    chats.put(this.chat);
    if (this.phase === 'new') {
      this.phase = 'ready';
      this.onCreated(this.chat.id);
    }
  }

  #queued(place: QueuePlace): void {
    if (!this.live) return;
    this.live.queue = place;
    announcer.say(waiting(place));
  }

  #failed(problem: Problem): void {
    if (this.live) this.problems = { ...this.problems, [this.live.id]: problem };
  }

  #end(end: AnswerEnd): void {
    const { live } = this;
    if (!live) return;
    live.finish();
    this.#change(live.id, { ...end, content: live.text });
    this.live = null;
    announcer.say(end.status === 'done' ? 'The answer is complete.' : 'The answer has ended early.');
  }

  #lost(id: string): void {
    const { live } = this;
    live?.finish();
    const problem = { status: 0, code: 'unreachable', title: 'The connection was lost.' };
    this.problems = { ...this.problems, [id]: problem };
    this.#change(id, { content: live?.text ?? '', status: 'failed' });
    this.live = null;
  }

  #add(added: Message): void {
    this.messages = [...this.messages.filter(({ id }) => id !== added.id), added];
  }

  #change(id: string, change: Partial<Message>): void {
    this.messages = this.messages.map((known) => (known.id === id ? { ...known, ...change } : known));
  }
}
