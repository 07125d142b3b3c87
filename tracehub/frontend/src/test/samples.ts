import type { Login, Shipment } from '../api/types'

export const ADA: Login = {
  token: 'token-of-ada',
  expires_at: '2026-01-01T00:30:00Z',
  session: { id: 's-1', expires_at: '2999-01-01T00:00:00Z' },
  user: { id: '1', email: 'ada@example.com', name: 'Ada Obi' },
  organisation: { id: '1', name: 'Obi Export' },
}

export const CASHEWS: Shipment = {
  id: '6f1c2a52-0b1e-4b55-9a70-0d8a4b8f7f10',
  reference: 'EXP-1',
  product: 'Cashew kernels',
  status: 'in_transit',
  stage: 'in_transit',
  next_stages: ['arrived', 'docs_complete', 'docs_pending'],
  version: 3,
  container_number: 'MSKU1234565',
  origin_port: 'Lagos',
  destination_port: 'Hamburg',
  departs_on: '2026-03-01',
  arrives_on: '2026-03-29',
  created_at: '2026-02-01T09:00:00Z',
}

export const SESAME: Shipment = {
  ...CASHEWS,
  id: '0c6f5f0e-2f0a-4a56-8a1b-6f6a3e9d2b11',
  reference: 'EXP-2',
  product: 'Sesame seed',
  status: 'draft',
  stage: 'draft',
  next_stages: ['docs_pending', 'docs_complete', 'archived'],
  container_number: null,
  departs_on: null,
  arrives_on: null,
}
