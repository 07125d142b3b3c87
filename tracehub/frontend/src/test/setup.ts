import '@testing-library/jest-dom/vitest'

import { cleanup, configure } from '@testing-library/react'
import { afterEach, beforeEach } from 'vitest'

import { speak } from '../language/speak'
import { credentials } from '../auth/credentials'
import { wideScreen } from './screen'

// A busy machine may take longer than the usual second, and that is no failure.
configure({ asyncUtilTimeout: 5_000 })

// Here the sentences are still in the code, in English.
beforeEach(() => speak('en', {}))
beforeEach(wideScreen)

afterEach(() => {
  cleanup()
  credentials.drop('logged-out')
  localStorage.clear()
  sessionStorage.clear()
})

// What the component library asks of a browser, and jsdom lacks.
window.scrollTo = () => {}
window.ResizeObserver = class {
  observe() {}
  unobserve() {}
  disconnect() {}
}
