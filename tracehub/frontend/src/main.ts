import { storedLogin } from './auth/storedLogin'

// Small, so that it is here first: it asks for the page that is about to be shown while the frame of the app is
// still on its way.
const isLogIn = window.location.pathname === '/login' || !storedLogin()
const page = isLogIn ? import('./auth/LoginPage') : import('./shipments/ShipmentListPage')

try {
  const [{ start }] = await Promise.all([import('./start'), page])
  start(document.getElementById('root')!)
} catch (error) {
  console.error(error)
  document.querySelector('.boot')?.setAttribute('data-failed', '')
}
