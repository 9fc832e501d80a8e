// The three roles and what each is for.
import type { Role } from '../api/types';

export const ROLES: { value: Role; label: string; does: string }[] = [
  { value: 'analyst', label: 'Analyst', does: 'Analysts chat. They see their own chats and nothing else.' },
  {
    value: 'admin',
    label: 'Admin',
    does: 'Admins look after people, groups and workspaces. They have no chats and read none.',
  },
  {
    value: 'auditor',
    label: 'Auditor',
    does: 'Auditors read the audit records. They have no chats and change nothing.',
  },
];
