import { afterEach, expect, test, vi } from 'vitest'

import { forget, names, recall, remember } from './storage'

afterEach(() => vi.restoreAllMocks())

test('what the browser keeps is there', () => {
  expect(remember('localStorage', 'a', '1')).toBe(true)
  expect(recall('localStorage', 'a')).toBe('1')
  expect(names('localStorage')).toEqual(['a'])
  forget('localStorage', 'a')
  expect(recall('localStorage', 'a')).toBeNull()
})

test('what it refuses is kept while the page is open', () => {
  localStorage.setItem('a', 'old')
  vi.spyOn(Storage.prototype, 'setItem').mockImplementation(() => {
    throw new DOMException('full', 'QuotaExceededError')
  })
  expect(remember('localStorage', 'a', 'new')).toBe(false)
  expect(recall('localStorage', 'a')).toBe('new')
  forget('localStorage', 'a')
  expect(recall('localStorage', 'a')).toBeNull()
})

test('a storage that may not even be named is as if it were empty', () => {
  vi.spyOn(window, 'sessionStorage', 'get').mockImplementation(() => {
    throw new DOMException('denied', 'SecurityError')
  })
  expect(recall('sessionStorage', 'a')).toBeNull()
  expect(names('sessionStorage')).toEqual([])
  expect(remember('sessionStorage', 'a', '1')).toBe(false)
  expect(recall('sessionStorage', 'a')).toBe('1')
  forget('sessionStorage', 'a')
})
