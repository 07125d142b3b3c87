import { FIELDS, toChange, valuesOf, type Field, type Values } from './fields'
import type { Shipment } from '../api/types'

/** What somebody else has made of a field meanwhile, and what was typed into it here. */
export type Difference = { field: Field; theirs: string; mine: string; isConflict: boolean }

/** Whether there is something to save. */
export function hasChange(shipment: Shipment, values: Values): boolean {
  return Object.keys(toChange(valuesOf(shipment), values)).length > 0
}

type Merged = { values: Values; differences: Difference[] }

/**
 * A form that was filled from one version of a shipment, on top of another one. What was not touched here is as it is
 * there now; what was, stays as it was typed.
 */
export function merge(base: Values, typed: Values, current: Shipment): Merged {
  const now = valuesOf(current)
  const values = { ...typed }
  const differences: Difference[] = []
  for (const field of FIELDS) {
    const mine = typed[field].trim()
    const theirs = now[field]
    if (theirs === base[field] || theirs === mine) continue
    const isConflict = mine !== base[field]
    if (!isConflict) values[field] = theirs
    differences.push({ field, theirs, mine, isConflict })
  }
  return { values, differences }
}
