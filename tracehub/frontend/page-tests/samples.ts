import type { Login, Shipment } from '../src/api/types'
import { STATUSES } from '../src/shipments/status'

export const ADA: Login = {
  token: 'token-of-ada',
  expires_at: '2999-01-01T00:00:00Z',
  user: { id: '1', email: 'ada@example.com', name: 'Ada Obi' },
  organisation: { id: '1', name: 'Obi Export' },
}

export const BEN: Login = {
  ...ADA,
  token: 'token-of-ben',
  user: { id: '2', email: 'ben@example.com', name: 'Ben Eze' },
}

export const CASHEWS: Shipment = {
  id: '6f1c2a52-0b1e-4b55-9a70-0d8a4b8f7f10',
  reference: 'EXP-2026-014',
  product: 'Cashew kernels, W320',
  status: 'in_transit',
  container_number: 'CSQU3054383',
  origin_port: 'Lagos',
  destination_port: 'Hamburg',
  departs_on: '2026-03-01',
  arrives_on: '2026-03-29',
  created_at: '2026-02-01T09:00:00Z',
}

/** One of each status, with words of everyday. */
export const SHIPMENTS: Shipment[] = STATUSES.map(({ status }, number) => ({
  ...CASHEWS,
  id: `0c6f5f0e-2f0a-4a56-8a1b-6f6a3e9d2b1${number}`,
  reference: `EXP-2026-01${number}`,
  status,
}))

const word = (length: number) => 'W'.repeat(length)

/** One of each status, with the longest of everything, and not a blank in it. */
export const LONGEST: Shipment[] = SHIPMENTS.map((shipment) => ({
  ...shipment,
  reference: word(64),
  product: word(200),
  origin_port: word(100),
  destination_port: word(100),
  departs_on: '2026-09-28',
  arrives_on: '2026-12-28',
}))

export const LONG_ADA: Login = {
  ...ADA,
  user: { ...ADA.user, email: `${word(64)}@${word(60)}.example`, name: word(100) },
  organisation: { ...ADA.organisation, name: word(100) },
}
