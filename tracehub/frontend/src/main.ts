import { storedLogin } from './auth/storedLogin'
import { loadMessages, preferredLanguage } from './language/choice'
import { measureSome, report, reportUncaught } from './reports/report'

reportUncaught()
measureSome()

// Small, so that it is here first: it asks for the page that is about to be shown while the frame of the app is
// still on its way.
const language = preferredLanguage()
// What is seen until the app draws itself is in the page twice: this says which of the two.
document.documentElement.lang = language
const messages = loadMessages(language)

const isLogIn = window.location.pathname === '/login' || !storedLogin()
const page = isLogIn ? import('./auth/LoginPage') : import('./shipments/ShipmentListPage')

try {
  const [{ start }, sentences] = await Promise.all([import('./start'), messages, page])
  start(document.getElementById('root')!, language, sentences)
} catch (error) {
  console.error(error)
  report(error, { kind: 'script' })
  document.querySelector('.boot')?.setAttribute('data-failed', '')
}
