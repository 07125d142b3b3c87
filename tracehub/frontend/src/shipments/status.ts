import type { Status } from '../api/types'

/** The life of a shipment, in order. */
export const STATUSES: { status: Status; label: string; color: string }[] = [
  { status: 'draft', label: 'Draft', color: 'gray' },
  { status: 'booked', label: 'Booked', color: 'indigo' },
  { status: 'in_transit', label: 'In transit', color: 'harbour' },
  { status: 'arrived', label: 'Arrived', color: 'orange' },
  { status: 'delivered', label: 'Delivered', color: 'green' },
]

export function positionOf(status: Status): number {
  return STATUSES.findIndex((row) => row.status === status)
}
