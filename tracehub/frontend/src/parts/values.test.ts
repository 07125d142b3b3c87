import { i18n } from '@lingui/core'
import { afterEach, expect, test } from 'vitest'

import { numberOf, toBody, typedOf, type Field } from './values'

afterEach(() => i18n.activate('en'))

test.each([
  ['24000', 24_000, 24_000],
  ['24 000,5', 24_000.5, 24_000.5],
  ['24,000', 24_000, 24],
  ['24,000.5', 24_000.5, null],
  ['24.005', 24.005, 24.005],
  ['12,50', 12.5, 12.5],
  ['1,234,567', 1_234_567, null],
  ['24 t', null, null],
  ['-1', null, null],
  ['', null, null],
])('%s is read as the number that it is in English and in French', (text, english, french) => {
  expect(numberOf(text)).toBe(english)
  i18n.loadAndActivate({ locale: 'fr', messages: {} })
  expect(numberOf(text)).toBe(french)
})

test.each(['en', 'fr'])('a weight is read as it is shown in the form, in %s', (language) => {
  i18n.loadAndActivate({ locale: language, messages: {} })
  const fields = [{ name: 'net_grams', label: '', kind: 'kilograms' }] as Field[]
  for (const net_grams of [1, 24_005, 24_000_500, 24_000_000]) {
    expect(toBody(fields, typedOf(fields, { net_grams })).body).toEqual({ net_grams })
  }
})

const FIELDS = [
  { name: 'goods', label: '' },
  { name: 'packages', label: '', kind: 'count' },
  { name: 'net_grams', label: '', kind: 'kilograms' },
  { name: 'address', label: '', kind: 'lines' },
] as Field[]

test('what is kept is typed as people write it, and sent as it was', () => {
  const kept = { goods: 'Cocoa', packages: 400, net_grams: 24_800_500, address: ['a', 'b'] }
  const typed = typedOf(FIELDS, kept)
  expect(typed).toEqual({ goods: 'Cocoa', packages: '400', net_grams: '24800.5', address: 'a\nb' })
  expect(toBody(FIELDS, typed)).toEqual({ body: kept, wrong: [] })
})

test('what is left empty is nothing, and what is no number is named', () => {
  const typed = { goods: ' ', packages: '1.5', net_grams: 'much', address: '\n' }
  const { body, wrong } = toBody(FIELDS, typed)
  expect(body).toMatchObject({ goods: null, address: [] })
  expect(wrong).toEqual(['packages', 'net_grams'])
})
