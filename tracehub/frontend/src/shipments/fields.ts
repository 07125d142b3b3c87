import { ApiError, capitalised } from '../api/problem'
import type { NewShipment } from '../api/types'

/** What the form holds; its fields are named as the API names them, so its errors find their place. */
export const NOTHING_TYPED = {
  reference: '',
  container_number: '',
  product: '',
  origin_port: '',
  destination_port: '',
  departs_on: '',
  arrives_on: '',
}

export type Values = typeof NOTHING_TYPED
export type Field = keyof Values
export type FieldErrors = Partial<Record<Field, string>>

export const FIELDS = Object.keys(NOTHING_TYPED) as Field[]

/** What was left empty is left out. */
export function toRequest(values: Values): NewShipment {
  const { reference, product, origin_port, destination_port } = values
  return {
    reference: reference.trim(),
    product: product.trim(),
    container_number: values.container_number.trim() || undefined,
    origin_port: origin_port.trim(),
    destination_port: destination_port.trim(),
    departs_on: values.departs_on || undefined,
    arrives_on: values.arrives_on || undefined,
  }
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

function isField(name: string): name is Field {
  return name in NOTHING_TYPED
}
