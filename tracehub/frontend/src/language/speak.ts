import { i18n, type Messages } from '@lingui/core'

import { keepLanguage, loadMessages, type Language } from './choice'

/** From now on everything is said in this language. */
export function speak(language: Language, messages: Messages) {
  document.documentElement.lang = language
  i18n.loadAndActivate({ locale: language, messages })
}

/** Fetches a language and keeps the choice; what cannot be fetched changes nothing. */
export async function switchTo(language: Language) {
  speak(language, await loadMessages(language))
  keepLanguage(language)
}

/** The language in which everything is said now. */
export function spokenLanguage(): Language {
  return i18n.locale === 'fr' ? 'fr' : 'en'
}
