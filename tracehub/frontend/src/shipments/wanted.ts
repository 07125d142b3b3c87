/** Which shipments are wanted, as the address of the list has it: going back and sharing a link find them again. */
export const WANTED = [
  'search',
  'stage',
  'partner',
  'port',
  'departs_from',
  'departs_until',
  'arrives_from',
  'arrives_until',
  'sort',
] as const

export type Wanted = Partial<Record<(typeof WANTED)[number], string>>

/** What of an address says which are wanted. The router reads `?search=4711` as a number; whoever typed it meant text. */
export function wantedOf(address: Record<string, unknown>): Wanted {
  const texts = WANTED.map((name) => [name, asText(address[name])] as const)
  return Object.fromEntries(texts.filter(([, text]) => text !== undefined))
}

/** Whether something narrows the list. */
export function isNarrowed(wanted: Wanted): boolean {
  return WANTED.some((name) => name !== 'sort' && wanted[name] !== undefined)
}

function asText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}
