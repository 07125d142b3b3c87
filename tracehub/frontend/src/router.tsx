import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  type RouterHistory,
} from '@tanstack/react-router'

import { NoAnswer, WAIT_MS } from './api/fetchInTime'
import { credentials } from './auth/credentials'
import { NotFoundPage } from './layout/NotFoundPage'
import { LoadingPage } from './layout/LoadingPage'
import { Root } from './layout/Root'
import { Shell } from './layout/Shell'
import { didNotCome, UnexpectedError } from './layout/UnexpectedError'
import { report } from './reports/report'
import { wantedOf } from './shipments/wanted'

const root = createRootRoute({ component: Root, notFoundComponent: NotFoundPage })

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  // Undefined rather than absent: what is absent here, the router takes from the address as it is.
  validateSearch: ({ from }): { from?: string } => ({ from: isOwnPath(from) ? from : undefined }),
  beforeLoad: () => {
    if (credentials.current()) throw redirect({ to: '/shipments' })
  },
  component: lazyRouteComponent(() => inTime(import('./auth/LoginPage')), 'LoginPage'),
})

const forgotten = createRoute({
  getParentRoute: () => root,
  path: '/forgotten',
  component: lazyRouteComponent(() => inTime(import('./auth/ForgottenPage')), 'ForgottenPage'),
})

const signUp = createRoute({
  getParentRoute: () => root,
  path: '/sign-up',
  component: lazyRouteComponent(() => inTime(import('./auth/SignUpPage')), 'SignUpPage'),
})

/** Everything below asks for a log-in first, and comes back to where one wanted to go. */
const loggedIn = createRoute({
  getParentRoute: () => root,
  id: 'logged-in',
  beforeLoad: ({ location }) => {
    if (credentials.current()) return
    const search = location.pathname === '/' ? {} : { from: location.href }
    throw redirect({ to: '/login', search })
  },
  component: Shell,
})

const home = createRoute({
  getParentRoute: () => loggedIn,
  path: '/',
  beforeLoad: () => {
    throw redirect({ to: '/shipments' })
  },
})

const shipments = createRoute({
  getParentRoute: () => loggedIn,
  path: '/shipments',
  validateSearch: wantedOf,
  component: lazyRouteComponent(
    () => inTime(import('./shipments/ShipmentListPage')),
    'ShipmentListPage',
  ),
})

const newShipment = createRoute({
  getParentRoute: () => loggedIn,
  path: '/shipments/new',
  component: lazyRouteComponent(
    () => inTime(import('./shipments/NewShipmentPage')),
    'NewShipmentPage',
  ),
})

const shipment = createRoute({
  getParentRoute: () => loggedIn,
  path: '/shipments/$id',
  component: lazyRouteComponent(() => inTime(import('./shipments/ShipmentPage')), 'ShipmentPage'),
})

const editShipment = createRoute({
  getParentRoute: () => loggedIn,
  path: '/shipments/$id/edit',
  component: lazyRouteComponent(
    () => inTime(import('./shipments/EditShipmentPage')),
    'EditShipmentPage',
  ),
})

const people = createRoute({
  getParentRoute: () => loggedIn,
  path: '/people',
  component: lazyRouteComponent(() => inTime(import('./people/PeoplePage')), 'PeoplePage'),
})

const partners = createRoute({
  getParentRoute: () => loggedIn,
  path: '/partners',
  component: lazyRouteComponent(() => inTime(import('./partners/PartnersPage')), 'PartnersPage'),
})

const partner = createRoute({
  getParentRoute: () => loggedIn,
  path: '/partners/$id',
  component: lazyRouteComponent(() => inTime(import('./partners/PartnerPage')), 'PartnerPage'),
})

const activity = createRoute({
  getParentRoute: () => loggedIn,
  path: '/activity',
  validateSearch: ({ kind, by }): { kind?: string; by?: string } => ({
    kind: typeof kind === 'string' ? kind : undefined,
    by: typeof by === 'string' ? by : undefined,
  }),
  component: lazyRouteComponent(() => inTime(import('./activity/ActivityPage')), 'ActivityPage'),
})

const account = createRoute({
  getParentRoute: () => loggedIn,
  path: '/account',
  component: lazyRouteComponent(() => inTime(import('./people/AccountPage')), 'AccountPage'),
})

/** For who has a link that was sent to them, whether or not somebody is logged in here. */
const welcome = createRoute({
  getParentRoute: () => root,
  path: '/welcome',
  component: lazyRouteComponent(() => inTime(import('./people/WelcomePage')), 'WelcomePage'),
})

const routeTree = root.addChildren([
  login,
  forgotten,
  signUp,
  welcome,
  loggedIn.addChildren([
    home,
    shipments,
    newShipment,
    shipment,
    editShipment,
    partners,
    partner,
    people,
    activity,
    account,
  ]),
])

export function createAppRouter(history?: RouterHistory) {
  return createRouter({
    routeTree,
    history,
    defaultPreload: 'intent',
    defaultErrorComponent: UnexpectedError,
    defaultOnCatch: (error) => report(error, { kind: didNotCome(error) ? 'script' : 'rendering' }),
    defaultPendingComponent: LoadingPage,
    scrollRestoration: true,
  })
}

/** A page whose script does not come is an error, not a wait without end. */
function inTime<Module>(script: Promise<Module>): Promise<Module> {
  const end = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new NoAnswer()), WAIT_MS.read)
  })
  return Promise.race([script, end])
}

/** Only paths of this site: a link to the log-in page must not lead elsewhere afterwards. */
function isOwnPath(value: unknown): value is string {
  return typeof value === 'string' && /^\/(?![/\\])/.test(value)
}

export type AppRouter = ReturnType<typeof createAppRouter>

declare module '@tanstack/react-router' {
  interface Register {
    router: AppRouter
  }
}
