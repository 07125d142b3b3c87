import { beforeEach, expect, test, vi } from 'vitest'

import { discardOldDrafts, draftOf } from './drafts'

const EMPTY = { reference: '', product: '' }
const TYPED = { reference: 'EXP-1', product: 'Cashews' }
const DAY = 24 * 60 * 60 * 1000

beforeEach(() => localStorage.clear())

test('a draft is of one person and one form', () => {
  draftOf('ada', 'new-shipment', EMPTY).keep(TYPED)
  expect(draftOf('ada', 'new-shipment', EMPTY).read()?.values).toEqual(TYPED)
  expect(draftOf('ben', 'new-shipment', EMPTY).read()).toBeNull()
  expect(draftOf('ada', 'edit', EMPTY).read()).toBeNull()
})

test('a form that is empty again has no draft', () => {
  const draft = draftOf('ada', 'new-shipment', EMPTY)
  draft.keep(TYPED)
  draft.keep(EMPTY)
  expect(localStorage).toHaveLength(0)
})

test('fields that a release before did not have are empty, and what is no text is not taken', () => {
  const draft = draftOf('ada', 'new-shipment', EMPTY)
  draft.keep(TYPED)
  const wider = draftOf('ada', 'new-shipment', { ...EMPTY, port: 'none' })
  expect(wider.read()?.values).toEqual({ ...TYPED, port: 'none' })

  const [key] = Object.keys(localStorage)
  localStorage.setItem(key!, JSON.stringify({ values: { reference: 7 }, typedAt: new Date() }))
  expect(draft.read()?.values).toEqual(EMPTY)
  localStorage.setItem(key!, 'nonsense')
  expect(draft.read()).toBeNull()
})

test('the same request keeps its key, another one has another', () => {
  const draft = draftOf('ada', 'new-shipment', EMPTY)
  const key = draft.sendingKey(TYPED, 'body')
  draft.keep({ ...TYPED })
  expect(draft.sendingKey(TYPED, 'body')).toBe(key)
  expect(draft.sendingKey(TYPED, 'another body')).not.toBe(key)
})

test('after two weeks a draft is gone, whoever it is of', () => {
  draftOf('ada', 'new-shipment', EMPTY).keep(TYPED)
  localStorage.setItem('of.another.program', 'stays')
  vi.setSystemTime(Date.now() + 13 * DAY)
  discardOldDrafts()
  expect(draftOf('ada', 'new-shipment', EMPTY).read()).not.toBeNull()
  vi.setSystemTime(Date.now() + 2 * DAY)
  expect(draftOf('ada', 'new-shipment', EMPTY).read()).toBeNull()
  discardOldDrafts()
  expect(Object.keys(localStorage)).toEqual(['of.another.program'])
  vi.useRealTimers()
})
