import { screen } from '@testing-library/react'
import { afterEach, expect, test, vi } from 'vitest'

import { fakeApi, json, problem } from '../test/fakeApi'
import { open, openAsAda } from '../test/open'
import { CASHEWS } from '../test/samples'
import { preferredLanguage } from './choice'

afterEach(() => vi.restoreAllMocks())

const prefers = (...languages: string[]) =>
  vi.spyOn(navigator, 'languages', 'get').mockReturnValue(languages)

test('the language is what was chosen here, else the first of the browser that we speak', () => {
  prefers('de-DE', 'fr-CI', 'en')
  expect(preferredLanguage()).toBe('fr')
  prefers('de-DE', 'pt')
  expect(preferredLanguage()).toBe('en')
  localStorage.setItem('tracehub.language', 'fr')
  expect(preferredLanguage()).toBe('fr')
  localStorage.setItem('tracehub.language', 'constructor')
  expect(preferredLanguage()).toBe('en')
})

test('at the log-in one chooses French, keeps what was typed, and is refused in it', async () => {
  fakeApi({
    'POST /api/auth/login': () =>
      problem(401, 'Unauthorized', {
        type: '/problems/wrong-password',
        detail: 'the address or the password is not right',
      }),
  })
  const { user } = open('/login')
  await user.type(await screen.findByLabelText('Email'), 'ada@example.com')
  await user.click(screen.getByRole('button', { name: 'Français' }))

  expect(await screen.findByRole('heading', { name: 'Bon retour parmi nous' })).toBeVisible()
  expect(document.documentElement.lang).toBe('fr')
  expect(document.title).toBe('Se connecter · TraceHub')
  expect(preferredLanguage()).toBe('fr')
  expect(screen.getByLabelText('Adresse e-mail')).toHaveValue('ada@example.com')

  await user.type(screen.getByLabelText('Mot de passe'), 'wrong')
  await user.click(screen.getByRole('button', { name: 'Se connecter' }))
  const refused = await screen.findByRole('alert')
  expect(refused).toHaveTextContent('L’adresse ou le mot de passe est incorrect')

  await user.click(screen.getByRole('button', { name: 'English' }))
  expect(await screen.findByRole('heading', { name: 'Welcome back' })).toBeVisible()
  expect(refused).toHaveTextContent('The address or the password is not right')
})

test('in the account one chooses French: stages, days and numbers follow', async () => {
  fakeApi({ [`GET /api/shipments/${CASHEWS.id}`]: () => json(CASHEWS) })
  const { user } = openAsAda(`/shipments/${CASHEWS.id}`)
  await user.click(await screen.findByRole('button', { name: /^Account of Ada Obi/ }))
  await user.click(screen.getByRole('button', { name: 'Français' }))

  expect(await screen.findByText('Départ le 1 mars 2026')).toBeVisible()
  expect(screen.getByText('28 jours')).toBeVisible()
  expect(screen.getByRole('button', { name: /^Passer à «.arrivée.»/ })).toBeVisible()
  expect(screen.queryByText(/Departs|Journey|Container|Move to/)).not.toBeInTheDocument()
})
