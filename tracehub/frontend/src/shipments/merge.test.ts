import { expect, test } from 'vitest'

import { CASHEWS } from '../test/samples'
import { valuesOf } from './fields'
import { merge } from './merge'

const BASE = valuesOf(CASHEWS)

test('what was not touched here is as it is there now, and what was stays as typed', () => {
  const typed = { ...BASE, vessel: ' MSC Ada ', voyage: 'V1' }
  const current = { ...CASHEWS, voyage: 'V2', buyer: 'Kakao' }
  const { values, differences } = merge(BASE, typed, current)

  expect(values).toEqual({ ...BASE, vessel: ' MSC Ada ', voyage: 'V1', buyer: 'Kakao' })
  expect(differences).toEqual([
    { field: 'buyer', theirs: 'Kakao', mine: '', isConflict: false },
    { field: 'voyage', theirs: 'V2', mine: 'V1', isConflict: true },
  ])
})

test('the same on both sides is no difference: the answer to the first attempt was lost', () => {
  const typed = { ...BASE, vessel: 'MSC Ada' }
  expect(merge(BASE, typed, { ...CASHEWS, vessel: 'MSC Ada' }).differences).toEqual([])
})

test('what was emptied here and filled there is a conflict', () => {
  const typed = { ...BASE, container_number: '' }
  const { differences } = merge(BASE, typed, { ...CASHEWS, container_number: 'CSQU3054383' })
  expect(differences).toEqual([
    { field: 'container_number', theirs: 'CSQU3054383', mine: '', isConflict: true },
  ])
})
