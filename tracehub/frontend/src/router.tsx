import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  redirect,
  type RouterHistory,
} from '@tanstack/react-router'

import { LoginPage } from './auth/LoginPage'
import { credentials } from './auth/credentials'
import { NotFoundPage } from './layout/NotFoundPage'
import { Shell } from './layout/Shell'
import { UnexpectedError } from './layout/UnexpectedError'
import { ShipmentListPage } from './shipments/ShipmentListPage'

const root = createRootRoute({ notFoundComponent: NotFoundPage })

const login = createRoute({
  getParentRoute: () => root,
  path: '/login',
  // Undefined rather than absent: what is absent here, the router takes from the address as it is.
  validateSearch: ({ from }): { from?: string } => ({ from: isOwnPath(from) ? from : undefined }),
  beforeLoad: () => {
    if (credentials.current()) throw redirect({ to: '/shipments' })
  },
  component: LoginPage,
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
  validateSearch: ({ search }): { search?: string } => ({ search: asText(search) }),
  component: ShipmentListPage,
})

const newShipment = createRoute({
  getParentRoute: () => loggedIn,
  path: '/shipments/new',
  component: lazyRouteComponent(() => import('./shipments/NewShipmentPage'), 'NewShipmentPage'),
})

const shipment = createRoute({
  getParentRoute: () => loggedIn,
  path: '/shipments/$id',
  component: lazyRouteComponent(() => import('./shipments/ShipmentPage'), 'ShipmentPage'),
})

const routeTree = root.addChildren([
  login,
  loggedIn.addChildren([home, shipments, newShipment, shipment]),
])

export function createAppRouter(history?: RouterHistory) {
  return createRouter({
    routeTree,
    history,
    defaultPreload: 'intent',
    defaultErrorComponent: UnexpectedError,
    scrollRestoration: true,
  })
}

/** Only paths of this site: a link to the log-in page must not lead elsewhere afterwards. */
function isOwnPath(value: unknown): value is string {
  return typeof value === 'string' && /^\/(?![/\\])/.test(value)
}

/** The router reads `?search=4711` as a number; whoever typed it meant text. */
function asText(value: unknown): string | undefined {
  if (typeof value === 'number') return String(value)
  return typeof value === 'string' && value !== '' ? value : undefined
}

export type AppRouter = ReturnType<typeof createAppRouter>

declare module '@tanstack/react-router' {
  interface Register {
    router: AppRouter
  }
}
