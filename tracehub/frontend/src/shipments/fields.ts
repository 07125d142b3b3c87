import { ApiError, explain, fieldErrors as wrongFields } from '../api/problem'
import type { NewShipment, Shipment, ShipmentChange } from '../api/types'

/** What the form holds; its fields are named as the API names them, so its errors find their place. */
export const NOTHING_TYPED = {
  reference: '',
  container_number: '',
  product: '',
  buyer: '',
  incoterm: '',
  origin_port: '',
  destination_port: '',
  departs_on: '',
  arrives_on: '',
  bill_of_lading: '',
  booking: '',
  vessel: '',
  voyage: '',
}

export type Values = typeof NOTHING_TYPED
export type Field = keyof Values
export type FieldErrors = Partial<Record<Field, string>>

export const FIELDS = Object.keys(NOTHING_TYPED) as Field[]

/** What was left empty is left out: a release from before a field would not take it. */
export function toRequest(values: Values): NewShipment {
  const { reference, product, origin_port, destination_port } = trimmed(values)
  const filled = Object.entries(trimmed(values)).filter(([, value]) => value !== '')
  return {
    ...(Object.fromEntries(filled) as Partial<NewShipment>),
    reference,
    product,
    origin_port,
    destination_port,
  }
}

/** A shipment as the form holds it. */
export function valuesOf(shipment: Shipment): Values {
  return Object.fromEntries(FIELDS.map((field) => [field, shipment[field] ?? ''])) as Values
}

/** What is another in the form than in the shipment; what was emptied is `null`. */
export function toChange(from: Values, to: Values): ShipmentChange {
  const now = trimmed(to)
  const changed = FIELDS.filter((field) => now[field] !== from[field])
  return Object.fromEntries(changed.map((field) => [field, now[field] || null]))
}

function trimmed(values: Values): Values {
  return Object.fromEntries(FIELDS.map((field) => [field, values[field].trim()])) as Values
}

/** What the API has against single fields; a reference that exists already is one of them. */
export function fieldErrors(error: Error): FieldErrors {
  if (!(error instanceof ApiError)) return {}
  if (error.problem.status === 409) return { reference: explain(error).title }
  return Object.fromEntries(Object.entries(wrongFields(error)).filter(([name]) => isField(name)))
}

export function isField(name: string): name is Field {
  return name in NOTHING_TYPED
}
