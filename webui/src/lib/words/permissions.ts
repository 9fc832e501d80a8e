// Permissions, quotas and states in words.
import type { PersonState } from '../api/admin-types';
import type { Permission } from '../api/types';

export const PERMISSIONS: Permission[] = [
  'export',
  'delete_own_chats',
  'model_parameters',
  'file_upload',
  'api_keys',
  'see_usage',
];

/** After "may": what a permission lets people do. */
export const MAY: Record<Permission, string> = {
  file_upload: 'upload files',
  export: 'export chats',
  api_keys: 'make API keys',
  model_parameters: 'set parameters of models',
  delete_own_chats: 'delete their own chats',
  see_usage: 'see their own usage',
};

/** What somebody has of whom no group says anything. */
export const BY_DEFAULT: Record<Permission, boolean> = {
  file_upload: true,
  export: true,
  api_keys: false,
  model_parameters: true,
  delete_own_chats: true,
  see_usage: true,
};

export const STATE: Record<PersonState, string> = {
  active: 'Active',
  disabled: 'Disabled',
  locked: 'Locked',
  refused_by_directory: 'Refused by the directory',
};

/** "permissions" from the appliance may be newer than this page. */
export function mayWords(permission: string): string {
  return (MAY as Record<string, string>)[permission] ?? permission.replace(/_/g, ' ');
}

export const QUOTA: Record<string, string> = {
  requests_per_day: 'Requests a day',
  tokens_per_day: 'Tokens a day',
  parallel: 'Answers at once',
  priority: 'Place in the queue',
};
