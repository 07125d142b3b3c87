import { readFileSync } from 'node:fs'
import { extname } from 'node:path'

import type { BrowserContext, Page, Route } from '@playwright/test'

import type { Login } from '../src/api/types'

const folder = new URL('../', import.meta.url)

/** What the page's own web server says which scripts and styles may run. */
const policy = /Content-Security-Policy "([^"]+)"/.exec(
  readFileSync(new URL('Caddyfile', folder), 'utf8'),
)![1]!

const TYPES: Record<string, string> = {
  '.css': 'text/css',
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
  '.woff2': 'font/woff2',
}

/** By method and path, such as 'GET /api/shipments': a body, a whole answer, or what is done with the request. */
export type Answers = Record<string, object | ((route: Route) => void | Promise<void>)>

/** A request that is never answered. */
export const SILENCE = () => {}

export function problem(status: number, detail: string, headers: Record<string, string> = {}) {
  return (route: Route) =>
    route.fulfill({
      status,
      headers,
      contentType: 'application/problem+json',
      body: JSON.stringify({ type: 'about:blank', title: 'Problem', status, detail }),
    })
}

/** Serves the built page and these answers; what has none is refused as by a cut connection. */
export async function serve(context: BrowserContext, answers: Answers) {
  const all: Answers = {
    'GET /config.json': { environment: 'staging', release: '20260103t120000z-1a2b3c4d5e6f' },
    ...answers,
  }
  await measures(context, false)
  await context.route('**/*', async (route) => {
    const request = route.request()
    const { pathname } = new URL(request.url())
    const answer = all[`${request.method()} ${pathname}`]
    if (typeof answer === 'function') {
      await answer(route)
      return
    }
    if (answer) return route.fulfill({ json: answer })
    if (pathname.startsWith('/api/')) return route.abort()
    return route.fulfill(fileAt(pathname))
  })
}

function fileAt(pathname: string) {
  const name = extname(pathname) ? pathname : '/index.html'
  return {
    body: readFileSync(new URL(`dist${name}`, folder)),
    contentType: TYPES[extname(name)],
    headers: { 'Content-Security-Policy': policy },
  }
}

/** Opens an address as somebody who is logged in. */
export async function openAs(page: Page, login: Login, address: string) {
  await page.addInitScript((text) => {
    const isFirst = !sessionStorage.getItem('test.opened')
    sessionStorage.setItem('test.opened', 'yes')
    if (isFirst) localStorage.setItem('tracehub.credentials', text)
  }, JSON.stringify(login))
  await page.goto(address)
}

/** For people: with SCREENSHOTS, the folder in which they want to see what is tested. */
export async function photograph(page: Page, name: string) {
  const folder = process.env.SCREENSHOTS
  if (!folder) return
  await page.screenshot({ path: `${folder}/${name.replaceAll(/\W+/g, '-')}.png`, fullPage: true })
}

/** Whether a visit is one of those that are measured: the first number by chance says so. The others make ids, and must differ. */
export async function measures(context: BrowserContext, is: boolean) {
  await context.addInitScript(
    (first) => {
      const random = Math.random
      Math.random = () => {
        Math.random = random
        return first
      }
    },
    is ? 0 : 0.5,
  )
}
