import { msg } from '@lingui/core/macro'
import { i18n, type MessageDescriptor } from '@lingui/core'

import type { Role } from '../api/types'

/** What people may do, from the least to the most. */
const ROLES: { role: Role; label: MessageDescriptor; may: MessageDescriptor }[] = [
  { role: 'viewer', label: msg`Viewer`, may: msg`Looks at everything` },
  { role: 'member', label: msg`Member`, may: msg`Enters and changes shipments` },
  { role: 'manager', label: msg`Manager`, may: msg`Also invites and suspends members and viewers` },
  { role: 'owner', label: msg`Owner`, may: msg`Does everything` },
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
    label: i18n._(label),
  }))
}

export function labelOfRole(role: Role): string {
  const row = ROLES[rank(role)]
  return row ? i18n._(row.label) : role
}

/** In a sentence: what somebody of this role may do. */
export function whatMayDo(role: Role): string {
  const row = ROLES[rank(role)]
  return row ? i18n._(row.may) : ''
}
