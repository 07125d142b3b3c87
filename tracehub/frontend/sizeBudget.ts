import { gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

/**
 * Bytes after gzip, of all files of a kind together: what the whole app costs somebody who visits every page. Beside it,
 * what few need: the second language, what tells us of errors and how fast it is, and the names of ports, fetched with a form.
 */
const budget = { js: 230_000, css: 45_000, rare: 50_000 }

const RARE = /\/(fr|sentry|vitals|ports)-[^/]*\.js$/

/** Fails the build when the page has grown past its budget. To raise the budget is a decision: it stands above. */
export const sizeBudget: Plugin = {
  name: 'size-budget',
  apply: 'build',
  writeBundle(_options, bundle) {
    const kindOf = (name: string) => (RARE.test(name) ? 'rare' : name.split('.').at(-1))
    for (const [kind, allowed] of Object.entries(budget)) {
      const files = Object.values(bundle).filter(({ fileName }) => kindOf(fileName) === kind)
      const size = files.reduce(
        (sum, file) => sum + gzipSync(file.type === 'chunk' ? file.code : file.source).length,
        0,
      )
      const figures = `${kind}: ${size.toString()} bytes after gzip, of ${allowed.toString()} allowed (sizeBudget.ts)`
      if (size > allowed) this.error(figures)
      console.log(figures)
    }
  },
}
