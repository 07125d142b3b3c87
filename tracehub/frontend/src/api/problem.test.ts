import { expect, test, vi } from 'vitest'

import { speak } from '../language/speak'
import { NoAnswer } from './fetchInTime'
import { ApiError, dataOf, explain, fieldErrors, inWords } from './problem'
import { delayBefore, mayHealByItself } from './retry'

async function errorOf(status: number, headers: Record<string, string> = {}, body?: unknown) {
  const answer = { error: body, response: new Response('', { status, headers }) }
  return dataOf(Promise.resolve(answer)).catch((error: unknown) => error as ApiError)
}

test('maintenance is said in a sentence, with its end', async () => {
  const error = await errorOf(503, { 'Retry-After': '600' })
  expect(explain(error as ApiError)).toMatchObject({
    title: 'TraceHub is being looked after and will be back soon. Nothing is lost',
    advice: 'That is not your mistake. Please try again in 10 minutes.',
  })
})

test('Retry-After may be a date, and one that is past says nothing', async () => {
  const inTwoHours = new Date(Date.now() + 2 * 60 * 60 * 1000).toUTCString()
  expect(explain((await errorOf(503, { 'Retry-After': inTwoHours })) as ApiError).advice).toContain(
    'in 2 hours',
  )
  const error = (await errorOf(503, { 'Retry-After': new Date(0).toUTCString() })) as ApiError
  expect(error.retryAfter).toBeNull()
  expect(explain(error).advice).toContain('in a moment')
})

test('too many requests is said with when to try again, and only once', async () => {
  const strange = (await errorOf(429, { 'Retry-After': '30' })) as ApiError
  expect(explain(strange)).toMatchObject({
    title: 'That was too often in a short time',
    advice: 'Please try again in 30 seconds.',
  })
  const detail = 'too many log-ins have failed: please try again in 9 minutes'
  const ours = (await errorOf(
    429,
    { 'Retry-After': '540' },
    {
      title: 'Too Many Requests',
      status: 429,
      detail,
    },
  )) as ApiError
  expect(explain(ours).advice).toBe('')
})

test('a silence and a missing connection have words of their own', () => {
  expect(explain(new NoAnswer()).title).toBe('TraceHub did not answer in time')
  vi.spyOn(navigator, 'onLine', 'get').mockReturnValue(false)
  expect(explain(new TypeError('Failed to fetch')).title).toBe('You are offline')
  expect(mayHealByItself(new TypeError('Failed to fetch'))).toBe(false)
  vi.restoreAllMocks()
})

test('what is asked again by itself is what may be otherwise in a moment', async () => {
  expect(mayHealByItself(new TypeError('Failed to fetch'))).toBe(true)
  expect(mayHealByItself(new NoAnswer())).toBe(false)
  expect(mayHealByItself((await errorOf(404)) as ApiError)).toBe(false)
  expect(mayHealByItself((await errorOf(503)) as ApiError)).toBe(true)
  expect(mayHealByItself((await errorOf(503, { 'Retry-After': '5' })) as ApiError)).toBe(true)
  expect(mayHealByItself((await errorOf(429, { 'Retry-After': '1' })) as ApiError)).toBe(true)
  expect(mayHealByItself((await errorOf(429)) as ApiError)).toBe(false)
  expect(mayHealByItself((await errorOf(503, { 'Retry-After': '600' })) as ApiError)).toBe(false)
})

test('it is asked again when the answer says, and not by all at once', async () => {
  const asked = delayBefore(0, (await errorOf(503, { 'Retry-After': '5' })) as ApiError)
  expect(asked).toBeGreaterThanOrEqual(5_000)
  expect(asked).toBeLessThanOrEqual(6_250)
  expect(delayBefore(1, new TypeError('Failed to fetch'))).toBeGreaterThanOrEqual(2_000)
})

test('times are rounded up, in words', () => {
  expect([1, 59.2, 89, 91, 3600, 5400].map(inWords)).toEqual([
    'in 1 second',
    'in 60 seconds',
    'in 89 seconds',
    'in 2 minutes',
    'in 60 minutes',
    'in 2 hours',
  ])
})

test('in French the kind of a problem is said, and never a sentence of the API in English', async () => {
  const { messages } = await import('../locales/fr.po')
  speak('fr', messages)
  const titleOf = async (status: number, body?: object) =>
    explain((await errorOf(status, {}, body && { status, title: 'X', ...body })) as ApiError).title

  const taken = { type: '/problems/reference-taken', detail: 'there already is such a shipment' }
  expect(await titleOf(409, taken)).toBe('Une expédition porte déjà cette référence')
  expect(await titleOf(403, { type: 'about:blank', detail: 'no' })).toBe(
    'Vous n’y êtes pas autorisé',
  )
  expect(await titleOf(418, { type: '/problems/new', detail: 'no' })).toBe(
    'TraceHub n’a pas pu répondre (418)',
  )

  const errors = [
    {
      field: 'name',
      message: 'must not be longer than 200 characters',
      code: 'too_long',
      limit: 200,
    },
    { field: 'email', message: 'is of a later release', code: 'of_a_later_release' },
    { field: 'number', message: 'must end with another one', code: 'check_digit', limit: 3 },
  ]
  const refused = (await errorOf(422, {}, { title: 'X', status: 422, errors })) as ApiError
  expect(fieldErrors(refused)).toEqual({
    name: '200 caractères au maximum',
    email: 'Cette valeur n’est pas valable',
    number: 'Doit se terminer par un autre chiffre de contrôle : 3 conviendrait',
  })
})
