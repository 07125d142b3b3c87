import { screen } from '@testing-library/react'
import { expect, test } from 'vitest'

import type { Person } from '../api/types'
import { fakeApi, json, problem } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { ADA } from '../test/samples'

const ada: Person = {
  ...ADA.user,
  role: 'owner',
  created_at: '2026-01-01T09:00:00Z',
  is_suspended: false,
}
const ben: Person = { ...ada, id: '2', name: 'Ben Eze', email: 'ben@example.com', role: 'member' }

const PEOPLE = 'GET /api/people'
const INVITATIONS = 'GET /api/invitations'
const NONE = () => json({ items: [] })
const VERSION = { release: 'r1', commit: null, built_at: null }
const RUNS = { 'GET /api/version': () => json({ ...VERSION, signs_up: false }) }

test('who is invited gets a link, which is shown to copy', async () => {
  const asked = fakeApi({
    [PEOPLE]: () => json({ items: [ada] }),
    [INVITATIONS]: NONE,
    ...RUNS,
    'POST /api/invitations': () =>
      json({ path: '/welcome#secret', expires_at: '2026-03-08T09:00:00Z' }, 201),
  })
  const { user } = openAsAda('/people')

  await user.type(await screen.findByLabelText(/Email/), 'grace@example.com')
  await user.selectOptions(screen.getByLabelText('Role'), 'viewer')
  await user.click(screen.getByRole('button', { name: 'Make an invitation' }))

  expect(await screen.findByLabelText('Link')).toHaveValue(`${location.origin}/welcome#secret`)
  const invited = asked.find(({ method }) => method === 'POST')
  expect(await invited?.json()).toEqual({
    email: 'grace@example.com',
    language: 'en',
    role: 'viewer',
  })
})

test('a release from before mails is asked without a language', async () => {
  const asked = fakeApi({
    [PEOPLE]: () => json({ items: [ada] }),
    [INVITATIONS]: NONE,
    'GET /api/version': () => json(VERSION),
    'POST /api/invitations': () =>
      json({ path: '/welcome#secret', expires_at: '2026-03-08T09:00:00Z' }, 201),
  })
  const { user } = openAsAda('/people')

  await user.type(await screen.findByLabelText(/Email/), 'grace@example.com')
  await user.click(screen.getByRole('button', { name: 'Make an invitation' }))

  expect(await screen.findByLabelText('Link')).toBeVisible()
  const invited = asked.find(({ method }) => method === 'POST')
  expect(await invited?.json()).not.toHaveProperty('language')
})

test('somebody is suspended, and is given another role', async () => {
  let there = ben
  const asked = fakeApi({
    [PEOPLE]: () => json({ items: [ada, there] }),
    [INVITATIONS]: NONE,
    'PATCH /api/people/2': async (request) => {
      there = { ...there, ...((await request.json()) as Partial<Person>) }
      return json(there)
    },
  })
  const { user } = openAsAda('/people')

  await user.selectOptions(await screen.findByLabelText('Role of Ben Eze'), 'manager')
  expect(await screen.findByText('Manager', { selector: 'span' })).toBeVisible()
  await user.click(screen.getByRole('button', { name: 'Suspend Ben Eze' }))

  expect(await screen.findByText('Suspended')).toBeVisible()
  expect(screen.getByRole('button', { name: 'Let in again: Ben Eze' })).toBeVisible()
  const changes = asked.filter(({ method }) => method === 'PATCH')
  expect(await changes[0]?.json()).toEqual({ role: 'manager' })
  expect(await changes[1]?.json()).toEqual({ is_suspended: true })
})

test('a member sees who is there, and nothing to do about them', async () => {
  fakeApi({ [PEOPLE]: () => json({ items: [{ ...ada, role: 'member' }, ben] }) })
  openAsAda('/people')

  expect(await screen.findByText('ben@example.com')).toBeVisible()
  expect(screen.queryByRole('button', { name: 'Suspend Ben Eze' })).not.toBeInTheDocument()
  expect(screen.queryByText('Invite somebody')).not.toBeInTheDocument()
})

test('an address that is there already is said at the address', async () => {
  fakeApi({
    [PEOPLE]: () => json({ items: [ada] }),
    [INVITATIONS]: NONE,
    ...RUNS,
    'POST /api/invitations': () =>
      problem(409, 'Conflict', { detail: 'grace@example.com is one of your people already' }),
  })
  const { user } = openAsAda('/people')

  await user.type(await screen.findByLabelText(/Email/), 'grace@example.com')
  await user.click(screen.getByRole('button', { name: 'Make an invitation' }))

  expect(await screen.findByText('Grace@example.com is one of your people already')).toBeVisible()
  expect(screen.getByLabelText(/Email/)).toBeInvalid()
})
