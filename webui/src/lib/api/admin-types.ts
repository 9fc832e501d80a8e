// The shapes of the administration, by the names that its pages use. They come from the API's description.
import type { components } from './schema';

type Schemas = components['schemas'];

export type Named = Schemas['Named'];
export type Person = Schemas['Person'];
export type PersonState = Schemas['StateView'];
/** Where each right of a person comes from, in sentences. */
export type Explanation = Schemas['Explanation'];
export type Effect = Schemas['Effect'];
export type Group = Schemas['Group'];
/** `priority`: the place in the queue; higher comes first. */
export type GroupQuotas = Schemas['Quotas'];
export type Member = Schemas['GroupMember'];
export type AdminModel = Schemas['AdminModel'];
export type AdminWorkspace = Schemas['AdminWorkspace'];
/** What becomes of chats whose time is over. */
export type Expiry = Schemas['Expiry'];
export type RetentionOutlook = Schemas['RetentionOutlook'];
export type RetentionOutcome = Schemas['RetentionOutcome'];
export type Archive = Schemas['Archive'];
export type Mapping = Schemas['Mapping'];
export type NewMapping = Schemas['NewMapping'];
export type DryRun = Schemas['DryRun'];
export type DirectoryStatus = Schemas['Directory'];
export type DirectoryReport = Schemas['Report'];
export type UsageBy = 'person' | 'model' | 'workspace';
export type UsageRow = Schemas['Total'];
export type Alert = Schemas['Alert'] & { rule: 'failed_sign_ins' | 'refusals' | 'quota' | 'storage' };
export type AnySession = Schemas['PersonSession'];
export type SystemStatus = Schemas['System'];
/** One process: what it tried at its start, and what came of it. */
export type ProcessLockdown = Schemas['ProcessLockdown'];
/** How the audit log is sealed; nothing of what it says. */
export type Sealing = Schemas['Sealing'];
