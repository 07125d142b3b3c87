import { i18n } from '@lingui/core'

/** How a field is typed, and what becomes of it: a weight is typed in kilograms, and sent in grams. */
export type FieldKind = 'text' | 'kilograms' | 'count' | 'lines' | 'choice'

export type Field = {
  name: string
  label: string
  kind?: FieldKind
  description?: string
  placeholder?: string
  required?: boolean
  wide?: boolean
  choices?: { value: string; label: string }[]
}

/** One of what is sent. */
export type FieldOf<Body> = Field & { name: keyof Body }

/** What is typed, by the names of the fields. */
export type Typed = Record<string, string>

export const NO_NUMBER = Symbol('no number')

type Kept = string | number | string[] | null | undefined

/** What is kept, as the form holds it. */
export function typedOf(fields: Field[], kept: object): Typed {
  const values = kept as Record<string, Kept>
  return Object.fromEntries(
    fields.map(({ name, kind }) => [name, typed(values[name] ?? null, kind)]),
  )
}

function typed(value: Kept, kind?: FieldKind): string {
  if (value === null || value === undefined) return ''
  if (Array.isArray(value)) return value.join('\n')
  if (kind !== 'kilograms') return String(value)
  const kilograms = String(Number(value) / 1000)
  return i18n.locale === 'fr' ? kilograms.replace('.', ',') : kilograms
}

/** What is typed, as the API takes it; what is left empty is `null`, and a number that is none is told by its field. */
export function toBody(fields: Field[], values: Typed) {
  const read = fields.map(({ name, kind }) => [name, sent(values[name] ?? '', kind)] as const)
  const wrong = read.filter(([, value]) => value === NO_NUMBER).map(([name]) => name)
  return { body: Object.fromEntries(read) as object, wrong }
}

/** What is another now than in what was opened: what somebody else changes meanwhile in other fields stays. */
export function changed<Body>(fields: Field[], opened: object, body: Body) {
  const before = toBody(fields, typedOf(fields, opened)).body as Record<string, unknown>
  const other = Object.entries(body as object).filter(
    ([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name]),
  )
  return Object.fromEntries(other) as Partial<Body>
}

function sent(text: string, kind?: FieldKind) {
  if (kind === 'lines') {
    return text
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
  }
  const trimmed = text.trim()
  if (trimmed === '') return null
  if (kind !== 'kilograms' && kind !== 'count') return trimmed
  const number = numberOf(trimmed)
  if (number === null || (kind === 'count' && !Number.isInteger(number))) return NO_NUMBER
  return kind === 'kilograms' ? Math.round(number * 1000) : number
}

/** By the marks of the language: '24,000' are twenty-four thousand in English, and twenty-four in French. */
export function numberOf(text: string): number | null {
  const bare = text.replace(/[\s'’]/g, '')
  if (i18n.locale !== 'fr' && /^\d{1,3}(,\d{3})+(\.\d+)?$/.test(bare)) {
    return Number(bare.replaceAll(',', ''))
  }
  return /^\d+([.,]\d+)?$/.test(bare) ? Number(bare.replace(',', '.')) : null
}

/** Grams, as people read them: '24,000.5 kg'. */
export function formatWeight(grams: number): string {
  const format = new Intl.NumberFormat(i18n.locale, { maximumFractionDigits: 3 })
  return `${format.format(grams / 1000)} kg`
}
