import { i18n } from '@lingui/core'
import { I18nProvider } from '@lingui/react'
import { render, screen } from '@testing-library/react'
import { expect, test } from 'vitest'

import { Look } from '../Look'
import { NoAnswer } from '../api/fetchInTime'
import { UnexpectedError } from './UnexpectedError'

test.each([
  [new NoAnswer(), /A part of it did not come/],
  [new TypeError('Failed to fetch dynamically imported module'), /A part of it did not come/],
  [new TypeError('x is undefined'), /That is our mistake/],
])('a page that cannot be shown says why: %s', (error, said) => {
  const words = <UnexpectedError error={error} />
  render(<I18nProvider i18n={i18n}>{words}</I18nProvider>, { wrapper: Look })
  expect(screen.getByText(said)).toBeVisible()
  expect(screen.getByRole('button', { name: 'Try again' })).toBeVisible()
})
