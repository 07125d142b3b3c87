import { screen, within } from '@testing-library/react'
import { expect, test } from 'vitest'

import { fakeApi, json } from '../test/fakeApi'
import { openAsAda } from '../test/open'
import { CASHEWS } from '../test/samples'

const PATH = `/api/shipments/${CASHEWS.id}`
const VERSION = {
  version: 1,
  name: 'a.pdf',
  size: 9,
  content_type: 'application/pdf',
  sha256: 'ab',
}
const AT = { by: 'Ada Obi', at: '2026-03-29T09:00:00Z' }
const PAPERS = [
  { id: 'p1', kind: 'bill_of_lading', versions: [{ ...VERSION, ...AT }] },
  { id: 'p2', kind: 'contract', versions: [{ ...VERSION, ...AT, name: 'contract.pdf' }] },
]
const SHARE = {
  id: 's1',
  buyer: 'Chocolaterie',
  has_passcode: true,
  papers: 1,
  by: 'Ada Obi',
  created_at: '2026-03-29T09:00:00Z',
  expires_at: '2999-01-01T00:00:00Z',
  revoked_at: null,
  opened: 2,
  opened_at: '2026-03-30T09:00:00Z',
  mail: 'refused',
}

test('a link is made for the chosen papers, shown once, and says when it was opened', async () => {
  let items: object[] = []
  const asked = fakeApi({
    [`GET ${PATH}`]: () => json(CASHEWS),
    [`GET ${PATH}/papers`]: () => json({ items: PAPERS }),
    [`GET ${PATH}/shares`]: () => json({ items }),
    [`POST ${PATH}/shares`]: () => {
      items = [SHARE]
      return json({ path: '/shared?link=abc', expires_at: SHARE.expires_at, is_mailed: true }, 201)
    },
    'DELETE /api/shares/s1': () => {
      items = [{ ...SHARE, revoked_at: '2026-03-31T09:00:00Z' }]
      return new Response(null, { status: 204 })
    },
  })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)
  const title = await screen.findByText('Links for the buyer', { selector: 'h2' })
  const section = within(title.closest('section') ?? title)
  await user.click(section.getByRole('button', { name: 'Make a link for the buyer' }))
  await user.click(section.getByRole('checkbox', { name: 'Contract (contract.pdf)' }))
  await user.type(section.getByLabelText('For whom, if you like'), 'Chocolaterie')
  await user.selectOptions(section.getByLabelText('Language of the page'), 'Français')
  await user.type(section.getByLabelText('Their email, to send it by mail'), 'achat@example.com')
  await user.click(section.getByRole('button', { name: 'Make the link' }))

  const link = await section.findByRole('textbox', { name: 'Link' })
  expect(link).toHaveValue(`${window.location.origin}/shared?link=abc`)
  const sent = asked.find(({ method }) => method === 'POST')
  expect(await sent?.json()).toEqual({
    buyer: 'Chocolaterie',
    language: 'fr',
    papers: ['p1'],
    days: 30,
    passcode: null,
    email: 'achat@example.com',
  })
  expect(section.getByText(/It is sent by mail/)).toBeVisible()
  expect(await section.findByText(/Opened 2 times/)).toBeVisible()
  expect(section.getByText('The mail was refused: is the address right?')).toBeVisible()

  await user.click(section.getByRole('button', { name: 'Take back the link of Chocolaterie' }))
  expect(await section.findByText('Taken back')).toBeVisible()
})
