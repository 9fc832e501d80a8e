// Calls about the operator's directory and what its groups mean here.
import type { DirectoryReport, DirectoryStatus, DryRun, Mapping, NewMapping } from './admin-types';
import { json, send } from './http';
import { allOf } from './paging';

const MAPPINGS = '/api/v1/admin/mappings';
const DIRECTORY = '/api/v1/admin/directory';

export function listMappings(): Promise<Mapping[]> {
  return allOf(MAPPINGS);
}

/** It means a role, or a group by its id. */
export function createMapping(mapping: NewMapping): Promise<Mapping> {
  return json(MAPPINGS, { method: 'POST', body: mapping });
}

export async function deleteMapping(id: string): Promise<void> {
  await send(`${MAPPINGS}/${encodeURIComponent(id)}`, { method: 'DELETE' });
}

/** What the mappings would make of one person of the directory, or of all that are known. */
export function dryRun(username: string): Promise<DryRun> {
  return json(`${MAPPINGS}/dry-run`, { method: 'POST', body: username ? { username } : {} });
}

export function showDirectory(): Promise<DirectoryStatus> {
  return json(DIRECTORY);
}

export function testDirectory(username: string): Promise<DirectoryReport> {
  return json(`${DIRECTORY}/test`, { method: 'POST', body: username ? { username } : {} });
}
