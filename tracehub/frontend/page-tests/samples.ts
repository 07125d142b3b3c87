import type {
  ActivityEntry,
  Container,
  HistoryEntry,
  Item,
  Login,
  Partner,
  Person,
  Session,
  Shipment,
} from '../src/api/types'
import { STAGES } from '../src/shipments/stages'

export const ADA: Login = {
  token: 'token-of-ada',
  expires_at: '2999-01-01T00:00:00Z',
  session: { id: 's-1', expires_at: '2999-01-01T00:00:00Z' },
  user: { id: '1', email: 'ada@example.com', name: 'Ada Obi' },
  organisation: { id: '1', name: 'Obi Export' },
}

export const BEN: Login = {
  ...ADA,
  token: 'token-of-ben',
  user: { id: '2', email: 'ben@example.com', name: 'Ben Eze' },
}

/** Where somebody is logged in. */
export const SESSIONS: Session[] = ['2026-03-01T09:00:00Z', '2026-02-01T17:30:00Z'].map(
  (created_at, at) => ({
    id: `s-${at + 1}`,
    created_at,
    seen_at: '2026-03-02T09:00:00Z',
    expires_at: '2026-04-01T09:00:00Z',
    is_current: at === 0,
  }),
)

export const CASHEWS: Shipment = {
  id: '6f1c2a52-0b1e-4b55-9a70-0d8a4b8f7f10',
  reference: 'EXP-2026-014',
  product: 'Cashew kernels, W320',
  status: 'in_transit',
  stage: 'in_transit',
  next_stages: ['arrived', 'docs_complete', 'docs_pending'],
  version: 3,
  container_number: 'CSQU3054383',
  origin_port: 'Lagos',
  destination_port: 'Hamburg',
  departs_on: '2026-03-01',
  arrives_on: '2026-03-29',
  incoterm: 'CIF',
  buyer: 'Kakao & Söhne',
  vessel: 'MSC Ada',
  voyage: 'FA612R',
  created_at: '2026-02-01T09:00:00Z',
}

export const HISTORY: HistoryEntry[] = [
  {
    id: '2',
    at: '2026-03-02T09:00:00Z',
    by: { id: '2', name: 'Ben Eze' },
    what: 'changed',
    changes: [
      { field: 'stage', before: 'docs_complete', after: 'in_transit' },
      { field: 'departs_on', before: '2026-02-27', after: '2026-03-01' },
      { field: 'vessel', before: null, after: 'MSC Ada' },
    ],
  },
  {
    id: '1',
    at: '2026-02-01T09:00:00Z',
    by: { id: '1', name: 'Ada Obi' },
    what: 'created',
    changes: [],
  },
]

export const ACTIVITY: ActivityEntry[] = [
  {
    id: '4',
    at: '2026-03-02T09:00:00Z',
    by: { id: '2', name: 'Ben Eze' },
    what: 'changed',
    subject: { kind: 'shipment', id: CASHEWS.id, name: CASHEWS.reference, exists: true },
    changes: [
      { field: 'stage', before: 'docs_complete', after: 'in_transit' },
      { field: 'vessel', before: null, after: 'MSC Ada' },
    ],
  },
  {
    id: '3',
    at: '2026-03-02T08:00:00Z',
    by: { id: '1', name: 'Ada Obi' },
    what: 'joined',
    subject: { kind: 'person', id: '1', name: 'Ada Obi', exists: true },
    changes: [{ field: 'role', before: null, after: 'owner' }],
  },
  {
    id: '2',
    at: '2026-02-28T09:00:00Z',
    by: { id: '1', name: 'Ada Obi' },
    what: 'changed',
    subject: { kind: 'partner', id: '1', name: 'Kakao', exists: true },
    changes: [{ field: 'name', before: 'Kakao', after: 'Kakao & Söhne' }],
  },
  {
    id: '1',
    at: '2026-02-28T08:00:00Z',
    by: { id: '1', name: 'Ada Obi' },
    what: 'removed',
    subject: { kind: 'partner', id: '9', name: 'Noten', exists: false },
    changes: [{ field: 'kind', before: 'buyer', after: null }],
  },
]

export const PARTNERS: Partner[] = [
  {
    id: '1',
    kind: 'buyer',
    name: 'Kakao & Söhne',
    address: ['Speicherstadt 4', '20457 Hamburg'],
    country: 'DE',
    eori: 'DE1234567',
    email: 'einkauf@kakao.example',
    shipments: 1,
    version: 1,
    created_at: '2026-02-01T09:00:00Z',
  },
  {
    id: '2',
    kind: 'carrier',
    name: 'Maersk',
    address: [],
    shipments: 0,
    version: 1,
    created_at: '2026-02-01T09:00:00Z',
  },
]

export const CONTAINERS: Container[] = [
  {
    id: '1',
    number: 'CSQU3054383',
    kind: '45G1',
    seal: 'EU-4711',
    gross_grams: 24_300_500,
    version: 1,
  },
  { id: '2', number: 'MSKU9070323', version: 1 },
]

export const ITEMS: Item[] = [
  {
    id: '1',
    goods: 'Cashew kernels, W320',
    hs_code: '080132',
    packages: 700,
    package_kind: 'cartons',
    net_grams: 15_876_000,
    gross_grams: 16_500_000,
    version: 1,
  },
]

/** One of each stage, with words of everyday. */
export const SHIPMENTS: Shipment[] = STAGES.map(({ stage }, number) => ({
  ...CASHEWS,
  id: `0c6f5f0e-2f0a-4a56-8a1b-6f6a3e9d2b1${number}`,
  reference: `EXP-2026-01${number}`,
  stage,
}))

export const PEOPLE: Person[] = (['owner', 'manager', 'member', 'viewer'] as const).map(
  (role, number) => ({
    id: String(number + 1),
    name: ['Ada Obi', 'Ben Eze', 'Chidi Okafor', 'Fatou Diallo'][number]!,
    email: `somebody-${number}@example.com`,
    role,
    created_at: '2026-01-01T09:00:00Z',
    is_suspended: role === 'viewer',
  }),
)

export const INVITATION = {
  id: '1',
  email: 'grace@example.com',
  role: 'member' as const,
  expires_at: '2026-03-08T09:00:00Z',
}

const word = (length: number) => 'W'.repeat(length)

/** One of each stage, with the longest of everything, and not a blank in it. */
export const LONGEST: Shipment[] = SHIPMENTS.map((shipment) => ({
  ...shipment,
  reference: word(64),
  product: word(200),
  origin_port: word(100),
  destination_port: word(100),
  departs_on: '2026-09-28',
  arrives_on: '2026-12-28',
  incoterm: 'CIF',
  buyer: word(200),
  bill_of_lading: word(64),
  booking: word(64),
  vessel: word(100),
  voyage: word(32),
}))

export const LONG_HISTORY: HistoryEntry[] = HISTORY.map((entry) => ({
  ...entry,
  by: { ...entry.by, name: word(100) },
  changes: [{ field: 'product', before: word(200), after: word(200) }],
}))

export const LONG_ACTIVITY: ActivityEntry[] = ACTIVITY.map((entry) => ({
  ...entry,
  by: { ...entry.by, name: word(100) },
  subject: { ...entry.subject, name: word(200) },
  changes: entry.changes.map((change) => ({ ...change, after: word(200) })),
}))

export const LONG_PARTNERS: Partner[] = PARTNERS.map((partner) => ({
  ...partner,
  name: word(200),
  address: Array<string>(5).fill(word(100)),
  eori: `DE${word(15)}`,
  email: `${word(64)}@${word(180)}.example`,
}))

export const LONG_CONTAINERS: Container[] = CONTAINERS.map((container) => ({
  ...container,
  seal: word(32),
  gross_grams: 100_000_000_000,
}))

export const LONG_ITEMS: Item[] = ITEMS.map((item) => ({
  ...item,
  goods: word(200),
  packages: 10_000_000,
  package_kind: word(40),
  net_grams: 99_999_999_999,
  gross_grams: 100_000_000_000,
}))

export const LONG_PEOPLE: Person[] = PEOPLE.map((person) => ({
  ...person,
  name: word(200),
  email: `${word(64)}@${word(180)}.example`,
}))

export const LONG_ADA: Login = {
  ...ADA,
  user: { ...ADA.user, email: `${word(64)}@${word(60)}.example`, name: word(100) },
  organisation: { ...ADA.organisation, name: word(100) },
}
