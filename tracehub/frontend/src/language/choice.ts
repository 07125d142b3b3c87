import type { Messages } from '@lingui/core'

import { recall, remember } from '../storage'

/** The languages that TraceHub speaks, each by its own name. */
export const LANGUAGES = { en: 'English', fr: 'Français' }

export type Language = keyof typeof LANGUAGES

const KEY = 'tracehub.language'

/** What somebody has chosen in this browser; else the first of the browser's own languages that we speak. */
export function preferredLanguage(): Language {
  const wanted = [recall('localStorage', KEY) ?? '', ...navigator.languages]
  return wanted.map((tag) => tag.toLowerCase().split('-')[0]).find(isLanguage) ?? 'en'
}

export function keepLanguage(language: Language) {
  remember('localStorage', KEY, language)
}

/** The sentences of one language: nobody fetches those of the others. */
export async function loadMessages(language: Language): Promise<Messages> {
  const { messages } = await CATALOGUES[language]()
  return messages
}

const CATALOGUES = {
  en: () => import('../locales/en.po'),
  fr: () => import('../locales/fr.po'),
}

function isLanguage(tag: string | undefined): tag is Language {
  return tag !== undefined && Object.hasOwn(LANGUAGES, tag)
}
