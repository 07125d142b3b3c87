import type { OutputChunk } from 'rolldown'
import type { HtmlTagDescriptor, Plugin } from 'vite'

/**
 * `index.html` is shown as soon as it is there: no stylesheet stands before it, and what the app starts with is asked
 * for at once, not when the scripts that name it have come.
 */
export const firstPaint: Plugin = {
  name: 'first-paint',
  apply: 'build',
  transformIndexHtml: {
    order: 'post',
    handler(html, { bundle = {} }) {
      const chunks = Object.values(bundle).filter((file) => file.type === 'chunk')
      const start = chunks.find(({ facadeModuleId }) => facadeModuleId?.endsWith('/src/start.tsx'))
      if (!start) throw new Error('the build has no src/start.tsx')
      const scripts = withImports(start, chunks)
      const styles = new Set(
        scripts.flatMap((chunk) => [...(chunk.viteMetadata?.importedCss ?? [])]),
      )
      const wanted = [
        ...[...styles].map((file) => ({ rel: 'preload', as: 'style', href: `/${file}` })),
        ...scripts.map(({ fileName }) => ({ rel: 'modulepreload', href: `/${fileName}` })),
      ]
      return wanted.filter(({ href }) => !html.includes(`"${href}"`)).map(link)
    },
  },
}

/** A chunk, and all that it cannot run without. */
function withImports(chunk: OutputChunk, all: OutputChunk[], seen = new Set<OutputChunk>()) {
  seen.add(chunk)
  for (const name of chunk.imports) {
    const next = all.find(({ fileName }) => fileName === name)
    if (next && !seen.has(next)) withImports(next, all, seen)
  }
  return [...seen]
}

function link(attrs: Record<string, string>): HtmlTagDescriptor {
  return { tag: 'link', attrs: { ...attrs, crossorigin: true }, injectTo: 'head' }
}
