import { ApiError, capitalised } from '../api/problem'
import type { Incoterm, NewShipment, Shipment, ShipmentChange } from '../api/types'

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

/** As people call them, in the form and wherever they are shown. */
export const LABELS: Record<Field, string> = {
  reference: 'Reference',
  container_number: 'Container number',
  product: 'Product',
  buyer: 'Buyer',
  incoterm: 'Incoterm',
  origin_port: 'Port of origin',
  destination_port: 'Port of destination',
  departs_on: 'Departs on',
  arrives_on: 'Arrives on',
  bill_of_lading: 'Bill of lading',
  booking: 'Booking number',
  vessel: 'Vessel',
  voyage: 'Voyage',
}

export const INCOTERMS: Record<Incoterm, string> = {
  EXW: 'Ex works',
  FCA: 'Free carrier',
  FAS: 'Free alongside ship',
  FOB: 'Free on board',
  CFR: 'Cost and freight',
  CIF: 'Cost, insurance and freight',
  CPT: 'Carriage paid to',
  CIP: 'Carriage and insurance paid to',
  DAP: 'Delivered at place',
  DPU: 'Delivered at place unloaded',
  DDP: 'Delivered duty paid',
}

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
  const { status, title, detail, errors } = error.problem
  if (status === 409) return { reference: capitalised(detail || title) }

  const found: FieldErrors = {}
  for (const { field, message } of errors ?? []) {
    if (isField(field)) found[field] ??= capitalised(message)
  }
  return found
}

export function isField(name: string): name is Field {
  return name in NOTHING_TYPED
}
