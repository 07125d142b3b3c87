import { gzipSync } from 'node:zlib'
import type { Plugin } from 'vite'

/** Bytes after gzip, of all files of a kind together: what the whole app costs somebody who visits every page. */
const budget = { js: 230_000, css: 45_000 }

/** Fails the build when the page has grown past its budget. To raise the budget is a decision: it stands above. */
export const sizeBudget: Plugin = {
  name: 'size-budget',
  apply: 'build',
  writeBundle(_options, bundle) {
    for (const [kind, allowed] of Object.entries(budget)) {
      const files = Object.values(bundle).filter((file) => file.fileName.endsWith(`.${kind}`))
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
