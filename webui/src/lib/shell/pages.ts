// The pages of each role, as the sidebar lists them.
import type { Role } from '../api/types';
import type { IconName } from '../ui/icons';

export interface PageLink {
  path: string;
  label: string;
  icon: IconName;
}

const OF_ROLE: Record<Role, PageLink[]> = {
  analyst: [],
  admin: [
    { path: '/admin/people', label: 'People', icon: 'person' },
    { path: '/admin/groups', label: 'Groups', icon: 'group' },
    { path: '/admin/workspaces', label: 'Workspaces', icon: 'workspace' },
    { path: '/admin/retention', label: 'Retention', icon: 'archive' },
    { path: '/admin/purges', label: 'Purges', icon: 'trash' },
    { path: '/admin/models', label: 'Models', icon: 'model' },
    { path: '/admin/directory', label: 'Directory', icon: 'directory' },
    { path: '/admin/mappings', label: 'Mappings', icon: 'mapping' },
    { path: '/admin/usage', label: 'Usage', icon: 'usage' },
    { path: '/admin/alerts', label: 'Alerts', icon: 'alert' },
    { path: '/admin/sessions', label: 'Sessions', icon: 'session' },
    { path: '/admin/system', label: 'System', icon: 'system' },
  ],
  auditor: [
    { path: '/audit/records', label: 'Audit records', icon: 'records' },
    { path: '/audit/checkpoints', label: 'Checkpoints', icon: 'checkpoint' },
    { path: '/audit/exports', label: 'Exports', icon: 'archive' },
    { path: '/audit/holds', label: 'Holds', icon: 'lock' },
    { path: '/audit/purges', label: 'Purges', icon: 'trash' },
  ],
};

const OF_ALL: PageLink[] = [
  { path: '/settings', label: 'Settings', icon: 'settings' },
  { path: '/help', label: 'Help', icon: 'help' },
];

export function pagesOf(role: Role): PageLink[] {
  return [...OF_ROLE[role], ...OF_ALL];
}
