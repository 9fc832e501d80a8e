// The shapes that travel between the page and the appliance, by the names that the page uses.
// They come from the API's description: `npm run api` makes schema.d.ts from openapi.json.

import type { components } from './schema';

type Schemas = components['schemas'];

export type Role = Schemas['RoleView'];
export type User = Schemas['UserView'];
export type Marking = Schemas['MarkingView'];
export type Appliance = Schemas['Appliance'];
export type Qr = Schemas['Qr'];
export type NextStep = Schemas['NextStep'];
export type Enrolment = Extract<NextStep, { next: 'enrol' }>;
export type SignedIn = Schemas['SignedInView'];
export type SessionInfo = Schemas['SessionView'];

/** What a person may do besides chatting. */
export type Permission =
  'file_upload' | 'export' | 'api_keys' | 'model_parameters' | 'delete_own_chats' | 'see_usage';

/** A compartment as its members see it. Without a marking it has the appliance's. */
export type Workspace = Schemas['WorkspaceView'];
export type Me = Schemas['Me'];
export type Scope = Schemas['KeyScope'];
export type ApiKey = Schemas['Key'];
export type Prompt = Schemas['Prompt'];
/** What was used on one day (UTC). */
export type DayUsage = Schemas['UsageDay'];
export type Model = Schemas['ModelView'];
export type Usage = Schemas['UsageView'];
export type MessageStatus = Schemas['StatusView'];
/** The page also makes messages of its own while an answer is on its way: those lack what the end brings. */
type Facts = 'model' | 'finish_reason' | 'usage' | 'dropped_turns' | 'elapsed_ms';
export type Message = Omit<Schemas['MessageView'], Facts> & Partial<Pick<Schemas['MessageView'], Facts>>;
export type ChatSummary = Schemas['ChatSummary'];
export type Chat = Omit<Schemas['ChatView'], 'messages'> & { messages: Message[] };
export type SearchHit = Schemas['HitView'];
/** From the appliance, or made by the page where no answer came. */
export type Problem = Pick<Schemas['Problem'], 'status' | 'title'> & {
  code: string;
  request_id?: string;
  field?: string | null;
  /** Seconds. */
  retry_after?: number | null;
};

/** What a law forbids to delete. */
export type Hold = Schemas['Hold'];
export type NewHold = Schemas['NewHold'];
/** A chat that is to be erased after a spill; of a case an auditor sees who has read it. */
export type Purge = Schemas['Purge'];
export type PurgeCase = Schemas['PurgeCase'];

export interface Page<T> {
  items: T[];
  next: string | null;
}

/** Where an answer stands in the queue: 1 is next; `wait_s` is a guess in seconds. */
export interface QueuePlace {
  position: number;
  wait_s: number;
}

/** The events of an answer's stream, which OpenAPI cannot describe. */
export type AnswerEvent =
  | {
      event: 'start';
      data: { question: string; answer: string; dropped_turns?: number | null; title?: string | null };
    }
  | { event: 'queue'; data: QueuePlace }
  | { event: 'token'; data: { text: string } }
  | { event: 'error'; data: { problem: Problem } }
  | {
      event: 'end';
      data: {
        status: MessageStatus;
        finish_reason: string | null;
        usage: Usage | null;
        elapsed_ms?: number | null;
      };
    };
