import './styles'

import type { Messages } from '@lingui/core'
import { startTransition, StrictMode } from 'react'
import { createRoot } from 'react-dom/client'

import { App } from './App'
import { loadConfig } from './config'
import { discardOldDrafts } from './drafts/drafts'
import type { Language } from './language/choice'
import { speak } from './language/speak'
import { createAppRouter } from './router'

/** The first drawing, and what it asks the API, go before. */
const FONTS_AFTER_MS = 300

/** Draws the app in the place of what `index.html` shows until then. */
export function start(root: HTMLElement, language: Language, messages: Messages) {
  speak(language, messages)
  discardOldDrafts()
  // As a transition it is drawn in slices, between which a phone can answer its user.
  startTransition(() => {
    createRoot(root).render(
      <StrictMode>
        <App loadConfig={loadConfig} router={createAppRouter()} />
      </StrictMode>,
    )
  })
  // The letters are the largest file of all: text is shown in the system's until they are here.
  setTimeout(() => void import('./fonts'), FONTS_AFTER_MS)
}
