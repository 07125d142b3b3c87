import type { Role } from '../api/types'

/** What people may do, from the least to the most. */
export const ROLES: { role: Role; label: string; may: string }[] = [
  { role: 'viewer', label: 'Viewer', may: 'Looks at everything' },
  { role: 'member', label: 'Member', may: 'Enters and changes shipments' },
  { role: 'manager', label: 'Manager', may: 'Also invites and suspends members and viewers' },
  { role: 'owner', label: 'Owner', may: 'Does everything' },
]

const rank = (role: Role) => ROLES.findIndex((row) => row.role === role)

/** An API from before there were roles lets everybody do everything. */
export function mayDo(mine: Role | undefined, least: Role): boolean {
  return rank(mine ?? 'owner') >= rank(least)
}

/** Whether somebody of one role decides about somebody of the other: an owner about everybody, a manager about those below. */
export function isAbove(mine: Role, other: Role): boolean {
  return mine === 'owner' || (mine === 'manager' && rank(other) < rank('manager'))
}

/** The roles that somebody of this one may give. */
export function choicesBelow(mine: Role) {
  return ROLES.filter(({ role }) => isAbove(mine, role)).map(({ role, label }) => ({
    value: role,
    label,
  }))
}

export function labelOfRole(role: Role): string {
  return ROLES[rank(role)]?.label ?? role
}

/** In a sentence: what somebody of this role may do. */
export function whatMayDo(role: Role): string {
  return ROLES[rank(role)]?.may ?? ''
}
