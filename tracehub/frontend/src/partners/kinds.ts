import { i18n, type MessageDescriptor } from '@lingui/core'
import { msg } from '@lingui/core/macro'

import type { PartnerKind } from '../api/types'

const KINDS: Record<PartnerKind, MessageDescriptor> = {
  buyer: msg`Buyer`,
  carrier: msg`Carrier`,
  agent: msg`Agent`,
  other: msg`Other`,
}

/** A kind of partner, for people; as it is, when a later release knows more of them. */
export function labelOfKind(kind: string): string {
  return Object.hasOwn(KINDS, kind) ? i18n._(KINDS[kind as PartnerKind]) : kind
}

export function kindChoices() {
  return Object.keys(KINDS).map((value) => ({ value, label: labelOfKind(value) }))
}
