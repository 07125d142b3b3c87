import { i18n, type MessageDescriptor } from '@lingui/core'
import { msg } from '@lingui/core/macro'

/** The usual ones, by their codes of ISO 6346. */
const KINDS: Record<string, MessageDescriptor> = {
  '22G1': msg`20 feet`,
  '42G1': msg`40 feet`,
  '45G1': msg`40 feet, high`,
  L5G1: msg`45 feet, high`,
  '22R1': msg`20 feet, refrigerated`,
  '45R1': msg`40 feet, high, refrigerated`,
  '22U1': msg`20 feet, open top`,
  '42U1': msg`40 feet, open top`,
  '22P1': msg`20 feet, flat rack`,
  '42P1': msg`40 feet, flat rack`,
  '22T1': msg`20 feet, tank`,
}

/** A code of size and type, for people; as it is, when it is not one of the usual ones. */
export function labelOfContainerKind(code: string): string {
  const words = KINDS[code]
  return words ? `${i18n._(words)} (${code})` : code
}

export function containerKinds() {
  return Object.keys(KINDS).map((value) => ({ value, label: labelOfContainerKind(value) }))
}
